"""What is in the folder of the environment."""

from __future__ import annotations

from enum import Enum
from pathlib import Path


class State(Enum):
    """The state of the environment."""

    MISSING = "missing"
    HALF_MADE = "half-made"
    """An installation was cut off, or runs."""
    OUTDATED = "outdated"
    """This version of the plugin requires other libraries: update."""
    READY = "ready"


def state(target: Path) -> State:
    """Tells what is in a folder; reads one small file."""
    raise NotImplementedError
