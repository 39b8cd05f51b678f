"""What an installation will do, before it does it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

from ...backend.errors import BackendError
from ..environment import user_environment
from .base_python import BasePython, bases_here, choose_base
from .managed_python import VERSION as MANAGED_VERSION
from .managed_python import find_managed
from .pins import System, missing_wheels
from .places import check_ours, free_bytes, held_bytes
from .stamp import is_whole, read_stamp
from .variant import Variant, choose_variant

MANAGED_BYTES = 150_000_000
NAMED = 6
"""Missing wheels that are named; of the others, the number."""


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

    @property
    def needed_bytes(self) -> int:
        """What the disk must have free: the libraries, and for a while their wheels in pip's cache and unpacked."""
        wheels = 0 if self.wheels else 2 * self.variant.download_bytes
        return self.variant.disk_bytes + wheels + (MANAGED_BYTES if self.needs_uv else 0)

    def summary(self) -> str:
        """Says to the user what will be installed, where, and how large it is; several lines."""
        variant = self.variant
        origin = f"from {self.wheels}" if self.wheels else f"about {in_words(variant.download_bytes)} to download"
        python = f"Python {'.'.join(map(str, self.base.version))}: {self.base.path}"
        if self.needs_uv:
            python = (
                f"Python {MANAGED_VERSION}, which the program uv downloads from its publisher (for Unclouded only): "
                f"{self.base.problem}"
            )
        return "\n".join(
            (
                f"What: PyTorch and the other libraries of the backend, {variant.name.upper()} variant, {origin}.",
                f"Why this variant: {variant.reason}",
                f"Where: {self.target}",
                f"Size: about {in_words(variant.disk_bytes)} on the disk, while installing up to "
                f"{in_words(self.needed_bytes)}; {in_words(self.free_bytes)} are free.",
                f"With: {python}",
            )
        )


def make_plan(variant: str = "", wheels: Optional[Path] = None, target: Optional[Path] = None) -> Plan:
    """Makes a plan; runs a few small programs, so not in the thread of the window.

    Args:
        variant: `cpu` or `cuda`; if empty, that which is installed, else that which fits the machine.
        wheels: Folder of wheels, for an installation without network.
        target: Folder of the environment; the user's environment if None.

    Raises:
        BackendError: No Python fits and none can be had, wheels are missing, or the disk is too full.
    """
    target = target or user_environment()
    check_ours(target)
    base = choose_base([*bases_here(), *find_managed(target)])
    if base.problem and (wheels or not base.curable):
        raise BackendError(
            base.problem,
            "Install a Python that fits (3.10 to 3.14, 64 bit)." if base.curable else "Use another machine.",
        )
    stamp = read_stamp(target)
    kept = stamp.variant if stamp and is_whole(target) else ""
    plan = Plan(target, base, choose_variant(variant or kept), wheels, bool(base.problem), free_bytes(target))
    check_wheels(plan)
    check_space(plan)
    return plan


def check_wheels(plan: Plan) -> None:
    """Names the wheels that an offline folder lacks.

    Raises:
        BackendError: It lacks some.
    """
    if plan.wheels is None:
        return
    if not plan.wheels.is_dir():
        raise BackendError(f"The folder of wheels {plan.wheels} does not exist.", "Choose another one.")
    base = plan.base
    missing = missing_wheels(
        plan.variant.requirements, plan.wheels, System(base.version[:2], sys.platform, base.machine)
    )
    if missing:
        raise BackendError(
            f"The folder {plan.wheels} lacks wheels for Python {base.version[0]}.{base.version[1]} on this system: "
            f"{_some(list(map(str, missing)))}.",
            f"Fill it where there is a network, on the same system: pip download --no-deps --only-binary=:all: "
            f"-r {plan.variant.requirements} -d FOLDER",
        )


def check_space(plan: Plan) -> None:
    """Looks whether the disk has room.

    Raises:
        BackendError: It has not.
    """
    free, needed = free_bytes(plan.target), plan.needed_bytes
    if free < needed:
        needed -= held_bytes(plan.target)
    if free < needed:
        raise BackendError(
            f"The disk of {plan.target} has {in_words(free)} free; up to {in_words(needed)} are needed.",
            "Free space, choose the CPU variant, or set a data folder on another disk.",
        )


def in_words(size_bytes: int) -> str:
    """Gives a size for people: 402 MB, 2.9 GB."""
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes < 999_500_000 else f"{size_bytes / 1e9:.1f} GB"


def _some(names: List[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
