"""What the ground looks like where it cannot be seen: a smooth image, made from the scene's clear pixels alone.

The scene is summed over blocks of BLOCK_PX pixels while it is read once, so the result belongs to the scene, not to a
tile, and costs a thousandth of its memory. Empty blocks are filled from coarser ones: normalised convolution (Knutsson
and Westin, 1993) on a pyramid, as in pull-push (Gortler et al., 1996).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .sensors import Bool, Float

BLOCK_PX = 32
TRUST_PX = 64.0
"""Clear pixels that a block needs before its own mean weighs as much as its surroundings'."""


class BlockSums:
    """Sums of the clear pixels of each block of a scene.

    Args:
        bands: Number of bands C.
        height: Rows of the scene in pixels.
        width: Columns of the scene in pixels.
    """

    def __init__(self, bands: int, height: int, width: int) -> None:
        shape = (-(-height // BLOCK_PX), -(-width // BLOCK_PX))
        self.sums = np.zeros((bands, *shape))
        self.counts = np.zeros(shape)

    def add(self, optical: Float, clear: Bool, row: int, column: int) -> None:
        """Adds a window that begins at multiples of BLOCK_PX.

        Args:
            optical: (C, H, W) reflectance.
            clear: (H, W) pixels to count.
            row: First row of the window in the scene.
            column: First column of the window in the scene.
        """
        i, j = row // BLOCK_PX, column // BLOCK_PX
        sums = _sum_cells(np.where(clear, optical, 0.0), BLOCK_PX)
        height, width = sums.shape[-2:]
        self.sums[:, i : i + height, j : j + width] += sums
        self.counts[i : i + height, j : j + width] += _sum_cells(clear.astype(np.float32), BLOCK_PX)

    def fill(self, prior: NDArray[np.float32] | None = None) -> Float:
        """Gives the mean of the clear pixels of each block, filled where there are none.

        Args:
            prior: (C,) reflectance assumed where nothing at all is clear; 0 without it.

        Returns:
            (C, h, w) reflectance, one value for each block.
        """
        start = np.zeros(len(self.sums)) if prior is None else prior.astype(np.float64)
        return _fill(self.sums, self.counts, start).astype(np.float32)


def sample(field: Float, row: int, column: int, height: int, width: int) -> Float:
    """Interpolates a field of blocks bilinearly at the pixels of a window, which may reach beyond the scene.

    Args:
        field: (C, h, w) one value for each block.
        row: First row of the window in pixels.
        column: First column of the window in pixels.
        height: Rows of the window.
        width: Columns of the window.

    Returns:
        (C, height, width)
    """
    return _interpolate(field, BLOCK_PX, row, column, height, width).astype(np.float32, copy=False)


def _fill(sums: np.ndarray, counts: np.ndarray, prior: np.ndarray) -> np.ndarray:
    if counts.shape == (1, 1):
        coarse = np.broadcast_to(prior[:, None, None], sums.shape)
        trust = 1e-6
    else:
        filled = _fill(_sum_cells(sums, 2), _sum_cells(counts, 2), prior)
        coarse = _interpolate(filled, 2, 0, 0, *counts.shape)
        trust = TRUST_PX
    means: np.ndarray = (sums + trust * coarse) / (counts + trust)
    return means


def _sum_cells(array: np.ndarray, size: int) -> np.ndarray:
    """Sums the last two axes over cells of size x size; the last cells may be smaller."""
    rows = np.add.reduceat(array, np.arange(0, array.shape[-2], size), axis=-2)
    cells: np.ndarray = np.add.reduceat(rows, np.arange(0, array.shape[-1], size), axis=-1)
    return cells


def _interpolate(field: np.ndarray, size: int, row: int, column: int, height: int, width: int) -> np.ndarray:
    rows, first_row = _weights(field.shape[-2], size, row, height)
    columns, first_column = _weights(field.shape[-1], size, column, width)
    near = field[:, first_row : first_row + rows.shape[1], first_column : first_column + columns.shape[1]]
    values: np.ndarray = rows @ near @ columns.T
    return values


def _weights(cells: int, size: int, start: int, length: int) -> tuple[np.ndarray, int]:
    """Bilinear weights (length, n) of n neighbouring cells for each pixel, and the first of these cells."""
    position = np.clip((np.arange(start, start + length) + 0.5) / size - 0.5, 0, cells - 1)
    lower = np.minimum(position.astype(int), max(cells - 2, 0))
    first, last = lower[0], min(lower[-1] + 1, cells - 1)
    weights = np.zeros((length, last - first + 1), dtype=np.float32)
    share = position - lower
    pixel = np.arange(length)
    weights[pixel, lower - first] = 1 - share
    weights[pixel, np.minimum(lower + 1, cells - 1) - first] += share
    return weights, int(first)
