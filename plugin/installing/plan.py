"""What an installation will do, before it does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from .base_python import BasePython
from .variant import Variant


@dataclass(frozen=True)
class Plan:
    """An installation to be."""

    target: Path
    base: BasePython
    variant: Variant
    wheels: Optional[Path]
    """Folder of wheels to install from instead of the network."""
    needs_uv: bool
    """No Python here fits: one has to be downloaded by uv, and the user asked first."""
    free_bytes: int

    def summary(self) -> str:
        """Says to the user what will be installed, where, and how large it is; several lines."""
        raise NotImplementedError


def make_plan(variant: str = "", wheels: Optional[Path] = None, target: Optional[Path] = None) -> Plan:
    """Makes a plan; runs a few small programs, so not in the thread of the window.

    Args:
        variant: `cpu` or `cuda`; empty chooses.
        wheels: Folder of wheels, for an installation without network.
        target: Folder of the environment; the user's environment if None.

    Raises:
        BackendError: No Python fits and none can be had, wheels are missing, or the disk is too full.
    """
    raise NotImplementedError
