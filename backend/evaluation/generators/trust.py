"""What an uncertainty is worth by band and by how thick the cloud is, with intervals: counts that each case keeps.

All pixels of a case count together, and whole places are drawn again for the intervals, as everywhere. The rank
correlation of all pixels needs their joint distribution: each case keeps it in few bins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...calibration import LEVELS, SIZES, spearman
from ...datasets.samples import Sample
from ...observation import Reconstruction
from ...sensors import NAMES, Bool, Float
from ...statistics import Figure, summarise_sums
from .measures import hidden_of

Counts = NDArray[np.int64]
LEVEL = 0.9
"""Of the intervals."""
THICKNESS = {
    "darker": (-math.inf, -0.02),
    "barely": (-0.02, 0.02),
    "thin": (0.02, 0.1),
    "medium": (0.1, 0.25),
    "thick": (0.25, math.inf),
}
"""By how much the cloudy image is brighter than the truth, mean over bands, in reflectance."""
UNCERTAINTY_EDGES = np.logspace(-3, -0.5, 21)
ERROR_EDGES = np.logspace(-4, -0.5, 22)
"""Of the joint bins, eight and six a decade; the first and the last are open."""
SHAPES = {
    "measured": (len(NAMES), len(THICKNESS)),
    "inside": (len(NAMES), len(THICKNESS)),
    "joint": (len(UNCERTAINTY_EDGES) + 1, len(ERROR_EDGES) + 1),
}


@dataclass(frozen=True)
class Trust:
    """Counts of N cases. A pixel counts once in each band."""

    measured: Counts
    """(N, 13, T) pixels of each band and thickness that have an uncertainty."""
    inside: Counts
    """(N, 13, T) those of them whose error lies within the interval of LEVEL."""
    joint: Counts
    """(N, S, E) pixels of all bands by uncertainty and absolute error."""
    groups: list[str]
    """N names; cases of one group are drawn together."""

    def coverage(self, band: str | None = None, thickness: str | None = None) -> Figure:
        """Gives the share of errors within their interval, of one band or thickness or of all."""
        bands = slice(None) if band is None else slice(NAMES.index(band), NAMES.index(band) + 1)
        kinds = list(THICKNESS)
        which = slice(None) if thickness is None else slice(kinds.index(thickness), kinds.index(thickness) + 1)
        parts = [counts[:, bands, which].sum(axis=(1, 2)) for counts in (self.inside, self.measured)]
        return summarise_sums(np.stack(parts, axis=1), self.groups, lambda sums: sums[0] / max(sums[1], 1))

    def has(self, band: str) -> bool:
        """Whether a band was measured."""
        return bool(self.measured[:, NAMES.index(band)].any())

    def share(self, thickness: str) -> float:
        """Gives the share of the pixels that lie under cloud of one thickness."""
        return float(self.measured[..., list(THICKNESS).index(thickness)].sum() / max(self.measured.sum(), 1))

    def rank_correlation(self) -> Figure:
        """Gives Spearman's rank correlation of absolute error and uncertainty over all pixels and bands, in bins."""
        return summarise_sums(self.joint, self.groups, spearman)


def tally(made: Reconstruction, sample: Sample) -> list[int]:
    """Counts the pixels of one case.

    Args:
        made: The reconstruction, (C, H, W).
        sample: The case.

    Returns:
        The counts of Trust one behind the other, as SHAPES has them.
    """
    hidden, bands = hidden_of(sample), sample.observation.bands
    kind = _kinds(sample, hidden)
    counts = {name: np.zeros(shape, np.int64) for name, shape in SHAPES.items()}
    half = SIZES["normal"][LEVELS.index(LEVEL)]
    for name, image, aim, uncertainty in zip(bands, made.reflectance, sample.truth, made.uncertainty, strict=True):
        error = np.abs(np.clip(image[hidden], 0, 1).astype(np.float64) - np.clip(aim[hidden], 0, 1))
        spread = uncertainty[hidden].astype(np.float64)
        known = np.isfinite(error) & np.isfinite(spread)
        error, spread, kinds = error[known], spread[known], kind[known]
        band = NAMES.index(name)
        counts["measured"][band] = np.bincount(kinds, minlength=len(THICKNESS))
        counts["inside"][band] = np.bincount(kinds[error <= half * spread], minlength=len(THICKNESS))
        np.add.at(counts["joint"], (_bins(UNCERTAINTY_EDGES, spread), _bins(ERROR_EDGES, error)), 1)
    return [int(count) for name in SHAPES for count in counts[name].ravel()]


def of_cases(tallies: Sequence[ArrayLike], groups: Sequence[str]) -> Trust:
    """Gives the counts of several cases.

    Args:
        tallies: What tally gave for each.
        groups: Names of their groups.
    """
    rows = np.asarray(tallies, np.int64).reshape(len(tallies), sum(map(math.prod, SHAPES.values())))
    ends = np.cumsum([math.prod(shape) for shape in SHAPES.values()])[:-1]
    parts = zip(SHAPES.items(), np.split(rows, ends, axis=1), strict=True)
    return Trust(**{name: part.reshape(len(rows), *shape) for (name, shape), part in parts}, groups=list(groups))


def _kinds(sample: Sample, hidden: Bool) -> Counts:
    """(N,) index of the thickness of each hidden pixel."""
    change: Float = (sample.observation.optical - sample.truth).mean(axis=0)[hidden]
    edges = [high for _, high in THICKNESS.values()][:-1]
    return np.searchsorted(edges, change, "right")


def _bins(edges: NDArray[np.float64], values: NDArray[np.float64]) -> Counts:
    return np.searchsorted(edges, values, "right")
