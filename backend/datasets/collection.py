"""All places and all real clouds of the development data, divided by split.csv."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .clear import chips, cities, landscapes, with_sar
from .pairs import SNOW, Veil, as_place, pairs, veil
from .place import Place, read_split
from .series import boadella, cubes, fields

VARIABLE = "UNCLOUDED_DATA"
MIN_VEIL = 0.1
"""Share of the image that a real cloud must cover to be transplanted."""


@dataclass(frozen=True)
class Collection:
    places: list[Place]
    veils: list[Veil]


def data_root() -> Path:
    """Gives the folder of the development data.

    Raises:
        InputError: It is not set, or holds no split.csv.
    """
    root = Path(os.environ.get(VARIABLE, ""))
    if VARIABLE not in os.environ or not (root / "split.csv").is_file():
        raise InputError(
            f"{VARIABLE} names no folder of training data (it would hold split.csv).",
            f"Set {VARIABLE} to the folder with the training data.",
        )
    return root


def load(root: Path, split: str) -> Collection:
    """Reads everything of one split into memory.

    Args:
        root: See data_root.
        split: `train` or `validation`.
    """
    splits = read_split(root)
    couples = [pair for pair in pairs(root) if split_of(pair.name, splits) == split]
    single = itertools.chain(
        cities(root), landscapes(root), chips(root), with_sar(root), boadella(root), fields(root), cubes(root)
    )
    places = [place for place in single if split_of(place.name, splits) == split]
    veils = [veil(pair) for pair in couples if SNOW not in pair.name]
    return Collection(
        places + [as_place(pair) for pair in couples], [v for v in veils if (v.opacity > 0.1).mean() > MIN_VEIL]
    )


def split_of(name: str, splits: dict[str, str]) -> str:
    """Gives the split of a place: that of the longest entry that its name begins with."""
    parts = name.split("/")
    for length in range(len(parts), 0, -1):
        found = splits.get("/".join(parts[:length]))
        if found is not None:
            return found
    return ""
