"""A catalogue of a small piece of land, served by a program of the backend's tests in the backend's Python."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from unclouded.plugin.environment import interpreter_of

CHECKOUT = Path(__file__).parents[2]
WORLDS = ["-m", "tests.backend.catalogue.worlds"]
LEFT, TOP = 601_000.0, 5_099_500.0
"""A place in the land, in UTM zone 32."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves a catalogue and gives its address; skips the test where there is no backend."""
    python = interpreter_of(CHECKOUT / ".venv")
    if not python.is_file():
        pytest.skip(f"no backend in {python}: run make")
    folder.mkdir()
    with subprocess.Popen(
        [python, *WORLDS, folder], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
