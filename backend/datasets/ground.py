"""Where the ground shows in a series of days of one place that came without masks.

Each day by the rules of haze_detector, and all days against each other: a pixel that is much bluer than on the clearer
of its days is under cloud (Hagolle et al., 2010, compare each day with one before in the same way). Snow and a fresh
harvest are taken for cloud now and then, which costs data and teaches nothing wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..haze_detector import HazeDetector
from ..mask_files import CLEAR, THRESHOLD
from ..sensors import Bool, Float, Level

RESOLUTION_M = 10.0
EXCESS = 0.04
"""Blue reflectance above that of the clearer days that is cloud."""
CLEARER = 0.25
"""The share of the days, from the darkest, at whose end the usual blue is taken."""


def series_clear(series: Sequence[Float], bands: tuple[str, ...], level: Level) -> list[Bool]:
    """Finds clouds and shadows on each day.

    Args:
        series: (C, H, W) reflectance of each day, 0 where not measured.
        bands: Names of the C bands, B2, B3 and B4 among them.
        level: Of the processing.

    Returns:
        (H, W) for each day: measured, and neither cloud nor shadow.
    """
    detect = HazeDetector(bands, level, THRESHOLD, RESOLUTION_M)
    measured: list[Bool] = [np.any(optical, axis=0) for optical in series]
    clear = [detect(optical, seen) == CLEAR for optical, seen in zip(series, measured, strict=True)]
    blue = np.stack([optical[bands.index("B2")] for optical in series])
    shown = np.where(np.stack(clear), blue, np.inf)
    usual = np.sort(shown, axis=0)[int(CLEARER * (len(series) - 1))]
    return [seen & (day < usual + EXCESS) for seen, day in zip(clear, blue, strict=True)]
