"""What the rows of a table of masks say on each image: counts and histograms of scores, both of which add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...mask_metrics import Counts, Curve, count, curve, histogram
from ...sensors import Bool, Float
from ...statistics import Figure, summarise


@dataclass
class Tally:
    """One row: what a mask, or a score that becomes one, is worth on each image."""

    name: str
    counts: dict[str, Counts] = field(default_factory=dict)
    """By image."""
    scores: NDArray[np.int64] | None = None
    """Histogram of all images, of rows that have a score."""

    def add(self, image: str, mask: Bool, label: Bool, counted: Bool, score: Float | None = None) -> None:
        """Counts a window of an image; arrays (H, W)."""
        self.counts[image] = self.counts.get(image, Counts()) + count(mask, label, counted)
        if score is not None:
            more = histogram(score, label, counted)
            self.scores = more if self.scores is None else self.scores + more

    def total(self, images: Iterable[str] | None = None) -> Counts:
        """Adds up images; all of the row's by default."""
        return sum((self.counts[image] for image in self.counts if images is None or image in images), Counts())

    def curve(self) -> Curve | None:
        """Gives the curve over thresholds of the pixels of all images; None without a score."""
        return None if self.scores is None else curve(self.scores)

    def mean_f1(self, groups: dict[str, str]) -> Figure:
        """Gives the mean F1 over images; groups are those of images that are not independent."""
        images = list(self.counts)
        return summarise([self.counts[image].f1 for image in images], [groups[image] for image in images])


class Tallies:
    """Rows by name, in the order in which they first came up."""

    def __init__(self) -> None:
        self._rows: dict[str, Tally] = {}

    def __getitem__(self, name: str) -> Tally:
        return self._rows.setdefault(name, Tally(name))

    def rows(self) -> list[Tally]:
        """Gives all of them."""
        return list(self._rows.values())
