"""Windows of a scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels; it may reach beyond the scene."""

    row: int
    column: int
    height: int
    width: int

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
