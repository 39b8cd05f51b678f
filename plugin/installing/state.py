"""What is in the folder of the environment."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Mapping

from ..environment import interpreter_of
from .pins import hash_of
from .stamp import read_stamp
from .variant import requirements_of


class State(Enum):
    """The state of the environment."""

    MISSING = "missing"
    HALF_MADE = "half-made"
    """An installation was cut off or runs, or the environment has lost the Python that it was made from."""
    OUTDATED = "outdated"
    """This version of the plugin requires other libraries: update."""
    READY = "ready"


def state(target: Path) -> State:
    """Tells what is in a folder; reads small files only.

    A folder that is not ours counts as missing; make_plan refuses to install into it.
    """
    stamp = read_stamp(target)
    if stamp is None:
        return State.MISSING
    if not stamp.complete or not has_python(target):
        return State.HALF_MADE
    try:
        current = hash_of(requirements_of(stamp.variant))
    except (KeyError, OSError):
        return State.OUTDATED
    return State.READY if stamp.requirements == current else State.OUTDATED


def has_python(target: Path, platform: str = sys.platform) -> bool:
    """Tells whether an environment has its interpreter, and that one the Python that it was made from."""
    home = read_configuration(target).get("home", "")
    return interpreter_of(target, platform).is_file() and Path(home).is_dir()


def read_configuration(target: Path) -> Mapping[str, str]:
    """Gives the entries of an environment's pyvenv.cfg; none if it cannot be read."""
    try:
        lines = (target / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    pairs = (line.partition("=") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}
