"""Puts what pip, venv and uv say when they fail into words that say what to do."""

from __future__ import annotations

import sys

from ...backend.errors import BackendError


def explain(output: str, platform: str = sys.platform) -> BackendError:
    """Finds the cause in the output of a failed program; for an unknown one, gives its last lines."""
    raise NotImplementedError
