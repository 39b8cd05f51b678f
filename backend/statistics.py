"""Means over cases and the intervals that hold them: cases of one place are not independent."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLINGS = 2000
INTERVAL = (0.025, 0.975)
"""Quantiles between which 95 % of the resampled means lie."""
LEAST_GROUPS = 6
"""With fewer, all groups lie on one side of zero by chance in more than one case of twenty (sign test: 2 / 2^5)."""


@dataclass(frozen=True)
class Figure:
    """A mean over cases."""

    mean: float
    low: float = math.nan
    """Of the 95 % interval; NaN where there is none."""
    high: float = math.nan
    count: int = 1
    """Of the cases; those without a value do not count."""
    groups: int = 0
    """Of cases that were drawn together."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero, and is of enough groups to say so."""
        return self.groups >= LEAST_GROUPS and (self.low > 0 or self.high < 0)


def summarise(values: ArrayLike, groups: Sequence[str], seed: int = 0) -> Figure:
    """Gives the mean and its 95 % interval by resampling whole groups (cluster bootstrap, percentile method).

    (Davison and Hinkley, 1997, section 3.8)

    Args:
        values: (N,) one for each case; NaN where a case has none.
        groups: N names; cases of one group are drawn together.
        seed: Of the resampling.

    Returns:
        A mean of NaN if no case has a value; without interval if the cases are all of one group. An infinite value
        makes mean and interval infinite where it is drawn.
    """
    numbers: NDArray[np.float64] = np.asarray(values, np.float64)
    known = ~np.isnan(numbers)
    numbers, names = numbers[known], np.asarray(groups)[known]
    if not numbers.size:
        return Figure(math.nan, count=0)
    kinds, member = np.unique(names, return_inverse=True)
    mean = float(numbers.mean())
    if len(kinds) < 2:
        return Figure(mean, count=len(numbers), groups=1)
    sums, counts = np.bincount(member, numbers), np.bincount(member)
    drawn = _drawn(len(kinds), seed)
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), INTERVAL)
    return Figure(mean, float(low), float(high), len(numbers), len(kinds))


def summarise_sums(
    sums: NDArray[Any], groups: Sequence[str], figure: Callable[[NDArray[Any]], float], seed: int = 0
) -> Figure:
    """Gives a figure of sums over all cases, such as a share of all pixels, and its 95 % interval as summarise does.

    Args:
        sums: (N, ...) what each case adds; cases of which all is 0 do not count.
        groups: N names; cases of one group are drawn together.
        figure: Of the sums (...) over cases.
        seed: Of the resampling.
    """
    some = sums.reshape(len(sums), -1).any(axis=1) if len(sums) else np.zeros(0, bool)
    kinds, member = np.unique(np.asarray(groups)[some], return_inverse=True)
    if not len(kinds):
        return Figure(math.nan, count=0)
    of_groups = np.zeros((len(kinds), *sums.shape[1:]))
    np.add.at(of_groups, member, sums[some])
    mean, count = figure(of_groups.sum(axis=0)), int(some.sum())
    if len(kinds) < 2:
        return Figure(mean, count=count, groups=1)
    weights = (np.bincount(drawn, minlength=len(kinds)) for drawn in _drawn(len(kinds), seed))
    low, high = np.nanquantile([figure(np.tensordot(weight, of_groups, 1)) for weight in weights], INTERVAL)
    return Figure(mean, float(low), float(high), count, len(kinds))


def _drawn(groups: int, seed: int) -> NDArray[np.int64]:
    """(RESAMPLINGS, groups) indexes of the groups that are drawn."""
    return np.random.default_rng(seed).integers(groups, size=(RESAMPLINGS, groups))
