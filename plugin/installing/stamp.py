"""The file that says that an environment is ours, what is in it, and whether it is whole: written first and last."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

NAME = "unclouded.json"


@dataclass(frozen=True)
class Stamp:
    """What an environment was made from."""

    variant: str
    requirements: str
    """Hash of the pins."""
    base: str
    """Path of the Python that it was made from."""
    plugin: str
    """Version of the plugin."""
    complete: bool
    """False from the begin of an installation until the backend has proved itself."""


def read_stamp(target: Path) -> Optional[Stamp]:
    """Gives the stamp of an environment; None where there is none that can be read."""
    try:
        return Stamp(**json.loads((target / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_stamp(target: Path, stamp: Stamp) -> None:
    """Writes the stamp so that it is there whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    aside = target / (NAME + ".part")
    with aside.open("w", encoding="utf-8") as file:
        json.dump(asdict(stamp), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, target / NAME)


def is_whole(target: Path) -> bool:
    """Tells whether an environment was installed to the end."""
    stamp = read_stamp(target)
    return stamp is not None and stamp.complete
