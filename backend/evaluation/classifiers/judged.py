"""What is true of labelled images, and what a classifier says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...classifier import ClassifierCard
from ...label_metrics import average_scores, image_scores, label_scores, tallies
from ...sensors import Bool
from ...statistics import INTERVAL, RESAMPLINGS, Figure, summarise

Probabilities = NDArray[np.float32]
BLOCK = 100
"""Resamplings that are reckoned at a time."""


@dataclass(frozen=True)
class Labels:
    """The true classes of N images."""

    classes: Sequence[str]
    """Names of K classes."""
    groups: Sequence[str]
    """N; images of one group show the same ground."""
    truth: Bool
    """(N, K) at least one class of each image."""

    @property
    def by_frequency(self) -> list[int]:
        """The classes by their number, the most frequent first."""
        order: list[int] = np.argsort(-self.truth.sum(axis=0), kind="stable").tolist()
        return order

    @property
    def is_single(self) -> bool:
        """Whether no image has several."""
        return bool((self.truth.sum(axis=1) == 1).all())


@dataclass(frozen=True)
class Judged:
    """A classifier and what it says of the images."""

    name: str
    """Of its row."""
    card: ClassifierCard
    said: Probabilities
    """(N, K) the probability of each class."""
    given: Bool
    """(N, K) the classes that it gives at its threshold."""


def image_figures(labels: Labels, given: Bool, seed: int) -> dict[str, Figure]:
    """Gives the means of image_scores with their intervals."""
    scores = image_scores(labels.truth, given)
    return {name: summarise(values, labels.groups, seed) for name, values in scores.items()}


def differences(labels: Labels, given: Bool, other: Bool, seed: int) -> dict[str, Figure]:
    """Gives the means of the differences of image_scores, image by image, with their intervals."""
    scores, others = image_scores(labels.truth, given), image_scores(labels.truth, other)
    return {name: summarise(scores[name] - others[name], labels.groups, seed) for name in scores}


def class_figures(labels: Labels, given: Bool, seed: int) -> dict[str, Figure]:
    """Gives average_scores of all images, with intervals by resampling whole groups as statistics.summarise does."""
    kinds, member = np.unique(np.asarray(labels.groups), return_inverse=True)
    sums = np.zeros((len(kinds), len(labels.classes), 3), np.int64)
    np.add.at(sums, member, tallies(labels.truth, given))
    found = average_scores(sums.sum(axis=0))
    if len(kinds) < 2:
        return {name: Figure(float(value), count=len(given)) for name, value in found.items()}
    rng, even = np.random.default_rng(seed), np.full(len(kinds), 1 / len(kinds))
    drawn = [
        average_scores(np.tensordot(rng.multinomial(len(kinds), even, BLOCK), sums, axes=1))
        for _ in range(RESAMPLINGS // BLOCK)
    ]
    ends = {name: np.quantile(np.concatenate([block[name] for block in drawn]), INTERVAL) for name in found}
    return {name: Figure(float(found[name]), float(low), float(high), len(given)) for name, (low, high) in ends.items()}


def always(labels: Labels) -> dict[str, Bool]:
    """Gives what says the same of all images: the most frequent classes, as many as give the highest F1, and all.

    Frequencies and number are those of these very images, which no classifier knows.
    """
    truth = labels.truth
    rank = np.argsort(labels.by_frequency)
    most = [np.broadcast_to(rank <= last, truth.shape) for last in range(truth.shape[1])]
    best = int(np.argmax([label_scores(truth, given)["f1"] for given in most]))
    words = "the most frequent class" if best == 0 else f"the {best + 1} most frequent classes"
    return {f"{words}, always": most[best], "all classes, always": most[-1]}
