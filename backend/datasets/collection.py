"""What samples are drawn from: places, real clouds to lay over them, and what ground looks like where nobody knows."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..sensors import NAMES
from .clear import chips, cities, landscapes, with_sar
from .development import pairs
from .pairs import Veil, veil_of
from .place import Place, read_split
from .series import boadella, cubes, fields
from .source import Loaded, Source, nothing_found

VARIABLE = "UNCLOUDED_DATA"
PRIOR_PLACES = 200
MAX_VEILS = 64
"""They are held in memory: 3.7 MB each for 256 x 256 px."""


@dataclass(frozen=True)
class Collection:
    places: list[Place] | Source
    veils: list[Veil]
    prior: dict[str, float]
    """Mean reflectance of each band, assumed where nothing is clear."""

    @property
    def names(self) -> Sequence[str]:
        """Of the places; a source is not read for them."""
        return self._source.names

    @property
    def shares(self) -> NDArray[np.float64] | None:
        """(N,) how often each place is drawn, in sum 1; None if all are alike."""
        weights = self._source.weights
        return None if np.ptp(weights) == 0 else weights / weights.sum()

    @property
    def _source(self) -> Source:
        return Loaded(self.places) if isinstance(self.places, list) else self.places


def collect(source: Source, limit: int = PRIOR_PLACES) -> Collection:
    """Looks at some places of a source for the prior and for up to MAX_VEILS clouds; the rest is left unread.

    Args:
        source: What is drawn from.
        limit: How many places are looked at; which ones is chosen at random, in the same way each time.

    Raises:
        InputError: Files of one of them are bad (source.Tolerant passes over them).
    """
    count = len(source)
    looked_at: Sequence[int] = range(count)
    if count > limit:
        looked_at = sorted(np.random.default_rng(0).choice(count, limit, replace=False).tolist())
    means = Means()
    veils: list[Veil] = []
    for index in looked_at:
        place = source[index]
        means.add(place)
        veil = veil_of(place) if len(veils) < MAX_VEILS else None
        if veil is not None:
            veils.append(veil)
    return Collection(source, veils, means.prior())


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
    """Reads the development data of one split into memory, and looks at all of it; clouds are those of its pairs.

    Args:
        root: See data_root.
        split: `train` or `validation`.
    """
    source = read_shared(root, split)
    means = Means()
    for place in source:
        means.add(place)
    veils = [veil_of(place) for place in source if place.bands == NAMES]
    return Collection(source, [veil for veil in veils if veil is not None], means.prior())


def read_shared(root: Path, split: str) -> Loaded:
    """Reads the development data of one split into memory.

    Raises:
        InputError: There is none.
    """
    if not (root / "split.csv").is_file():
        raise nothing_found("split.csv, clear_l1c/, triples/ and so on", root)
    splits = read_split(root)
    every = itertools.chain(
        cities(root),
        landscapes(root),
        chips(root),
        with_sar(root),
        boadella(root),
        fields(root),
        cubes(root),
        pairs(root),
    )
    places = [place for place in every if split_of(place.name, splits) == split]
    if not places:
        raise InputError(f"{root / 'split.csv'} names no place of the split {split!r}.", "Use train or validation.")
    return Loaded(places)


class Means:
    """The mean of each band over places, weighted as they are drawn; 0 for a band that no place has."""

    def __init__(self) -> None:
        self._sums, self._counts = np.zeros(len(NAMES)), np.zeros(len(NAMES))

    def add(self, place: Place) -> None:
        """Counts the clear pixels of a place."""
        slots = [NAMES.index(name) for name in place.bands]
        days = [day for day in place.days if day.clear.any()]
        for day in days:
            share = place.weight / len(days)
            self._sums[slots] += share * day.optical[:, day.clear].mean(axis=1)
            self._counts[slots] += share

    def prior(self) -> dict[str, float]:
        """Gives the means."""
        means = self._sums / np.maximum(self._counts, 1e-12)
        return {name: round(float(mean), 4) for name, mean in zip(NAMES, means, strict=True)}


def split_of(name: str, splits: dict[str, str]) -> str:
    """Gives the split of a place: that of the longest entry that its name begins with."""
    parts = name.split("/")
    for length in range(len(parts), 0, -1):
        found = splits.get("/".join(parts[:length]))
        if found is not None:
            return found
    return ""
