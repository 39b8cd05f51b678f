"""The Python from which the backend's environment is made: where one may lie, and what is wrong with it if it does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Mapping, Optional, Tuple


@dataclass(frozen=True)
class BasePython:
    """An interpreter that was asked about itself."""

    path: Path
    version: Tuple[int, int, int]
    machine: str
    """As platform.machine() says: x86_64, AMD64, arm64, aarch64."""
    problem: str = ""
    """Why it does not fit, in a sentence; empty if it fits."""


def find_bases(
    platform: str, executable: Path, prefix: Path, environ: Mapping[str, str], exists: Callable[[Path], bool]
) -> List[Path]:
    """Gives the interpreters that there are, the likeliest first, none twice.

    Args:
        platform: As sys.platform says.
        executable: sys.executable, which on Windows and macOS may be QGIS itself.
        prefix: sys.base_prefix.
        environ: The environment variables.
        exists: Tells whether a file exists.
    """
    raise NotImplementedError


def examine(path: Path) -> BasePython:
    """Runs an interpreter and asks it about itself; takes a second or so."""
    raise NotImplementedError


def choose_base(bases: Optional[List[Path]] = None) -> BasePython:
    """Gives the first interpreter that fits; if none does, the first one, with its problem.

    Args:
        bases: Interpreters to ask; those of this machine if None.
    """
    raise NotImplementedError
