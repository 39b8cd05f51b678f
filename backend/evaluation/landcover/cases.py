"""The images of the land-cover test: a place under clouds, and the same place without."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...datasets.collection import Collection
from ...datasets.eurosat import SHOWN_RANGE
from ...datasets.place import Place
from ...datasets.registry import SHOWN_RANGES, root_of
from ...datasets.samples import Sample, cut, with_context
from ...datasets.source import Loaded, Source
from ...sensors import Float
from ..cases import Case, Cases, choose, open_places, training_prior

LABELLED = "eurosat-rgb"
"""The data set if none is named and clouds are laid over clear images."""
CLIPPED = ("eurosat-rgb", "eurosat-mosaic")
"""Data sets that show everything brighter than SHOWN_RANGE as white: so are their clouds shown to the classifier."""
COVER = (0.0, 0.8)
"""Share of a simulated sky that is cloud; shadows, and what the mask takes for cloud beside them, come on top."""
RIM_PX = 16
"""By which images are mirrored while clouds are laid over them, so that clouds and masks go on beyond the image."""
SCENE_PX = 256
"""Side of the largest image; of larger ones a part is drawn."""
DATES = 3
"""Other dates that methods get where there are so many."""


@dataclass(frozen=True)
class Changed:
    """A source whose places are changed as they are read."""

    source: Source
    change: Callable[[Place], Place]

    @property
    def names(self) -> Sequence[str]:
        return self.source.names

    @property
    def weights(self) -> NDArray[np.float64]:
        return self.source.weights

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int, /) -> Place:
        return self.change(self.source[index])

    def __iter__(self) -> Iterator[Place]:
        return map(self.change, self.source)


@dataclass(frozen=True)
class Images:
    """The images of a test by number; each is the same whenever it is asked for.

    Args:
        name: Of the data set.
        cases: Draws them; over clear images wider by RIM_PX on all sides.
        same_day: Whether clouds are laid over clear images.
        constant: On which images the mean reflectance was measured that the constant image shows, in words.
    """

    name: str
    cases: Cases
    same_day: bool
    constant: str

    def __len__(self) -> int:
        return len(self.cases)

    def draw(self, index: int) -> Case | str:
        """Draws an image, or says why there is none."""
        case = self.cases.draw(index)
        if isinstance(case, str) or not self.same_day:
            return case
        return dataclasses.replace(case, sample=_without_rim(case.sample, self.cases.collection.prior))

    def shown(self, image: Float) -> Float:
        """Gives an image as the classifier sees it: where clear ones are clipped, clouds are clipped too."""
        return np.minimum(image, np.float32(SHOWN_RANGE)) if self.name in CLIPPED else image


def open_images(data: str | None, dataset: str | None, split: str, truth: str, each: int, seed: int) -> Images:
    """Opens the images of a split.

    Args:
        data: Root of a data set, or a CSV of pairs; None for UNCLOUDED_DATA.
        dataset: Its name; None to tell from the data.
        split: train, validation or test.
        truth: `same-day` or `other-day`.
        each: How many skies over each image.
        seed: Of the clouds, and of the order.

    Raises:
        UsageError: There is no such data set, split or truth, or what the root holds cannot be told.
        InputError: The root does not hold the data set, or no place of the split.
    """
    same_day = truth == "same-day"
    choices = choose(truth, None, True, DATES)
    if dataset is None and data is None and same_day:
        dataset = LABELLED
    name, collection = open_places(data, dataset, split)
    factor = SHOWN_RANGES.get(name, 1.0)
    rim_px = RIM_PX if same_day else 0
    choices = dataclasses.replace(choices, cover=COVER, scene_px=SCENE_PX + 2 * rim_px)
    places = collection.places
    source = Changed(
        Loaded(places) if isinstance(places, list) else places, lambda place: _changed(place, factor, rim_px)
    )
    means, constant = training_prior(name, root_of(name, data), split, {}, collection)
    prior = {band: factor * mean for band, mean in means.items()}
    return Images(name, Cases(Collection(source, collection.veils, prior), choices, each, seed), same_day, constant)


def _changed(place: Place, factor: float, rim_px: int) -> Place:
    """Brings brightness back to reflectance, and mirrors the rim."""
    rim = [(rim_px, rim_px)] * 2
    days = [
        dataclasses.replace(
            day,
            optical=np.pad(day.optical * np.float32(factor), [(0, 0), *rim], mode="symmetric"),
            clear=np.pad(day.clear, rim, mode="symmetric"),
        )
        for day in place.days
    ]
    sar = None if place.sar is None else np.pad(place.sar, [(0, 0), *rim], mode="symmetric")
    return dataclasses.replace(place, days=days, sar=sar)


def _without_rim(wide: Sample, prior: dict[str, float]) -> Sample:
    """Cuts a square off its rim; what is known of the ground around is reckoned anew, without the rim."""
    inner = cut(wide, RIM_PX, RIM_PX, min(wide.known.shape) - 2 * RIM_PX)
    return dataclasses.replace(inner, observation=with_context(inner.observation, prior))
