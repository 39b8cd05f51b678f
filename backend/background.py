"""What the ground looks like where it cannot be seen: smooth images, made from the scene's clear pixels alone.

The scene is summed over blocks of BLOCK_PX pixels while it is read once, so the result belongs to the scene, not to a
tile, and costs a thousandth of its memory. Empty blocks are filled from coarser ones: normalised convolution (Knutsson
and Westin, 1993) on a pyramid, as in pull-push (Gortler et al., 1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sensors import Bool, Float

BLOCK_PX = 32
REGION_PX = 8 * BLOCK_PX
TRUST_PX = 64.0
"""Clear pixels that a block needs before its own mean weighs as much as its surroundings'."""
TYPICAL_VARIABILITY = 0.05
"""Standard deviation of reflectance within a region where nothing is clear."""


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

    def join(self, part: BlockSums, row: int, column: int) -> None:
        """Adds the sums of a window that begins at multiples of BLOCK_PX."""
        i, j = row // BLOCK_PX, column // BLOCK_PX
        height, width = part.counts.shape
        self.sums[:, i : i + height, j : j + width] += part.sums
        self.counts[i : i + height, j : j + width] += part.counts

    def fill(self, prior: NDArray[np.float32] | None = None, trust_px: float = TRUST_PX) -> Float:
        """Gives the mean of the clear pixels of each block, filled where there are none.

        Args:
            prior: (C,) reflectance assumed where nothing at all is clear; 0 without it.
            trust_px: Clear pixels that a block needs before its own mean weighs as much as its surroundings'.

        Returns:
            (C, h, w) reflectance, one value for each block.
        """
        start = np.zeros(len(self.sums)) if prior is None else prior.astype(np.float64)
        return _fill(self.sums, self.counts, start, trust_px).astype(np.float32)


class GroundSums:
    """Sums of the clear pixels of a scene, and of their squares.

    Args:
        bands: Number of bands C.
        height: Rows of the scene in pixels.
        width: Columns of the scene in pixels.
    """

    def __init__(self, bands: int, height: int, width: int) -> None:
        self.values = BlockSums(bands, height, width)
        self.squares = BlockSums(bands, height, width)

    def add(self, optical: Float, clear: Bool, row: int, column: int) -> None:
        """Adds a window that begins at multiples of BLOCK_PX; arguments as for BlockSums.add."""
        self.values.add(optical, clear, row, column)
        self.squares.add(optical**2, clear, row, column)

    def join(self, part: GroundSums, row: int, column: int) -> None:
        """Adds the sums of a window that begins at multiples of BLOCK_PX."""
        self.values.join(part.values, row, column)
        self.squares.join(part.squares, row, column)

    def fill(self, prior: NDArray[np.float32] | None = None) -> Ground:
        """Gives what the clear pixels say of the ground.

        Args:
            prior: (C,) reflectance assumed where nothing at all is clear; 0 without it.
        """
        start = np.zeros(len(self.values.sums)) if prior is None else prior.astype(np.float64)
        sums = np.concatenate([self.values.sums, self.squares.sums])
        regions, counts = _sum_cells(sums, REGION_PX // BLOCK_PX), _sum_cells(self.values.counts, REGION_PX // BLOCK_PX)
        assumed = np.concatenate([start, start**2 + TYPICAL_VARIABILITY**2])
        mean, square = np.split(_fill(regions, counts, assumed, TRUST_PX), 2)
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        return Ground(self.values.fill(prior), mean.astype(np.float32), deviation.astype(np.float32))


@dataclass(frozen=True)
class Ground:
    """Smooth fields of a scene, in blocks and regions, or sampled at the pixels of a window."""

    background: Float
    """(C, h, w) reflectance, one value for each block."""
    regional: Float
    """(C, h, w) mean reflectance, one value for each region of REGION_PX."""
    variability: Float
    """(C, h, w) standard deviation of the clear pixels of each region."""

    def sample(self, row: int, column: int, height: int, width: int) -> Ground:
        """Interpolates all fields at the pixels of a window."""
        at = (row, column, height, width)
        return Ground(
            sample(self.background, *at),
            sample(self.regional, *at, REGION_PX),
            sample(self.variability, *at, REGION_PX),
        )


def sample(field: Float, row: int, column: int, height: int, width: int, cell_px: int = BLOCK_PX) -> Float:
    """Interpolates a field of blocks bilinearly at the pixels of a window, which may reach beyond the scene.

    Args:
        field: (C, h, w) one value for each block.
        row: First row of the window in pixels.
        column: First column of the window in pixels.
        height: Rows of the window.
        width: Columns of the window.
        cell_px: Side of a block.

    Returns:
        (C, height, width)
    """
    return near(field, row, column, height, width, cell_px).pixels()


@dataclass(frozen=True)
class Smooth:
    """A field of blocks at the pixels of a window: rows near columns^T for each of its C bands."""

    near: Float
    """(C, h, w) the blocks that the window touches."""
    rows: Float
    """(H, h) bilinear weights."""
    columns: Float
    """(W, w)"""

    def pixels(self) -> Float:
        """Gives the values (C, H, W)."""
        values: np.ndarray = self.rows @ self.near @ self.columns.T
        return values.astype(np.float32, copy=False)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name."""
        return {"near": self.near, "rows": self.rows, "columns": self.columns}


def near(field: Float, row: int, column: int, height: int, width: int, cell_px: int = BLOCK_PX) -> Smooth:
    """Gives what of a field matters to a window; arguments as for sample."""
    rows, first_row = _weights(field.shape[-2], cell_px, row, height)
    columns, first_column = _weights(field.shape[-1], cell_px, column, width)
    blocks = field[:, first_row : first_row + rows.shape[1], first_column : first_column + columns.shape[1]]
    return Smooth(blocks, rows, columns)


def _fill(sums: np.ndarray, counts: np.ndarray, prior: np.ndarray, trust_px: float) -> np.ndarray:
    if counts.shape == (1, 1):
        coarse = np.broadcast_to(prior[:, None, None], sums.shape)
        trust = 1e-6
    else:
        filled = _fill(_sum_cells(sums, 2), _sum_cells(counts, 2), prior, trust_px)
        coarse = _interpolate(filled, 2, 0, 0, *counts.shape)
        trust = trust_px
    means: np.ndarray = (sums + trust * coarse) / (counts + trust)
    return means


def _sum_cells(array: np.ndarray, size: int) -> np.ndarray:
    """Sums the last two axes over cells of size x size; the last cells may be smaller."""
    height, width = array.shape[-2:]
    if height % size == 0 and width % size == 0:
        strips = array.reshape(*array.shape[:-2], height // size, size, width).sum(axis=-2)
        whole: np.ndarray = strips.reshape(*strips.shape[:-1], width // size, size).sum(axis=-1)
        return whole
    rows = np.add.reduceat(array, np.arange(0, array.shape[-2], size), axis=-2)
    cells: np.ndarray = np.add.reduceat(rows, np.arange(0, array.shape[-1], size), axis=-1)
    return cells


def _interpolate(field: np.ndarray, size: int, row: int, column: int, height: int, width: int) -> np.ndarray:
    found = near(field, row, column, height, width, size)
    values: np.ndarray = found.rows @ found.near @ found.columns.T
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
