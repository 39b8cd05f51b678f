"""A Python that the program uv downloads and keeps in a folder of ours, where none on the machine fits."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Callable, List, Optional

from ...backend.errors import BackendError
from .base_python import BasePython, bases_here, examine
from .places import downloads, pythons
from .running import Programs

VERSION = "3.12"
UV = "uv==0.13.9"
REQUEST = f"cpython-{VERSION}-macos-aarch64-none" if sys.platform == "darwin" else VERSION
"""What uv is asked for; on Macs one for Apple silicon, also by a uv that runs under Rosetta."""


def find_managed(target: Path) -> List[Path]:
    """Gives the Pythons that uv has put beside an environment."""
    pattern = f"cpython-{VERSION}*/python.exe" if sys.platform == "win32" else f"cpython-{VERSION}*/bin/python{VERSION}"
    return sorted((pythons(target) / "versions").glob(pattern))


def install_managed(target: Path, programs: Programs, say: Callable[[str], None]) -> BasePython:
    """Downloads a Python, and uv where it is missing.

    Args:
        target: Folder of the environment; the Python is put beside it.
        programs: What runs the programs.
        say: Gets what is being done, in words.

    Raises:
        BackendError: It cannot be had.
        Cancelled: The user wants no more.
    """
    uv = _find_uv(target)
    if uv is None:
        say("Downloading uv")
        uv = _install_uv(target, programs)
    say(f"Downloading Python {VERSION}")
    programs.environ.update(
        UV_PYTHON_INSTALL_DIR=str(pythons(target) / "versions"),
        UV_CACHE_DIR=str(downloads(target) / "uv"),
        UV_PYTHON_INSTALL_BIN="0",
        UV_PYTHON_INSTALL_REGISTRY="0",
    )
    programs.run([str(uv), "python", "install", "--no-progress", REQUEST])
    for path in find_managed(target):
        base = examine(path)
        if not base.problem:
            return base
    raise BackendError(
        f"uv has installed no Python {VERSION} that fits into {pythons(target)}.",
        "Install Python 3.12 yourself, then press Install again.",
    )


def _find_uv(target: Path) -> Optional[Path]:
    found = shutil.which("uv") or shutil.which("uv", path=str(pythons(target) / "uv" / "bin"))
    return Path(found) if found else None


def _install_uv(target: Path, programs: Programs) -> Path:
    """Installs uv into a folder of its own, with the pip of any Python that has one."""
    folder = pythons(target) / "uv"
    arguments = ["install", "--no-deps", "--only-binary=:all:", "--no-input", "--target", str(folder), UV]
    failure: Optional[BackendError] = None
    for python in bases_here():
        try:
            programs.python(python, "pip", arguments)
        except BackendError as error:
            failure = error
            continue
        uv = _find_uv(target)
        if uv is not None:
            return uv
    raise failure or BackendError(
        "There is no Python on this machine that could download another one.", "Install Python 3.12 from python.org."
    )
