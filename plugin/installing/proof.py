"""The backend proves itself: a generator runs on the device, in the backend's own process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Proof:
    """What ran, where, and how fast."""

    device: str
    """cuda:0, mps or cpu"""
    label: str
    """Name of the device for people."""
    milliseconds: float
    """Time of one tile."""
    warning: str = ""
    """Why it is not the device that was wanted; empty if all is well."""


def prove(python: Path, device: str = "auto") -> Proof:
    """Lets the backend of an interpreter run its generator on a small tile.

    Raises:
        BackendError: It does not run at all.
    """
    raise NotImplementedError
