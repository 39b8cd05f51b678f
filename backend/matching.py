"""How another date would look on the optical image's day, learned from the pixels that are clear in both.

A ridge regression (Hoerl and Kennard, 1970) over the whole scene gives each band of the image from all bands of the
date; its penalty pulls towards the date itself. What is left of the difference is added as a smooth field of blocks.
All of it follows from sums, so a scene is read once whatever its size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .background import BLOCK_PX, BlockSums, Smooth, near
from .sensors import Bool, Float

UNUSUAL = 0.04
"""Mean change of reflectance over all bands, beyond that of most pixels, which no season makes over large areas."""
PENALTY = 0.05
"""Of the regression: sum of squared reflectance over the pixels that pulls as much as they do."""
TRUST_PX = 1000.0
"""Pixels that a block needs before what is left of its difference weighs as much as its surroundings'."""
UNKNOWN_ERROR = 0.1
"""Expected error of a date of which nothing is clear in both, in reflectance."""
UNKNOWN_PX = 30.0
"""As many pixels of that error are taken in with those that are clear in both."""


@dataclass(frozen=True)
class Match:
    """Takes a date to the optical image's day."""

    gain: Float
    """(C, C) change of each band of the image by each band of the date, rows being the date's."""
    offset: Float
    """(C,) reflectance."""
    shift: Float
    """(C, h, w) reflectance added in each block."""
    error: Float
    """(1, h, w) expected error in each block."""

    def apply(self, date: Float, row: int, column: int) -> tuple[Float, Float]:
        """Matches a window.

        Args:
            date: (C, H, W) reflectance as measured.
            row: First row of the window in the scene.
            column: First column of the window in the scene.

        Returns:
            (C, H, W) reflectance, and (H, W) its expected error.
        """
        here = self.at(row, column, *date.shape[1:])
        return here.apply(date), here.error.pixels()[0]

    def at(self, row: int, column: int, height: int, width: int) -> MatchedWindow:
        """Gives what takes a window to the optical image's day."""
        at = (row, column, height, width)
        return MatchedWindow(self.gain, self.offset, near(self.shift, *at), near(self.error, *at))


@dataclass(frozen=True)
class MatchedWindow:
    """Takes a window of a date to the optical image's day; gain and offset as in Match."""

    gain: Float
    offset: Float
    shift: Smooth
    error: Smooth

    def apply(self, date: Float) -> Float:
        """(C, H, W) reflectance as measured to reflectance as it would be."""
        matched = self.shift.pixels() + self.offset[:, None, None]
        matched += date
        matched += (self.gain.T @ date.reshape(len(date), -1)).reshape(date.shape)
        return matched


class JointSums:
    """Sums over what is clear in the optical image and in another date.

    Args:
        bands: Number of bands C.
        height: Rows of the scene in pixels.
        width: Columns of the scene in pixels.
    """

    def __init__(self, bands: int, height: int, width: int) -> None:
        self._bands = bands
        self.blocks = BlockSums(2 * bands, height, width)
        """Of image minus date, and of the date."""
        self._products = np.zeros((2 * bands, 2 * bands))

    def add(self, optical: Float, date: Float, both: Bool, row: int, column: int) -> None:
        """Adds a window that begins at multiples of BLOCK_PX; leaves out pixels that changed unlike most others.

        Args:
            optical: (C, H, W) reflectance.
            date: (C, H, W) reflectance.
            both: (H, W) pixels that are clear in both.
            row: First row of the window in the scene.
            column: First column of the window in the scene.
        """
        difference = optical - date
        used = _usual(difference, both)
        values = np.concatenate([difference, date])
        values *= used
        for top in range(0, len(used), BLOCK_PX):  # a strip stays in the processor's cache
            strip = values[:, top : top + BLOCK_PX].reshape(len(values), -1)
            self._products += strip @ strip.T
        self.blocks.add(values, used, row, column)

    def join(self, part: JointSums, row: int, column: int) -> None:
        """Adds the sums of a window that begins at multiples of BLOCK_PX."""
        self._products += part._products
        self.blocks.join(part.blocks, row, column)

    def match(self) -> Match:
        """Gives the regression, what it leaves over, and the expected error."""
        bands, counts = self._bands, self.blocks.counts
        count = counts.sum()
        total = self.blocks.sums.sum(axis=(1, 2))
        products = self._products - np.outer(total, total) / max(count, 1)
        change, date = np.split(total / max(count, 1), 2)
        among, between = products[bands:, bands:], products[bands:, :bands]
        gain = np.linalg.solve(among + PENALTY * np.eye(bands), between)
        offset = change - date @ gain
        left = BlockSums(bands, 1, 1)
        left.sums = self.blocks.sums[:bands] - np.tensordot(gain.T, self.blocks.sums[bands:], 1)
        left.sums -= offset[:, None, None] * counts
        left.counts = counts
        squares = np.diag(products[:bands, :bands]) - 2 * (gain * between).sum(0) + (gain * (among @ gain)).sum(0)
        error = _error(left, float(squares.mean()))
        as_float = [array.astype(np.float32) for array in (gain, offset, error)]
        return Match(as_float[0], as_float[1], left.fill(trust_px=TRUST_PX), as_float[2])


def _usual(difference: Float, both: Bool) -> Bool:
    """Leaves out pixels that differ too much from most others: shadows and thin clouds that no mask holds."""
    if not both.any():
        return both
    mean = difference.mean(axis=0)
    usual: Bool = both & (np.abs(mean - np.median(mean[both])) < UNUSUAL)
    return usual


def _error(left: BlockSums, squares: float) -> np.ndarray:
    """Gives the expected error (1, h, w) of blocks: what changes from block to block is known where pixels are.

    Args:
        left: What the regression leaves over.
        squares: Sum of its squares, mean over the bands.
    """
    count = left.counts.sum()
    between = float((left.sums**2).mean(axis=0)[left.counts > 0] @ (1 / left.counts[left.counts > 0]))
    share = TRUST_PX / (left.counts + TRUST_PX)
    known = max(squares - between, 0) + between * share
    variance = (known + UNKNOWN_PX * UNKNOWN_ERROR**2) / (count + UNKNOWN_PX)
    error: np.ndarray = np.sqrt(variance)[None]
    return error
