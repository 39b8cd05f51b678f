"""Windows that overlap by half and are blended with a taper, for networks that see all of their window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from .sensors import Float


def blend(image: Float, window_px: int, run: Callable[[Sequence[Float]], Iterable[Float]]) -> Float:
    """Runs a network window by window and averages what it says of each pixel.

    Args:
        image: (C, H, W) of any size; mirrored at its far borders up to whole windows.
        window_px: Side of the windows, even; they begin at multiples of its half.
        run: Takes windows (C, window_px, window_px), gives an output (D, window_px, window_px) for each in order.

    Returns:
        (D, H, W)
    """
    height, width = image.shape[-2:]
    rows, columns = shares(height, window_px), shares(width, window_px)
    ends = rows[-1][0] + window_px, columns[-1][0] + window_px
    padded = np.pad(image, ((0, 0), (0, ends[0] - height), (0, ends[1] - width)), mode="symmetric")
    places = [(row, column) for row in rows for column in columns]
    windows = [padded[:, top : top + window_px, left : left + window_px] for (top, _), (left, _) in places]
    blended: Float | None = None
    for ((top, down), (left, across)), output in zip(places, run(windows), strict=True):
        if blended is None:
            blended = np.zeros((len(output), *ends), np.float32)
        blended[:, top : top + window_px, left : left + window_px] += output * down[:, None] * across
    if blended is None:
        raise ValueError("no window was run")
    return blended[:, :height, :width]


def shares(length_px: int, window_px: int) -> list[tuple[int, Float]]:
    """Gives where the windows of one axis begin, and the share (window_px,) that each has in its pixels.

    Shares follow w(i) = sin^2(pi (i + 1/2) / window_px), which is never 0, divided by the sum over all windows of a
    pixel. That sum is 1 where two windows meet, as they overlap by half, so that the share does not depend on where
    the axis begins or ends but at its ends.
    """
    step = window_px // 2
    starts = range(0, max(length_px - window_px, 0) + step, step)
    taper = np.sin(np.pi * (np.arange(window_px) + 0.5) / window_px) ** 2
    total = np.zeros(starts[-1] + window_px)
    for start in starts:
        total[start : start + window_px] += taper
    return [(start, (taper / total[start : start + window_px]).astype(np.float32)) for start in starts]
