"""How steadily a series of images goes on from one day to the next, and how steadily it should. All on arrays.

Papers report the SSIM of successive predictions. A row that gives the same image every day has 1 in it, whatever the
ground does; so what counts is how near it comes to the truth's own, and whether the change itself is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...metrics import mae, ssim
from ...sensors import Bool, Float


def temporal_consistency(frames: Float, counted: Sequence[Bool] | None = None) -> list[float]:
    """SSIM of each two successive frames, see metrics.ssim.

    Args:
        frames: (T, C, H, W) reflectance, in the order of time.
        counted: T - 1 masks (H, W) of the pixels to count of each step; None counts all.

    Returns:
        T - 1 values; NaN where no pixel counts.
    """
    return _steps(frames, counted, ssim)


def temporal_change(frames: Float, counted: Sequence[Bool] | None = None) -> list[float]:
    """Mean absolute difference of each two successive frames; arguments as in temporal_consistency."""
    return _steps(frames, counted, mae)


def change_error(predicted: Float, truth: Float, counted: Sequence[Bool] | None = None) -> list[float]:
    """Mean absolute error of the change: mean |(x[t+1] - x[t]) - (y[t+1] - y[t])|, over bands and counted pixels.

    An error that stays the same on both days does not count.

    Args:
        predicted: (T, C, H, W) reflectance x, in the order of time.
        truth: (T, C, H, W) reflectance y.
        counted: As in temporal_consistency.
    """
    changes = [np.diff(np.clip(frames.astype(np.float64), 0, 1), axis=0) for frames in (predicted, truth)]
    error = np.abs(changes[0] - changes[1]).mean(axis=1)  # (T - 1, H, W)
    masks = np.ones(error.shape, bool) if counted is None else counted
    return [float(step[mask].mean()) if mask.any() else float("nan") for step, mask in zip(error, masks, strict=True)]


def _steps(
    frames: Float, counted: Sequence[Bool] | None, compare: Callable[[Float, Float, Bool | None], float]
) -> list[float]:
    masks = [None] * (len(frames) - 1) if counted is None else counted
    return [compare(after, before, mask) for before, after, mask in zip(frames[:-1], frames[1:], masks, strict=True)]
