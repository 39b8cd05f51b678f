"""Figures of the series: each row's images of all days, held against the truth's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...metrics import mae
from ...sensors import Bool, Float
from ...statistics import Figure, summarise
from ..rows import Row
from .cases import Series
from .consistency import change_error, temporal_change, temporal_consistency

TRUTH = "truth"
WHOLE, CLOUDED = "whole", "clouded"
DAY = "reconstruction"
"""Of each day: the MAE against its truth."""


@dataclass(frozen=True)
class Value:
    """One figure of two successive days, or of one."""

    place: str
    """Series of one place show the same ground."""
    pair: str
    """Which days of the place, or which day."""
    drawn: str
    """The same, and of which series."""
    value: float


@dataclass
class Figures:
    """All figures, by the pixels that count, the row, and the key."""

    values: dict[str, dict[str, dict[str, list[Value]]]] = field(default_factory=lambda: {WHOLE: {}, CLOUDED: {}})

    def add(self, pixels: str, row: str, key: str, values: Sequence[Value]) -> None:
        """Takes the figures of one series."""
        self.values[pixels].setdefault(row, {}).setdefault(key, []).extend(values)

    @property
    def places(self) -> set[str]:
        """Whose days were measured."""
        return {value.place for row in self.values[WHOLE].values() for value in row.get("ssim", [])}

    def mean(self, pixels: str, row: str, key: str) -> Figure:
        """Gives a mean over pairs of days, or over days; its interval is by place, by pair where there is one place."""
        return self._summarised(self.values[pixels][row].get(key, []))

    def difference(self, pixels: str, row: str, other: str, key: str) -> Figure:
        """Gives the mean of a row's figure minus another's, of what both have."""
        theirs = {one.drawn: one.value for one in self.values[pixels].get(other, {}).get(key, [])}
        own = self.values[pixels][row].get(key, [])
        paired = [replace(one, value=one.value - theirs[one.drawn]) for one in own if one.drawn in theirs]
        return self._summarised(paired)

    def _summarised(self, found: Sequence[Value]) -> Figure:
        several = len(self.places) > 1
        return summarise([one.value for one in found], [one.place if several else one.pair for one in found])

    def count(self, row: str) -> int:
        """Pairs of days of a row."""
        return len(self.values[WHOLE][row].get("ssim", []))


def measure(series: Series, rows: Sequence[Row], figures: Figures, notes: list[str]) -> dict[str, Float]:
    """Measures all rows on one series.

    Args:
        series: Of several days.
        rows: What makes each day from the others.
        figures: Gets the figures.
        notes: Gets why a row cannot serve.

    Returns:
        (T, C) mean reflectance of each day's known pixels, by row.
    """
    truth = np.stack([sample.truth for sample in series.samples])
    counted = {WHOLE: _known(series), CLOUDED: _clouded(series)}
    known = np.stack(counted[WHOLE])[:, None]  # (T, 1, H, W)
    means = {}
    for name, made in itertools.chain([(TRUTH, truth)], _images(series, rows, notes)):
        images = np.where(known, made, truth)  # what is not known says nothing of its neighbours
        for pixels, masks in counted.items():
            _add_steps(series, name, images, truth, masks, pixels, figures)
        means[name] = _means(series, images)
    return means


def _images(series: Series, rows: Sequence[Row], notes: list[str]) -> Iterator[tuple[str, Float]]:
    """Yields the images (T, C, H, W) of each row that can serve for all days."""
    for row in rows:
        reasons = [reason for sample in series.samples if (reason := row.suits(sample.observation))]
        if reasons:
            note = f"{row.name} was not measured on {series.name}: {reasons[0]}."
            notes.extend([] if note in notes else [note])
            continue
        made: dict[str, list[Float]] = {}
        for sample in series.samples:
            seen = sample.observation
            for name, image in row.images(seen, row.reconstruct(seen)).items():
                made.setdefault(name, []).append(image)
        for name, images in made.items():
            yield name, np.stack(images)


def _known(series: Series) -> list[Bool]:
    return [sample.known & sample.observation.valid for sample in series.samples]


def _clouded(series: Series) -> list[Bool]:
    masks = zip(_known(series), series.samples, strict=True)
    return [known & sample.observation.cloud for known, sample in masks]


def _add_steps(
    series: Series, row: str, images: Float, truth: Float, counted: Sequence[Bool], pixels: str, figures: Figures
) -> None:
    known = _known(series)
    steps = [
        (first | second) & both_first & both_second
        for (first, second), (both_first, both_second) in zip(
            itertools.pairwise(counted), itertools.pairwise(known), strict=True
        )
    ]
    own, true = temporal_consistency(images, steps), temporal_consistency(truth, steps)
    found = {
        "ssim": own,
        "gap": [abs(one - other) for one, other in zip(own, true, strict=True)],
        "change": temporal_change(images, steps),
        "change_error": change_error(images, truth, steps),
        DAY: [mae(image, ground, mask) for image, ground, mask in zip(images, truth, counted, strict=True)],
    }
    for key, values in found.items():
        named = [
            Value(series.group, f"{series.place} {number}", f"{series.name} {number}", value)
            for number, value in enumerate(values)
        ]
        figures.add(pixels, row, key, named)


def _means(series: Series, images: Float) -> Float:
    """(T, C) mean reflectance of the pixels that are known on all days."""
    known = np.logical_and.reduce(_known(series))
    if not known.any():
        return np.full(images.shape[:2], np.nan, np.float32)
    means: Float = np.clip(images[:, :, known], 0, 1).mean(axis=2)
    return means


def vegetation(means: Mapping[str, Float], bands: Sequence[str]) -> tuple[str, dict[str, list[float]]]:
    """Gives the NDVI of mean reflectances (T, C) by row, or their mean over bands where red or infrared are missing."""
    if not {"B4", "B8"} <= set(bands):
        return "mean reflectance", {name: values.mean(axis=1).tolist() for name, values in means.items()}
    red, infrared = bands.index("B4"), bands.index("B8")
    return "NDVI", {
        name: ((one[:, infrared] - one[:, red]) / np.maximum(one[:, infrared] + one[:, red], 1e-6)).tolist()
        for name, one in means.items()
    }
