"""Other dates of a sample: real ones where there are any, invented ones else, each under clouds of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..sensors import Level
from .choices import Choices
from .pairs import Veil
from .place import Day
from .seasons import another_day
from .skies import clouded
from .view import View, blanked, measured

SHARES = ((0, 0.45), (1, 0.2), (2, 0.2), (3, 0.15))
REAL_SHARE = 0.8
CLOUDED_SHARE = 0.6


def draw_others(
    real: Sequence[Day],
    ground: Day,
    view: View,
    level: Level,
    veils: Sequence[Veil],
    rng: np.random.Generator,
    choices: Choices,
) -> list[Day]:
    """Draws other dates, as measured.

    Args:
        real: Other days of the place.
        ground: The sample's own ground in the view: what invented dates are made of.
        view: Of the sample.
        level: Of the place.
        veils: Real clouds to choose from.
        rng: Chooses everything.
        choices: How many, and of which kind.
    """
    count = choices.dates
    if count is None:
        counts, shares = zip(*SHARES, strict=True)
        count = int(rng.choice(counts, p=shares))
    as_they_are = choices.clouds == "real"
    useful = [day for day in real if as_they_are or day.clear[view.rows, view.columns].any()]
    left = [useful[index] for index in rng.permutation(len(useful))]
    days = []
    for _ in range(count):
        if left and (choices.real_dates or as_they_are or rng.random() < REAL_SHARE):
            day = view.day(left.pop())
        elif choices.real_dates or as_they_are:
            day = _empty(ground)
        else:
            optical, distance = another_day(ground.optical, view.bands, rng)
            day = Day(blanked(optical, measured(ground.optical)), ground.clear, ground.day + distance)
        if not as_they_are and rng.random() < CLOUDED_SHARE and day.clear.any():
            day = _under_clouds(day, view, level, veils, rng, choices)
        days.append(_empty(day) if rng.random() < choices.date_dropout else day)
    if not choices.shuffle_dates:
        days.sort(key=lambda day: -float(day.clear.mean()))
    return days


def _under_clouds(
    day: Day, view: View, level: Level, veils: Sequence[Veil], rng: np.random.Generator, choices: Choices
) -> Day:
    """Clouds a day; a mask marks most of it, and what thin cloud it misses passes for clear."""
    sky = clouded(day.optical, view.bands, level, veils, rng, choices)
    return Day(blanked(sky.optical, measured(day.optical)), day.clear & ~sky.mask, day.day)


def _empty(day: Day) -> Day:
    """A date on which nothing was measured."""
    return Day(np.zeros_like(day.optical), np.zeros_like(day.clear), day.day)
