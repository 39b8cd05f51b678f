"""Clouds of L1C images from the cloud probability of s2cloudless, and their shadows.

s2cloudless (Sentinel Hub; Skakun et al., 2022, compare it with others) is a gradient-boosted forest on ten bands of a
pixel. Its package is not imported, as it loads a web client and OpenCV that are not needed: the forest is a text file
of the package, which LightGBM reads. As its authors do, it runs at about 60 m. They average the probability over a
radius of 4 cells and grow the mask by 2; half of each is used here, which keeps small clouds and narrow gaps, since the
caller grows the mask once more.

Towns, bright soil and fish ponds reach probabilities that are as high as those of thin cloud, but seldom higher. So
cloud also needs a core near it, where the forest is surer: without one, false cloud on clear places was nine times as
much. Small clouds drown in the average; they count where a single cell is very sure, or in the company of large ones.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import from_cells, to_cells
from .errors import BackendError
from .haze_detector import PATH_REFLECTANCE, cell_px
from .mask_files import CLEAR, CLOUD, NODATA, SHADOW, Classes
from .morphology import grow
from .sensors import Bool, Float
from .shadows import find_shadows, margin_cells

BANDS = ("B1", "B2", "B4", "B5", "B8", "B8A", "B9", "B10", "B11", "B12")
"""Features of the forest, in its order."""
FOREST = "models/pixel_s2_cloud_detector_lightGBM_v0.1.txt"

CELL_M = 60.0
AVERAGE_CELLS = 2
GROW_CELLS = 1
CORE_REACH_CELLS = 5
"""How far cloud may lie from a core."""
COMPANY_CELLS = 15
"""How far small clouds may lie from a core that is very sure."""
SCALE = 10_000
"""Probabilities are rounded to this fraction before they are averaged, which makes sums exact."""

SHADOW_BANDS = ("B3", "B8", "B11")


class ProbabilityDetector:
    """The forest on cells of about 60 m, shadows on cells of about 20 m, see clouds.Detector.

    Args:
        bands: Names of the image's bands, all of BANDS among them.
        threshold: Probability (0..1) above which a cell is cloud; a core needs a third of what is missing to 1 more,
            a very sure one two thirds.
        resolution_m: Side of a pixel in metres.
    """

    def __init__(self, bands: tuple[str, ...], threshold: float, resolution_m: float) -> None:
        self._threshold = threshold
        self._fine_px = cell_px(resolution_m)
        self._fine_m = self._fine_px * resolution_m
        self._coarse = max(1, round(CELL_M / self._fine_m))
        """Side of a coarse cell in fine ones."""
        used = (*BANDS, *(band for band in SHADOW_BANDS if band in bands and band not in BANDS))
        self._used = used
        self._indexes = [bands.index(band) for band in used]
        self.name = "s2cloudless"
        self.align_px = self._fine_px * self._coarse
        cloud_cells = (AVERAGE_CELLS + COMPANY_CELLS + GROW_CELLS) * self._coarse
        self.margin_px = (cloud_cells + margin_cells(self._fine_m)) * self._fine_px

    def __call__(self, optical: Float, valid: Bool) -> Classes:
        cells, measured = to_cells(optical[self._indexes], valid, self._fine_px)
        cloud = self._find_clouds(cells[: len(BANDS)], measured) & measured
        path = PATH_REFLECTANCE["L1C"]
        ground = {
            band: cell - path.get(band, 0.0)
            for band, cell in zip(self._used, cells, strict=True)
            if band in SHADOW_BANDS
        }
        shadow = find_shadows(ground, measured, cloud, self._fine_m)
        classes = np.select([cloud, shadow], [np.uint8(CLOUD), np.uint8(SHADOW)], np.uint8(CLEAR))
        return np.where(valid, from_cells(classes, self._fine_px, *valid.shape), np.uint8(NODATA))

    def _find_clouds(self, cells: Float, measured: Bool) -> Bool:
        coarse, known = to_cells(cells * measured, measured, self._coarse)
        single = _probability(coarse, known)
        average = _averaged(single, known)
        sure, very_sure = (1 + 2 * self._threshold) / 3, (2 + self._threshold) / 3
        large = (average > self._threshold) & grow(known & (average > sure), CORE_REACH_CELLS)
        company = (single > self._threshold) & grow(known & (average > very_sure), COMPANY_CELLS)
        cloud = grow(known & (large | company | (single > very_sure)), GROW_CELLS)
        found: Bool = from_cells(cloud, self._coarse, *measured.shape)
        return found


def _probability(cells: Float, known: Bool) -> Float:
    """Cloud probability (h, w) of the known cells, 0 elsewhere."""
    probability = np.zeros(known.shape, np.float32)
    if known.any():
        probability[known] = _forest().predict(np.ascontiguousarray(cells[:, known].T), num_threads=1)
    return probability


def _averaged(probability: Float, known: Bool) -> NDArray[np.float64]:
    """Averages the known cells of discs of radius AVERAGE_CELLS."""
    whole = np.rint(probability * SCALE).astype(np.int64)
    return _disc_sum(whole) / np.maximum(_disc_sum(known.astype(np.int64)), 1) / SCALE


def _disc_sum(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums (h, w) whole numbers over discs of radius AVERAGE_CELLS."""
    radius = AVERAGE_CELLS
    padded = np.pad(values, radius)
    height, width = values.shape
    steps = range(-radius, radius + 1)
    disc = [(i, j) for i in steps for j in steps if i * i + j * j <= radius * radius]
    sums: NDArray[np.int64] = np.zeros_like(values)
    for i, j in disc:
        sums += padded[radius + i : radius + i + height, radius + j : radius + j + width]
    return sums


@functools.cache
def _forest() -> Any:
    """Loads the forest that the package s2cloudless brings.

    Raises:
        BackendError: The package or LightGBM is missing or broken.
    """
    try:
        from lightgbm import Booster
    except (ImportError, OSError) as error:
        raise _unusable(f"LightGBM cannot be loaded: {error}") from error
    package = importlib.util.find_spec("s2cloudless")
    if package is None or package.origin is None:
        raise _unusable("the package s2cloudless is missing")
    return Booster(model_file=str(Path(package.origin).parent / FOREST))


def _unusable(reason: str) -> BackendError:
    return BackendError(
        f"Clouds in L1C images are found by s2cloudless, but {reason}.",
        "Install the backend's requirements again (on macOS also OpenMP: brew install libomp), or give a mask.",
    )
