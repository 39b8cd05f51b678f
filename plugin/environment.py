"""Finds the interpreter that runs the backend. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Mapping

from ..backend.errors import BackendError
from ..backend.userdata import user_data
from .installing.stamp import read_stamp

VARIABLE = "UNCLOUDED_PYTHON"
ROOT = Path(__file__).absolute().parents[1]
"""The plugin's folder. Links are not followed: in QGIS it is called `unclouded`, a checkout may have any name."""


class NotInstalled(BackendError):
    """Nobody named an interpreter, and none of the usual places has one."""


def find_python(setting: str = "", environ: Mapping[str, str] = os.environ, root: Path = ROOT) -> Path:
    """Finds the backend's interpreter: the setting, UNCLOUDED_PYTHON, the user's environment, the checkout's `.venv`.

    Args:
        setting: What the user set; empty if nothing.
        environ: The environment variables to look into.
        root: The plugin's folder.

    Raises:
        NotInstalled: There is none. An environment whose installation was cut off does not count.
        BackendError: The one that was named does not exist.
    """
    for named, origin in ((setting, "in the settings of Unclouded"), (environ.get(VARIABLE, ""), f"in {VARIABLE}")):
        if named.strip():
            return _named(Path(named.strip()).expanduser(), origin)
    places = (user_environment(environ), root / ".venv")
    for place in places:
        if interpreter_of(place).is_file() and not _is_half_made(place):
            return interpreter_of(place)
    raise NotInstalled(
        f"The backend is not installed: there is no Python environment in {places[0]} nor in {places[1]}.",
        what_to_do(root),
    )


def what_to_do(root: Path = ROOT) -> str:
    """Says how to get a backend: by make in a checkout, by the dock's button where the plugin came as a zip."""
    choose = "choose a Python that has its libraries in the settings of Unclouded"
    if (root / "Makefile").is_file():
        return f"Run `make install-plugin` in {root}; or open Unclouded's dock and press Install; or {choose}."
    return f"Open Unclouded's dock and press Install; or {choose}."


def user_environment(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Gives the folder of the environment that belongs to the user."""
    return user_data(environ, platform) / "environment"


def interpreter_of(environment: Path, platform: str = sys.platform) -> Path:
    """Gives the interpreter of a virtual environment, whether it exists or not."""
    return environment / ("Scripts/python.exe" if platform == "win32" else "bin/python")


def _is_half_made(environment: Path) -> bool:
    stamp = read_stamp(environment)
    return stamp is not None and not stamp.complete


def _named(path: Path, origin: str) -> Path:
    python = interpreter_of(path) if path.is_dir() else path
    if not python.is_file():
        raise BackendError(
            f"The Python {path} that is set {origin} does not exist.",
            "Correct it, or leave it empty to use the default place.",
        )
    return python
