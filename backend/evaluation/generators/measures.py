"""The figures of one case: how near an image comes to the truth, in three parts that are never put into one number.

target            all pixels whose truth is known, against the truth
reproduction      the clear pixels, against the input: what a user already had
reconstruction    the pixels under cloud and shadow whose truth is known, against the truth
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ... import metrics
from ...datasets.samples import Sample
from ...sensors import NAMES, Bool, Float
from ..reports.figures import FIGURES, PARTS

PERFECT = (0.0, 0.0, 0.0, math.inf, 1.0, 0.0, 0.0)
"""The figures of equal images."""
DIGITS = 7
"""That are kept of a figure."""
KEYS = (
    *(f"{part}.{figure}" for part in PARTS for figure in (*FIGURES, *(f"rmse.{band}" for band in NAMES))),
    *(f"reconstruction.mean.{band}" for band in NAMES),
)
"""What is measured of each image. `mean` is its own mean reflectance under cloud, which spectra are drawn from."""


def measure(image: Float, sample: Sample) -> list[float]:
    """Measures an image.

    Args:
        image: (C, H, W) reflectance, in the bands of the sample.
        sample: The case.

    Returns:
        A number for each of KEYS; NaN where no pixel counts, or the image has no such band.
    """
    seen = sample.observation
    target, hidden = target_of(sample), hidden_of(sample)
    shown = np.where(target, image, sample.truth)
    similar = None if min(target.shape) <= 2 * metrics.SSIM_RADIUS_PX else metrics.ssim_map(shown, sample.truth)
    parts = [
        _compare(shown, sample.truth, target, similar, seen.bands),
        _reproduction(image, sample),
        _compare(shown, sample.truth, hidden, similar, seen.bands),
    ]
    means = [float(band[hidden].mean()) if hidden.any() else math.nan for band in np.clip(image, 0, 1)]
    values = [figure for figures, bands in parts for figure in (*figures, *_in_slots(bands, seen.bands))]
    return [float(f"{value:.{DIGITS}g}") for value in (*values, *_in_slots(means, seen.bands))]


def target_of(sample: Sample) -> Bool:
    """(H, W) whose truth is known, and where something was measured."""
    known: Bool = sample.known & sample.observation.valid
    return known


def hidden_of(sample: Sample) -> Bool:
    """(H, W) those of them that are under cloud or shadow."""
    hidden: Bool = target_of(sample) & sample.observation.cloud
    return hidden


def floor_of(sample: Sample) -> float:
    """Mean absolute difference between the clear pixels of the input and the truth; NaN if no pixel is clear.

    With a truth of another day no method can come much nearer; with one of the same day it is haze that no mask shows.
    """
    return metrics.mae(sample.observation.optical, sample.truth, target_of(sample) & sample.observation.clear)


def truth_means(sample: Sample) -> list[float]:
    """Mean reflectance of each of NAMES in the truth under cloud, for spectra; NaN where there is none."""
    hidden, bands = hidden_of(sample), np.clip(sample.truth, 0, 1)
    means = [float(band[hidden].mean()) if hidden.any() else math.nan for band in bands]
    return [float(f"{value:.{DIGITS}g}") for value in _in_slots(means, sample.observation.bands)]


def _reproduction(image: Float, sample: Sample) -> tuple[Sequence[float], Sequence[float]]:
    """Compares the clear pixels with the input; what lies under the clouds beside them has no part in it."""
    seen = sample.observation
    kept = np.where(seen.clear, image, seen.optical)
    if seen.clear.any() and np.array_equal(kept, seen.optical):
        return PERFECT, [0.0] * len(seen.bands)
    small = min(seen.clear.shape) <= 2 * metrics.SSIM_RADIUS_PX
    similar = None if small or not seen.clear.any() else metrics.ssim_map(kept, seen.optical)
    return _compare(kept, seen.optical, seen.clear, similar, seen.bands)


def _compare(
    image: Float, truth: Float, mask: Bool, similar: metrics.Double | None, names: Sequence[str]
) -> tuple[Sequence[float], Sequence[float]]:
    """Gives FIGURES over a mask, and the RMSE of each band."""
    x, y = image[:, mask, None], truth[:, mask, None]  # (C, N, 1)
    bands = metrics.rmse_of_bands(x, y)
    mse = sum(band**2 for band in bands) / len(bands)
    rmse = math.sqrt(mse)
    figures = (
        metrics.mae(x, y),
        rmse,
        mse,
        metrics.decibels(rmse),
        math.nan if similar is None else metrics.mean_ssim(similar, mask),
        metrics.sam(x, y),
        metrics.ndvi_error(x, y, names),
    )
    return figures, bands


def _in_slots(values: Sequence[float], bands: Sequence[str]) -> list[float]:
    """Puts values of some bands where NAMES has them."""
    slots = dict(zip(bands, values, strict=True))
    return [slots.get(name, math.nan) for name in NAMES]
