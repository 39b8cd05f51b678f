"""Series that are measured: clear days of one place, each under clouds of its own, each to be made from the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...datasets.choices import Choices
from ...datasets.collection import Collection
from ...datasets.place import Day, Place
from ...datasets.samples import Sample, with_context
from ...datasets.skies import clouded
from ...datasets.view import View, blanked, draw_view, measured
from ...metrics import SSIM_RADIUS_PX
from ...observation import Observation

LEAST_DAYS = 3
LEAST_PX = 2 * SSIM_RADIUS_PX + 1


@dataclass(frozen=True)
class Series:
    """The days of a place in the order of time."""

    name: str
    place: str
    group: str
    """Series of one group show the same ground."""
    days: tuple[float, ...]
    """From an arbitrary one."""
    samples: tuple[Sample, ...]
    """What was observed each day, the other days being its dates; and the ground of that day."""


def clear_days(place: Place) -> list[Day]:
    """Gives the days of a place that can serve as truth, in the order of time."""
    return sorted((day for day in place.days if day.is_truth), key=lambda day: day.day)


def draw_all(collection: Collection, choices: Choices, each: int, seed: int) -> Iterator[tuple[float, Series | None]]:
    """Draws the series of all places.

    Yields:
        The share that is done, and a series; None for a place that has too few clear days, or is too small.
    """
    count = len(collection.places)
    for position in range(count):
        place = collection.places[position]
        served = len(clear_days(place)) >= LEAST_DAYS and min(place.days[0].clear.shape) >= LEAST_PX
        for number in range(each if served else 1):
            rng = np.random.default_rng((seed, number, *place.name.encode()))
            drawn = draw_series(place, collection, rng, choices) if served else None
            if drawn is not None and each > 1:
                drawn = dataclasses.replace(drawn, name=f"{place.name} #{number + 1}")
            yield (position + number / each) / count, drawn


def draw_series(place: Place, collection: Collection, rng: np.random.Generator, choices: Choices) -> Series:
    """Lays clouds of its own over each clear day of a place.

    Args:
        place: Of at least two clear days.
        collection: Has real clouds, and the mean reflectance that is assumed where nothing is clear.
        rng: Chooses the window and the clouds.
        choices: Bands, the size of the window, and which clouds.
    """
    view = draw_view(place, rng, choices)
    grounds = [view.day(day) for day in clear_days(place)]
    skies = [clouded(ground.optical, view.bands, place.level, collection.veils, rng, choices) for ground in grounds]
    seen = []
    for ground, sky in zip(grounds, skies, strict=True):
        valid = measured(ground.optical)
        seen.append(Day(blanked(sky.optical, valid), ground.clear & ~sky.mask & valid, ground.day))
    sar = view.sar(place.sar) if choices.sar and place.sar is not None else None
    samples = [
        Sample(with_context(_observed(place, view, seen, index, sar), collection.prior), ground.optical, ground.clear)
        for index, ground in enumerate(grounds)
    ]
    return Series(place.name, place.name, place.group or place.name, tuple(day.day for day in grounds), tuple(samples))


def _observed(place: Place, view: View, seen: Sequence[Day], index: int, sar: np.ndarray | None) -> Observation:
    """Gives what is known of one day: the others are its dates, the least cloudy first."""
    day = seen[index]
    valid = measured(day.optical)
    others = sorted((other for other in seen if other is not day), key=lambda other: -float(other.clear.mean()))
    return Observation(
        bands=view.bands,
        level=place.level,
        optical=day.optical,
        valid=valid,
        cloud=valid & ~day.clear,
        background=day.optical,
        sar=sar,
        dates=np.stack([other.optical for other in others]),
        dates_clear=np.stack([other.clear for other in others]),
        days=np.array([other.day - day.day for other in others], np.float32),
    )
