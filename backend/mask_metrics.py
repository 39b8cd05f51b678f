"""Measures of a binary mask against a label, from counts that add up: over windows, over images, over thresholds.

Where a measure has nothing to divide by, it is NaN: precision of a mask that marks nothing, recall of a label that
holds nothing, F1 and IoU where both are empty, everything where no pixel is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sensors import Bool, Float

BINS = 10_000
"""Of a histogram of scores: thresholds are multiples of 1 / BINS."""


@dataclass(frozen=True)
class Counts:
    """Pixels by what mask and label say."""

    hits: int = 0
    """True positives: cloud in both."""
    false_alarms: int = 0
    """False positives: cloud in the mask only."""
    misses: int = 0
    """False negatives: cloud in the label only."""
    rejections: int = 0
    """True negatives: cloud in neither."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.hits + other.hits,
            self.false_alarms + other.false_alarms,
            self.misses + other.misses,
            self.rejections + other.rejections,
        )

    @property
    def total(self) -> int:
        return self.hits + self.false_alarms + self.misses + self.rejections

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return _ratio(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall."""
        return self.f(1.0)

    @property
    def iou(self) -> float:
        """Intersection over union: TP / (TP + FP + FN)."""
        return _ratio(self.hits, self.hits + self.false_alarms + self.misses)

    @property
    def accuracy(self) -> float:
        """(TP + TN) / all."""
        return _ratio(self.hits + self.rejections, self.total)

    def f(self, beta: float) -> float:
        """(1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP): recall counts b times as much as precision."""
        square = beta * beta
        return _ratio((1 + square) * self.hits, (1 + square) * self.hits + square * self.misses + self.false_alarms)


def count(mask: Bool, label: Bool, counted: Bool | None = None) -> Counts:
    """Compares a mask with a label.

    Args:
        mask: (H, W) called cloud.
        label: (H, W) is cloud.
        counted: (H, W) pixels that count; None counts all.
    """
    found, there = (mask.ravel(), label.ravel()) if counted is None else (mask[counted], label[counted])
    clear, false_alarms, misses, hits = np.bincount(2 * there.astype(np.int64) + found, minlength=4).tolist()
    return Counts(hits, false_alarms, misses, clear)


def histogram(scores: Float, label: Bool, counted: Bool | None = None) -> NDArray[np.int64]:
    """Counts scores by the label: of several windows the sum.

    Args:
        scores: (H, W) 0..1, high for cloud; what lies beyond is clipped.
        label: (H, W) is cloud.
        counted: (H, W) pixels that count; None counts all.

    Returns:
        (2, BINS + 1) of clear and of cloud, by the largest multiple of 1 / BINS that the score reaches.
    """
    seen, there = (scores.ravel(), label.ravel()) if counted is None else (scores[counted], label[counted])
    reached = (np.clip(seen.astype(np.float64), 0, 1) * BINS + 1e-3).astype(np.int64)  # float32 .13 reaches .13
    counts: NDArray[np.int64] = np.bincount((BINS + 1) * there.astype(np.int64) + reached, minlength=2 * (BINS + 1))
    return counts.reshape(2, BINS + 1)


@dataclass(frozen=True)
class Curve:
    """What a mask is worth at each threshold of its score."""

    thresholds: NDArray[np.float64]
    """(N,) from low to high; cloud is what reaches it."""
    counts: tuple[Counts, ...]
    """N of them."""

    @property
    def average_precision(self) -> float:
        """Sum of precision times gain in recall, from the highest threshold down: area under precision over recall.

        NaN for an empty label. A score that says nothing gets the share of cloud.
        """
        area, before = 0.0, 0.0
        for one in reversed(self.counts):
            if math.isnan(one.recall):
                return math.nan
            area += 0.0 if one.hits == 0 else one.precision * (one.recall - before)
            before = one.recall
        return area

    @property
    def best(self) -> tuple[float, Counts]:
        """The threshold of the highest F1, and what it gives: chosen on the labels themselves, hence flattering."""
        f1 = [-1.0 if math.isnan(one.f1) else one.f1 for one in self.counts]
        index = int(np.argmax(f1))
        return float(self.thresholds[index]), self.counts[index]


def curve(counts: NDArray[np.int64]) -> Curve:
    """Gives the curve of a histogram (2, BINS + 1) of scores."""
    clear, cloud = counts[:, ::-1].cumsum(axis=1)[:, ::-1].tolist()
    totals = int(counts[0].sum()), int(counts[1].sum())
    at = [Counts(hits, alarms, totals[1] - hits, totals[0] - alarms) for alarms, hits in zip(clear, cloud, strict=True)]
    return Curve(np.arange(BINS + 1) / BINS, tuple(at))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
