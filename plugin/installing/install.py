"""Installs, repairs, updates and removes the backend's environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .plan import Plan
from .proof import Proof


@dataclass(frozen=True)
class Step:
    """How far an installation has come."""

    fraction: float
    """0..1"""
    text: str
    """What it does now, with the name of the package."""


@dataclass(frozen=True)
class Network:
    """How the network is reached; goes into the environment of pip's process, never onto a command line."""

    proxy: str = ""
    """http://user:password@host:port; empty for what the system says."""
    certificates: str = ""
    """File of certificates to trust; empty for the usual ones."""


Say = Callable[[Step], None]
Cancelled = Callable[[], bool]


def install(plan: Plan, say: Say, cancelled: Cancelled, network: Network = Network()) -> Proof:
    """Makes the environment and lets the backend prove itself; goes on where an earlier attempt ended.

    Blocks for minutes: call it in a thread. `say` is called in that thread.

    Raises:
        BackendError: It failed; the words say why and what to do.
        Cancelled: `cancelled` was true. What was downloaded stays for the next attempt; nothing looks installed.
    """
    raise NotImplementedError


def update(plan: Plan, say: Say, cancelled: Cancelled, network: Network = Network()) -> Proof:
    """Brings an outdated environment to the requirements of this version; only what changed is downloaded."""
    raise NotImplementedError


def repair(plan: Plan, say: Say, cancelled: Cancelled, network: Network = Network()) -> Proof:
    """Makes the environment anew, whatever is there."""
    raise NotImplementedError


def remove(target: Path) -> None:
    """Removes the environment, what was downloaded for it, and its lock.

    Raises:
        BackendError: The folder is not ours, is being installed into, or a file in it is in use.
    """
    raise NotImplementedError
