"""Masks of clouds and their shadows: classes, detectors, and what users bring. All on arrays, nothing on files."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from .errors import InputError
from .haze_detector import HazeDetector
from .mask_files import CLEAR, CLOUD, NODATA, SHADOW, THRESHOLD, Classes, Kind, checked_threshold, from_user, interpret
from .morphology import feather, grow
from .observation import crop
from .probability_detector import BANDS, ProbabilityDetector
from .sensors import BY_COUNT, Bool, Float, Level

__all__ = [
    "CLEAR",
    "CLOUD",
    "FEATHER_PX",
    "GROW_PX",
    "NODATA",
    "SHADOW",
    "THRESHOLD",
    "Classes",
    "Detector",
    "Kind",
    "choose",
    "feather",
    "from_user",
    "grow",
    "interpret",
    "whole",
]

GROW_PX = 4
"""By how many pixels a found mask is grown. Thin edges brighten the ground beyond a mask: next to it, blue was 0.008 to
0.018 too high on three images with hand-drawn labels, four pixels on 0.003 to 0.011, and from there it falls slowly.
Growing by 4 pixels raised the share of the labelled cloud that is masked from 0.79 to 0.91."""
FEATHER_PX = 3
"""Width in pixels of the rim on which reconstruction and measurement blend: less than GROW_PX, so that only what was
added by growing is blended."""


class Detector(Protocol):
    """Finds clouds and shadows in a window. With the margin and the alignment, tiles agree with the whole scene."""

    name: str
    """For the log."""
    margin_px: int
    """Pixels around a window's core that the core's classes depend on."""
    align_px: int
    """Windows begin at multiples of this."""

    def __call__(self, optical: Float, valid: Bool) -> Classes:
        """Classifies the pixels of one window.

        Args:
            optical: (C, H, W) reflectance, 0 where not valid; bands in the order given to `choose`.
            valid: (H, W)

        Returns:
            (H, W) CLEAR, CLOUD, SHADOW, or NODATA where not valid.
        """
        ...


def choose(bands: tuple[str, ...], level: Level, threshold: float | None, resolution_m: float) -> Detector:
    """Chooses the best detector for an image.

    Args:
        bands: Names of the image's bands, see sensors.NAMES.
        level: Of the processing.
        threshold: Probability (0..1) above which a pixel is cloud, None for THRESHOLD.
        resolution_m: Side of a pixel in metres.

    Raises:
        InputError: No detector can work with these bands.
        UsageError: The threshold lies outside 0..1.
    """
    limit = checked_threshold(threshold)
    if level == "L1C" and set(BANDS) <= set(bands):
        return ProbabilityDetector(bands, limit, resolution_m)
    if set(BY_COUNT[4]) <= set(bands):
        from .network_detector import NetworkDetector  # loads torch, which other users of masks need not

        return NetworkDetector(bands, level, limit, resolution_m)
    missing = [band for band in ("B2", "B3", "B4") if band not in bands]
    if missing:
        raise InputError(
            f"Clouds cannot be found in bands {', '.join(bands)}: B2, B3 and B4 (blue, green, red) were expected.",
            "Give a mask of the clouds, or name the bands if they are others.",
        )
    return HazeDetector(bands, level, limit, resolution_m)


def whole(detector: Detector, optical: Float, valid: Bool) -> Classes:
    """Classifies a whole image as a job does: beyond it nothing is measured.

    Args:
        detector: Of its bands.
        optical: (C, H, W) reflectance, 0 where not valid.
        valid: (H, W)

    Returns:
        (H, W)
    """
    margin_px = -(-detector.margin_px // detector.align_px) * detector.align_px
    around = (margin_px, margin_px)
    classes = detector(np.pad(optical, ((0, 0), around, around)), np.pad(valid, (around, around)))
    return crop(classes, margin_px)
