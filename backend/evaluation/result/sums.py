"""The figures of an image of any size: sums over its pixels, measured window by window and added."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ... import metrics
from ...metrics import Double
from ...sensors import Bool, Float
from ..reports.figures import FIGURES

MARGIN_PX = metrics.SSIM_RADIUS_PX
"""Of the image around a window, that its figures depend on."""
Core = tuple[slice, slice]


@dataclass(frozen=True)
class Mean:
    """A mean that can be added to."""

    total: float = 0.0
    count: int = 0

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.total + other.total, self.count + other.count)

    @property
    def value(self) -> float:
        """NaN of nothing."""
        return self.total / self.count if self.count else math.nan


@dataclass(frozen=True)
class ImageSums:
    """Sums over the counted pixels of one image, on reflectance clipped to 0..1."""

    pixels: int = 0
    reflectance: Double | float = 0.0
    """(C,) of the image itself."""
    absolute: Double | float = 0.0
    """(C,) of |x - y|."""
    squares: Double | float = 0.0
    """(C,) of (x - y)^2."""
    angle: Mean = field(default_factory=Mean)
    ndvi: Mean = field(default_factory=Mean)
    similarity: Mean = field(default_factory=Mean)

    def __add__(self, other: ImageSums) -> ImageSums:
        return ImageSums(
            **{each.name: getattr(self, each.name) + getattr(other, each.name) for each in dataclasses.fields(self)}
        )

    def figures(self) -> dict[str, float]:
        """Gives FIGURES, as metrics.py defines them; NaN where no pixel counts."""
        mse = self._mean(self.squares)
        rmse = math.sqrt(mse)
        values = (
            self._mean(self.absolute),
            rmse,
            mse,
            metrics.decibels(rmse),
            self.similarity.value,
            self.angle.value,
            self.ndvi.value,
        )
        return dict(zip(FIGURES, values, strict=True))

    def rmse_of_bands(self) -> list[float]:
        """Gives the root mean squared error of each band; empty where no pixel counts."""
        return np.sqrt(self.squares / self.pixels).tolist() if self.pixels else []

    def mean_reflectance(self) -> list[float]:
        """Gives the image's own mean in each band; empty where no pixel counts."""
        return (np.asarray(self.reflectance) / self.pixels).tolist() if self.pixels else []

    def _mean(self, sums: Double | float) -> float:
        return float(np.mean(sums)) / self.pixels if self.pixels else math.nan


def measure(image: Float, truth: Float, bands: Sequence[str], core: Core, parts: Sequence[Bool]) -> list[ImageSums]:
    """Measures parts of one window of an image.

    Args:
        image: (C, H, W) reflectance of the window and of MARGIN_PX around it, less where the scene ends.
        truth: (C, H, W) reflectance.
        bands: Names of the C bands.
        core: Where the window itself lies.
        parts: (H, W) pixels to count, each for sums of its own; those around the window do not count.

    Returns:
        The sums of each part.
    """
    inside = np.zeros(truth.shape[1:], bool)
    inside[core] = True
    chosen = [part & inside for part in parts]
    small = min(inside.shape) <= 2 * MARGIN_PX
    similar = None if small or not any(map(np.any, chosen)) else _similarity(image, truth)
    return [measure_pixels(image, truth, bands, part, similar) for part in chosen]


def _similarity(image: Float, truth: Float) -> Double:
    """As metrics.ssim_map, at once where the images are equal."""
    if not np.array_equal(image, truth):
        return metrics.ssim_map(image, truth)
    height, width = truth.shape[1:]
    return np.ones((len(truth), height - 2 * MARGIN_PX, width - 2 * MARGIN_PX))


def measure_pixels(
    image: Float, truth: Float, bands: Sequence[str], chosen: Bool, similar: Double | None = None
) -> ImageSums:
    """Measures pixels each by itself.

    Args:
        image: (C, H, W) reflectance.
        truth: (C, H, W) reflectance.
        bands: Names of the C bands.
        chosen: (H, W) pixels to count.
        similar: Of metrics.ssim_map; without it, SSIM stays unknown.
    """
    x, y = image[:, chosen, None], truth[:, chosen, None]  # (C, N, 1)
    clipped = np.clip(x.astype(np.float64), 0, 1)
    errors = clipped - np.clip(y.astype(np.float64), 0, 1)
    inner = slice(MARGIN_PX, -MARGIN_PX)
    counted = np.empty(0) if similar is None else similar[:, chosen[inner, inner]]
    return ImageSums(
        int(np.count_nonzero(chosen)),
        clipped.sum(axis=(1, 2)),
        np.abs(errors).sum(axis=(1, 2)),
        (errors**2).sum(axis=(1, 2)),
        _mean(metrics.angles(x, y)),
        _mean(metrics.ndvi_errors(x, y, bands)),
        _mean(counted),
    )


def _mean(values: Double) -> Mean:
    return Mean(float(values.sum()), values.size)
