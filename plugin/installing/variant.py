"""CPU or CUDA: which build of torch this machine can use, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Variant:
    """One build of the backend's libraries."""

    name: str
    """`cpu` or `cuda`."""
    reason: str
    """Why this one, in a sentence for the user."""
    requirements: Path
    """The file of pins."""
    index: str
    """Package index that has this build of torch; empty where the usual one has it."""
    download_bytes: int
    disk_bytes: int
    """What lies on the disk afterwards."""


def choose_variant(wanted: str = "") -> Variant:
    """Chooses by what the NVIDIA driver supports.

    Args:
        wanted: `cpu` or `cuda` overrides the choice.

    Raises:
        BackendError: Another name was given.
    """
    raise NotImplementedError
