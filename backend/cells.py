"""Images on a coarser grid: cells of n x n pixels, for work that needs no full resolution.

Everything here gives the same bits for a pixel whatever window it is seen in: sums run in a fixed order, and those of
neighbourhoods are sums of whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sensors import Bool, Float

Integers = NDArray[np.int64]

SCALE = 10_000
"""Reflectance is rounded to this fraction before neighbourhoods are summed: the resolution of the products."""


def to_cells(optical: Float, valid: Bool, size: int) -> tuple[Float, Bool]:
    """Averages the valid pixels of each cell.

    Args:
        optical: (C, H, W), 0 where not valid.
        valid: (H, W)
        size: Side of a cell in pixels; the last cells may reach beyond the image.

    Returns:
        (C, h, w) means, 0 where nothing is valid; (h, w) cells with at least one valid pixel.
    """
    if size == 1:
        return optical, valid
    counts = _sums(valid[None].astype(np.float32), size)
    means: Float = _sums(optical, size) / np.maximum(counts, np.float32(1))
    return means, counts[0] > 0


def from_cells(cells: NDArray[Any], size: int, height: int, width: int) -> NDArray[Any]:
    """Gives each pixel the value of its cell: (h, w) becomes (height, width)."""
    return cells.repeat(size, axis=0).repeat(size, axis=1)[:height, :width]


def box_sum(values: NDArray[Any], radius: int) -> Integers:
    """Sums whole numbers over squares.

    Args:
        values: (H, W) whole numbers; beyond the array they count as 0.
        radius: The square's side is 2 radius + 1.

    Returns:
        (H, W)
    """
    sums: Integers = values.astype(np.int64)
    for axis in (0, 1):
        width = [(0, 0), (0, 0)]
        width[axis] = (radius + 1, radius)
        running = np.moveaxis(np.cumsum(np.pad(sums, width), axis=axis), axis, 0)
        sums = np.moveaxis(running[2 * radius + 1 :] - running[: -2 * radius - 1], 0, axis)
    return sums


def local_mean(values: NDArray[Any], where: Bool, radius: int) -> NDArray[np.float64]:
    """Averages the chosen cells of each square of side 2 radius + 1; 0 where none is chosen. Shape (H, W)."""
    whole = np.rint(np.where(where, values, 0) * SCALE)
    return box_sum(whole, radius) / np.maximum(box_sum(where, radius), 1) / SCALE


def _sums(values: Float, size: int) -> Float:
    """Sums over cells, rows first; elementwise, so that the order of additions does not depend on the shape."""
    _, height, width = values.shape
    if height % size or width % size:
        values = np.pad(values, ((0, 0), (0, -height % size), (0, -width % size)))
    rows = values[:, ::size].copy()
    for i in range(1, size):
        rows += values[:, i::size]
    cells: Float = rows[:, :, ::size].copy()
    for i in range(1, size):
        cells += rows[:, :, i::size]
    return cells
