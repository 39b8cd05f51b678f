"""Who trains, who validates, who tests: by place, never by patch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal, get_args

from ..errors import UsageError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
HELD_BACK = 0.1
"""Share of the places that validates, and share that tests, where nobody else has decided."""


def as_split(text: str) -> Split:
    """Gives the split that a word names; `val` is one of its names in the wild.

    Raises:
        UsageError: It names none.
    """
    for split in SPLITS:
        if text == split or (text == "val" and split == "validation"):
            return split
    raise UsageError(f"There is no split {text!r}.", f"Known: {', '.join(SPLITS)}.")


def by_hash(place: str) -> Split:
    """Divides the places of a public data set: a place falls on the same side in every copy, even a partial one."""
    share = _number(place)
    return "validation" if share < HELD_BACK else "test" if share < 2 * HELD_BACK else "train"


def ranked(places: Iterable[str]) -> dict[str, Split]:
    """Divides a handful of places so that each split gets some: of three or more, at least one each.

    Places that are added or taken away can move others to another side; split.csv holds them where they are.
    """
    order = sorted(set(places), key=_number)
    held = max(round(HELD_BACK * len(order)), int(len(order) > 2))
    return {
        place: "validation" if rank < held else "test" if rank < 2 * held else "train"
        for rank, place in enumerate(order)
    }


def _number(place: str) -> float:
    """Gives a number from 0 to 1 that depends on nothing but the name."""
    return int.from_bytes(hashlib.blake2b(place.encode(), digest_size=6).digest(), "big") / 2**48
