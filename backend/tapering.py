"""Windows that overlap by half and are blended with a taper, for networks that see all of their window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .sensors import Float

if TYPE_CHECKING:
    from torch import Tensor


def blend(image: Tensor, window_px: int, run: Callable[[Sequence[Tensor]], Iterable[Tensor]]) -> Tensor:
    """Runs a network window by window and averages what it says of each pixel.

    Args:
        image: (C, H, W) of any size; mirrored at its far borders up to whole windows.
        window_px: Side of the windows, even; they begin at multiples of its half.
        run: Takes windows (C, window_px, window_px), gives an output (D, window_px, window_px) for each in order.

    Returns:
        (D, H, W) on the device of the image.
    """
    import torch

    height, width = image.shape[-2:]
    rows, columns = shares(height, window_px), shares(width, window_px)
    ends = rows[-1][0] + window_px, columns[-1][0] + window_px
    padded = mirrored(image, ends[0] - height, ends[1] - width)
    places = [(row, column) for row in rows for column in columns]
    windows = [padded[:, top : top + window_px, left : left + window_px] for (top, _), (left, _) in places]
    tapers = {id(share): torch.from_numpy(share).to(image.device) for _, share in (*rows, *columns)}
    blended: Tensor | None = None
    for ((top, down), (left, across)), output in zip(places, run(windows), strict=True):
        if blended is None:
            blended = output.new_zeros((len(output), *ends))
        part = output * tapers[id(down)][:, None] * tapers[id(across)]
        blended[:, top : top + window_px, left : left + window_px] += part
    if blended is None:
        raise ValueError("no window was run")
    return blended[:, :height, :width]


def mirrored(image: Tensor, down: int, right: int) -> Tensor:
    """Grows the last two axes (H, W) by so many pixels, which repeat the image backwards from its border."""
    import torch

    for axis, more in ((-2, down), (-1, right)):
        if more:
            length = image.shape[axis]
            places = np.pad(np.arange(length), (0, more), mode="symmetric")
            image = image.index_select(axis, torch.from_numpy(places).to(image.device))
    return image


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
