"""All places and all real clouds of the development data, divided by split.csv."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..sensors import NAMES
from .clear import chips, cities, landscapes, with_sar
from .pairs import SNOW, Veil, as_place, pairs, take_veil
from .place import Place, read_split
from .series import boadella, cubes, fields

VARIABLE = "UNCLOUDED_DATA"
MIN_VEIL = 0.1
"""Share of the image that a real cloud must cover to be transplanted."""


@dataclass(frozen=True)
class Collection:
    places: list[Place]
    veils: list[Veil]
    prior: dict[str, float]
    """Mean reflectance of each band, assumed where nothing is clear."""


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
    veils = [take_veil(pair) for pair in couples if SNOW not in pair.name]
    places += [as_place(pair) for pair in couples]
    veils = [veil for veil in veils if (veil.opacity > 0.1).mean() > MIN_VEIL]
    return Collection(places, veils, mean_reflectance(places))


def mean_reflectance(places: Sequence[Place]) -> dict[str, float]:
    """Gives the mean of each band over the places, weighted as they are drawn; 0 for a band that no place has."""
    sums, counts = np.zeros(len(NAMES)), np.zeros(len(NAMES))
    for place in places:
        slots = [NAMES.index(name) for name in place.bands]
        days = [day for day in place.days if day.clear.any()]
        for day in days:
            share = place.weight / len(days)
            sums[slots] += share * day.optical[:, day.clear].mean(axis=1)
            counts[slots] += share
    means = sums / np.maximum(counts, 1e-12)
    return {name: round(float(mean), 4) for name, mean in zip(NAMES, means, strict=True)}


def split_of(name: str, splits: dict[str, str]) -> str:
    """Gives the split of a place: that of the longest entry that its name begins with."""
    parts = name.split("/")
    for length in range(len(parts), 0, -1):
        found = splits.get("/".join(parts[:length]))
        if found is not None:
            return found
    return ""
