"""Windows of a scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELL_PX = 32
"""Windows of a cover begin and end at multiples of it, so that there are few sizes of them."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels; it may reach beyond the scene."""

    row: int
    column: int
    height: int
    width: int

    @property
    def pixels(self) -> int:
        """How many pixels it holds."""
        return self.height * self.width

    def shifted(self, rows: int, columns: int) -> Window:
        """The same rectangle, moved."""
        return Window(self.row + rows, self.column + columns, self.height, self.width)

    def clipped(self, height: int, width: int) -> Window | None:
        """The part that lies in a scene of this size; None if nothing does."""
        top, left = max(self.row, 0), max(self.column, 0)
        bottom, right = min(self.row + self.height, height), min(self.column + self.width, width)
        return Window(top, left, bottom - top, right - left) if bottom > top and right > left else None

    def padded(self, margin_px: int, align_px: int = 1) -> Window:
        """The rectangle with a margin of at least margin_px on each side, its ends at multiples of align_px."""
        top = (self.row - margin_px) // align_px * align_px
        left = (self.column - margin_px) // align_px * align_px
        bottom = -(-(self.row + self.height + margin_px) // align_px) * align_px
        right = -(-(self.column + self.width + margin_px) // align_px) * align_px
        return Window(top, left, bottom - top, right - left)

    def slices_in(self, outer: Window) -> tuple[slice, slice]:
        """Where this rectangle lies in an array of the outer one."""
        top, left = self.row - outer.row, self.column - outer.column
        return slice(top, top + self.height), slice(left, left + self.width)


def tiles(height: int, width: int, tile_px: int) -> Iterator[Window]:
    """Covers a scene with tiles, row by row; those at the far edges may be smaller."""
    for row in range(0, height, tile_px):
        for column in range(0, width, tile_px):
            yield Window(row, column, min(tile_px, height - row), min(tile_px, width - column))


def bounds(windows: Sequence[Window]) -> Window:
    """Gives the smallest rectangle that holds all of these."""
    top, left = min(window.row for window in windows), min(window.column for window in windows)
    bottom = max(window.row + window.height for window in windows)
    right = max(window.column + window.width for window in windows)
    return Window(top, left, bottom - top, right - left)


def cover(wanted: NDArray[np.bool_], margin_px: int) -> list[Window]:
    """Covers what is wanted with rectangles that do not overlap, cheaply for who computes them with a margin.

    A rectangle costs (height + 2 margin_px) (width + 2 margin_px). The one round all that is wanted is cut in two where
    the rectangles round what is wanted on either side cost least, and those again, as long as that makes it cheaper.

    Args:
        wanted: (H, W) pixels that must lie in a rectangle.
        margin_px: On each side of a rectangle.

    Returns:
        Rectangles in the array's pixels, whose edges are multiples of CELL_PX or those of the array; none if nothing
        is wanted.
    """
    rows, columns = (np.append(np.arange(0, side, CELL_PX), side) for side in wanted.shape)
    cells = np.logical_or.reduceat(np.logical_or.reduceat(wanted, rows[:-1], axis=0), columns[:-1], axis=1)
    return [*_rectangles(cells, rows, columns, margin_px)]


def _rectangles(cells: NDArray[np.bool_], rows: np.ndarray, columns: np.ndarray, margin_px: int) -> Iterator[Window]:
    """Covers cells (h, w), given the edges of their rows (h + 1,) and columns (w + 1,) in pixels."""
    if not cells.any():
        return
    top, bottom = np.flatnonzero(cells.any(axis=1))[[0, -1]]
    left, right = np.flatnonzero(cells.any(axis=0))[[0, -1]]
    cells = cells[top : bottom + 1, left : right + 1]
    rows, columns = rows[top : bottom + 2], columns[left : right + 2]
    whole = Window(int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]), int(columns[-1] - columns[0]))
    between_rows = _halves(cells, rows, columns, margin_px)
    costs = np.append(between_rows, _halves(cells.T, columns, rows, margin_px))
    cut = int(costs.argmin()) + 1 if len(costs) else 0
    if not cut or costs[cut - 1] >= (whole.height + 2 * margin_px) * (whole.width + 2 * margin_px):
        yield whole
    elif cut <= len(between_rows):
        yield from _rectangles(cells[:cut], rows[: cut + 1], columns, margin_px)
        yield from _rectangles(cells[cut:], rows[cut:], columns, margin_px)
    else:
        cut -= len(between_rows)
        yield from _rectangles(cells[:, :cut], rows, columns[: cut + 1], margin_px)
        yield from _rectangles(cells[:, cut:], rows, columns[cut:], margin_px)


def _halves(cells: NDArray[np.bool_], rows: np.ndarray, columns: np.ndarray, margin_px: int) -> np.ndarray:
    """Gives what cells (h, w) cost that are cut between two rows: (h - 1,). Nothing is empty at their edges."""
    above, below = _growing(cells, rows, columns, margin_px), _growing(cells[::-1], -rows[::-1], columns, margin_px)
    costs: np.ndarray = above + below[::-1]
    return costs


def _growing(cells: NDArray[np.bool_], rows: np.ndarray, columns: np.ndarray, margin_px: int) -> np.ndarray:
    """Gives what the first row of cells costs, the first two and so on, but for all of them."""
    filled = np.logical_or.accumulate(cells, axis=0)[:-1]
    last = np.maximum.accumulate(np.where(cells.any(axis=1), np.arange(1, len(cells) + 1), 0))[:-1]
    left, right = filled.argmax(axis=1), cells.shape[1] - filled[:, ::-1].argmax(axis=1)
    costs: np.ndarray = (rows[last] - rows[0] + 2 * margin_px) * (columns[right] - columns[left] + 2 * margin_px)
    return costs
