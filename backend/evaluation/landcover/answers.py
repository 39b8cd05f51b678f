"""What a classifier said of the same places as clear, cloudy and decloudy images, and how that compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...sensors import Float
from ...statistics import Figure, summarise

CLEAR, CLOUDY = "clear", "cloudy"
CONSTANT_CLASS = "constant class"
"""The row that always gives the most frequent class."""

Numbers = NDArray[np.float64]
Classes = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """Answers for N places.

    Args:
        classes: Names of the K classes.
        said: (N, K) probabilities for each kind of image: CLEAR, CLOUDY and each that was reconstructed; NaN where it
            could not be.
        truth: (N,) index of the true class.
        names: Of the N places.
        groups: N names; places of one group show the same ground.
        cover: (N,) share of the image that is taken for cloud or shadow.
    """

    classes: tuple[str, ...]
    said: Mapping[str, Float]
    truth: Classes
    names: Sequence[str]
    groups: Sequence[str]
    cover: Float

    @property
    def kinds(self) -> list[str]:
        """Of the images, with the row that looks at none."""
        first, second, *rest = self.said
        return [first, second, CONSTANT_CLASS, *rest]

    def given(self, kind: str) -> Classes:
        """(N,) the likeliest class; -1 where there is no image."""
        if kind == CONSTANT_CLASS:
            return np.full_like(self.truth, np.bincount(self.truth).argmax())
        said = self.said[kind]
        return np.where(np.isnan(said[:, 0]), -1, np.nan_to_num(said).argmax(axis=1))

    def right(self, kind: str) -> Numbers:
        """(N,) 1 where the likeliest class is the true one, else 0; NaN where there is no image."""
        given = self.given(kind)
        return np.where(given < 0, np.nan, given == self.truth)

    def agrees(self, kind: str) -> Numbers:
        """(N,) 1 where the likeliest class is that of the clear image, else 0; NaN where there is no image."""
        given = self.given(kind)
        return np.where(given < 0, np.nan, given == self.given(CLEAR))

    def accuracy(self, kind: str) -> Figure:
        """Gives the share of the places that are right, in percent."""
        return self.mean(self.right(kind))

    def gain(self, kind: str, over: str = CLOUDY) -> Figure:
        """Gives by how many points more places are right than with another kind, over the places that both have."""
        return self.mean(self.right(kind) - self.right(over))

    def changed(self, kind: str) -> tuple[int, int]:
        """Gives how many places were wrong when cloudy and are right, and how many the other way round."""
        before, after = self.right(CLOUDY), self.right(kind)
        return int(np.sum(after > before)), int(np.sum(after < before))

    def sureness(self, kind: str) -> Figure:
        """Gives the mean probability of the true class, in percent."""
        if kind == CONSTANT_CLASS:
            return Figure(np.nan, count=0)
        return self.mean(self.said[kind][np.arange(len(self.truth)), self.truth])

    def confusion(self, kind: str) -> Classes:
        """(K, K) how many places of each true class (rows) were given each class (columns)."""
        given, count = self.given(kind), len(self.classes)
        there = given >= 0
        return np.bincount(self.truth[there] * count + given[there], minlength=count**2).reshape(count, count)

    def shares(self, given: Classes) -> Numbers:
        """(K,) share of each class among (N,) classes, in percent; those of -1 do not count."""
        counts = np.bincount(given[given >= 0], minlength=len(self.classes))
        shares: Numbers = 100 * counts / max(counts.sum(), 1)
        return shares

    def only(self, which: NDArray[np.bool_]) -> Answers:
        """Gives the answers for some of the places, (N,)."""
        numbers = np.flatnonzero(which).tolist()
        names, groups = ([labels[number] for number in numbers] for labels in (self.names, self.groups))
        said = {kind: values[which] for kind, values in self.said.items()}
        return Answers(self.classes, said, self.truth[which], names, groups, self.cover[which])

    def mean(self, values: NDArray[np.floating]) -> Figure:
        """Gives the mean of (N,) shares in percent, with its interval over groups."""
        return summarise(100 * np.asarray(values, np.float64), self.groups)
