"""The cases that are measured: windows of places that no model has seen, each with its truth, drawn one by one."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..datasets.choices import Choices
from ..datasets.collection import Collection
from ..datasets.place import Place
from ..datasets.registry import DATASETS, open_collection, root_of
from ..datasets.samples import Sample, draw_scene, suits_scene
from ..datasets.source import Tolerant
from ..errors import InputError, UsageError
from ..observation import Observation
from ..sensors import NAMES, Bool

TRUTHS = {"same-day": "mixed", "other-day": "real"}
"""What a case's truth is, and the clouds that datasets.choices draws for it."""
PAIRS = "folder"
"""The data set that a table of pairs is."""
SHARED_MARKS = ("split.csv", "clear_l1c")
MEASURED = 0.05
"""Least share of pixels whose truth is known."""
BAD_FILES, NO_SUCH_DAY, NO_TRUTH = (
    "its files are bad",
    "no day of the place serves: real clouds need one that is less than 95 % clear, others a clear one",
    "the truth is known of less than 5 % of it",
)
"""Why a case cannot be measured."""


@dataclass(frozen=True)
class Case:
    name: str
    """Of the place, and its number if there are several of it."""
    group: str
    """Cases of one group show the same ground."""
    sample: Sample
    labels: tuple[str, ...]
    """Classes of the land, where the data set knows them."""
    shown: Observation | None = None
    """What methods are given; None for the sample's own observation, whose mask tells what is replaced."""
    haze: Bool | None = None
    """(H, W) what lies under haze in truth; None in cases of clouds."""

    @property
    def cover(self) -> float:
        """Share of the measured pixels that are cloud or shadow, or under haze."""
        seen = self.sample.observation
        covered = seen.cloud if self.haze is None else self.haze & seen.valid
        return float(covered.sum() / max(seen.valid.sum(), 1))

    def given(self, told: bool = False) -> Observation:
        """Gives what a method sees.

        Args:
            told: Whether its mask is what lies under haze in truth, in a case of haze.
        """
        seen = self.shown or self.sample.observation
        return dataclasses.replace(seen, cloud=self.haze) if told and self.haze is not None else seen


@dataclass(frozen=True)
class Cases:
    """Cases by number: each is the same whenever it is asked for.

    Args:
        collection: Places and clouds.
        choices: What a case has.
        each: How many of each place.
        seed: Fixes them.
    """

    collection: Collection
    choices: Choices
    each: int
    seed: int

    def __len__(self) -> int:
        return self.each * len(self.collection.places)

    def __getitem__(self, index: int) -> Case | None:
        """Draws a case; None if the place has no such one."""
        found = self.draw(index)
        return None if isinstance(found, str) else found

    def draw(self, index: int) -> Case | str:
        """Draws a case, or says why there is none. All places come once before any comes again."""
        number, turn = divmod(index, len(self.collection.places))
        place = self._place(int(self.order[turn]))
        if place is None:
            return BAD_FILES
        if not suits_scene(place, self.choices):
            return NO_SUCH_DAY
        rng = np.random.default_rng((self.seed, number, *place.name.encode()))
        sample = draw_scene(place, self.collection, rng, self.choices)
        if sample.known.mean() < MEASURED:
            return NO_TRUTH
        name = place.name if self.each == 1 else f"{place.name} #{number + 1}"
        return Case(name, place.group or place.name, _honest(sample), place.labels)

    @functools.cached_property
    def order(self) -> NDArray[np.int64]:
        """(N,) the places as they come, shuffled by the seed: the first few are not neighbours."""
        return np.random.default_rng(self.seed).permutation(len(self.collection.places))

    def _place(self, position: int) -> Place | None:
        """Reads a place; None if its files are bad, for which a tolerant source gives the next one."""
        places = self.collection.places
        try:
            place = places[position]
        except InputError:
            return None
        bad = isinstance(places, Tolerant) and places.names[position] in places.bad
        return None if bad else place


def choose(truth: str, bands: Sequence[str] | None, sar: bool, dates: int) -> Choices:
    """Gives what a case has: nothing is turned, brightened or dropped, and dates are real ones.

    Raises:
        UsageError: A band or the kind of truth is unknown.
    """
    unknown = [name for name in bands or () if name not in NAMES]
    if unknown or truth not in TRUTHS:
        raise UsageError(
            f"{', '.join(unknown) or truth!r} is unknown.",
            f"Bands: {', '.join(NAMES)}. Kinds of truth: {', '.join(TRUTHS)}.",
        )
    return Choices(
        clouds="real" if truth == "other-day" else "mixed",
        bands=tuple(bands) if bands else NAMES,
        dates=dates,
        real_dates=True,
        sar=sar,
        turns=False,
        gain=0.0,
        haze=0.0,
        edge=0.0,
        shuffle_dates=False,
    )


def _honest(sample: Sample) -> Sample:
    """Takes away SAR and dates that are there by name only."""
    seen = sample.observation
    if seen.sar is not None and np.isnan(seen.sar).all():
        seen = dataclasses.replace(seen, sar=None)
    if seen.dates_clear is not None and not seen.dates_clear.any():
        seen = dataclasses.replace(seen, dates=None, dates_clear=None, days=None, dates_matched=None, dates_error=None)
    return dataclasses.replace(sample, observation=seen)


def open_places(data: str | None, dataset: str | None, split: str) -> tuple[str, Collection]:
    """Opens the places of a split.

    Args:
        data: Root of a data set, or a CSV of pairs; None for UNCLOUDED_DATA.
        dataset: Its name; None to tell from the data.
        split: train, validation or test.

    Returns:
        The name of the data set, and its places; files that are bad are left out with a warning.

    Raises:
        UsageError: There is no such data set or split, or what the root holds cannot be told.
        InputError: The root is not there, does not hold the data set, or no place of the split.
    """
    name = dataset or _told(data)
    return name, open_collection(name, root_of(name, data), split, "skip")


def training_prior(
    name: str, root: Path, split: str, card_prior: Mapping[str, float], collection: Collection
) -> tuple[dict[str, float], str]:
    """Gives the mean reflectance of each band in training: what the constant row says.

    Args:
        name: Of the data set.
        root: Where it lies.
        split: What is measured.
        card_prior: Of a generator; empty without one.
        collection: The places of the split.

    Returns:
        Means that come from the training places of the data set; of bands that they lack, or without such places, from
        the generator; else from what is measured itself. And a sentence on which it was.
    """
    if split == "train":
        return collection.prior, "The constant is the mean of the very places that are measured: they are for training."
    try:
        training = {band: mean for band, mean in open_collection(name, root, "train", "skip").prior.items() if mean}
    except InputError:
        training = {}
    prior = {**collection.prior, **card_prior, **training}
    if training:
        return prior, "The constant is the mean of each band over the data set's places for training."
    if card_prior:
        return prior, "The constant is the mean of each band in the training of the first generator."
    return prior, "The constant is the mean of the very places that are measured: the data set has none for training."


def _told(data: str | None) -> str:
    if data is None or all((Path(data) / mark).exists() for mark in SHARED_MARKS):
        return "shared"
    if data.lower().endswith(".csv"):
        return PAIRS
    if not Path(data).exists():
        raise InputError(f"There is no {data}.", "Give the folder that holds the data set, or a table of pairs.")
    raise UsageError(f"What {data} holds cannot be told.", f"Name it with --dataset: {', '.join(DATASETS)}.")
