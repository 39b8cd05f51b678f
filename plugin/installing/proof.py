"""The backend proves itself: a generator runs on the device, in the backend's own process."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

from ...backend.errors import BackendError, Cancelled
from ..environment import ROOT
from ..worker import START
from .running import Programs

TIMEOUT_S = 180


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


def prove(python: Path, device: str = "auto", programs: Optional[Programs] = None) -> Proof:
    """Lets the backend of an interpreter run its generator on a small tile; takes some seconds.

    Args:
        python: The backend's interpreter.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        programs: What runs it; can be cancelled.

    Raises:
        BackendError: It does not run at all.
        Cancelled: The user wants no more.
    """
    told = ask_backend(python, ["--check", "--device", device], programs)
    try:
        return Proof(**told["proof"])
    except (KeyError, TypeError):
        raise BackendError(
            f"The backend of {python} gave no proof that it runs.", "Press Repair; if it happens again, report it."
        ) from None


def ask_backend(python: Path, arguments: List[str], programs: Optional[Programs] = None) -> Dict[str, Any]:
    """Gives what `unclouded info --json` prints, started in the way in which the worker is started.

    Args:
        python: The backend's interpreter.
        arguments: More options of that command.
        programs: What runs it; if None, it is given up after TIMEOUT_S.

    Raises:
        BackendError: It does not run.
        Cancelled: The user wants no more.
    """
    lines: List[str] = []
    command = [str(python), "-I", "-c", START.format(plugins=str(ROOT.parent)), "info", "--json", *arguments]
    end = time.monotonic() + TIMEOUT_S
    try:
        (programs or Programs(lambda: time.monotonic() > end, {})).run(command, on_line=lines.append)
    except Cancelled:
        if programs is not None:
            raise
        raise BackendError(f"The backend of {python} did not answer within {TIMEOUT_S} s.", "Press Repair.") from None
    for line in reversed(lines):
        if line.startswith("{"):
            try:
                return dict(json.loads(line))
            except ValueError:
                break
    raise BackendError(f"The backend of {python} told nothing about itself.", "Press Repair.")
