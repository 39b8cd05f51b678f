"""Tiles cover a scene once; windows know where they lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.backend.tiling import CELL_PX, Window, bounds, cover, tiles

SIZES = st.integers(1, 70)
PLACES = st.tuples(st.integers(0, 239), st.integers(0, 299))
WINDOWS = st.builds(Window, st.integers(-50, 80), st.integers(-50, 80), SIZES, SIZES)


@given(SIZES, SIZES, st.integers(1, 40))
def test_tiles_cover_each_pixel_once(height: int, width: int, tile_px: int) -> None:
    count = np.zeros((height, width), int)
    for tile in tiles(height, width, tile_px):
        count[tile.slices_in(Window(0, 0, height, width))] += 1
        assert 0 < tile.height <= tile_px
        assert 0 < tile.width <= tile_px

    assert (count == 1).all()


@given(WINDOWS, SIZES, SIZES)
def test_clipping_is_the_intersection_with_the_scene(window: Window, height: int, width: int) -> None:
    scene = {(row, column) for row in range(height) for column in range(width)}
    inside = scene & pixels(window)
    clipped = window.clipped(height, width)

    assert inside == (pixels(clipped) if clipped else set())


@given(WINDOWS, st.integers(0, 20), st.integers(1, 16))
def test_padding_keeps_the_margin_and_the_alignment(window: Window, margin_px: int, align_px: int) -> None:
    padded = window.padded(margin_px, align_px)
    edges = [padded.row, padded.column, padded.row + padded.height, padded.column + padded.width]

    assert all(edge % align_px == 0 for edge in edges)
    assert margin_px <= window.row - padded.row < margin_px + align_px
    assert margin_px <= window.column - padded.column < margin_px + align_px
    assert margin_px <= edges[2] - (window.row + window.height) < margin_px + align_px
    assert margin_px <= edges[3] - (window.column + window.width) < margin_px + align_px


@given(WINDOWS, st.integers(0, 20), st.integers(1, 8))
def test_slices_find_the_window_in_its_surroundings(window: Window, margin_px: int, align_px: int) -> None:
    outer = window.padded(margin_px, align_px)
    rows, columns = np.mgrid[outer.row : outer.row + outer.height, outer.column : outer.column + outer.width]
    core = window.slices_in(outer)

    assert rows[core].shape == (window.height, window.width)
    assert (rows[core][0, 0], columns[core][0, 0]) == (window.row, window.column)


@pytest.mark.parametrize("steps", [(0, 0), (-3, 12)])
def test_shifting_keeps_the_size(steps: tuple[int, int]) -> None:
    assert Window(5, 6, 7, 8).shifted(*steps) == Window(5 + steps[0], 6 + steps[1], 7, 8)


@given(st.lists(WINDOWS, min_size=1, max_size=5))
def test_bounds_hold_all_windows_and_no_more(windows: list[Window]) -> None:
    found = bounds(windows)

    rows, columns = zip(*set().union(*map(pixels, windows)), strict=True)
    assert (found.row, found.row + found.height - 1) == (min(rows), max(rows))
    assert (found.column, found.column + found.width - 1) == (min(columns), max(columns))


def spots(places: list[tuple[int, int]], height: int, width: int, side_px: int) -> np.ndarray:
    """(height, width) squares that begin at some places."""
    wanted = np.zeros((height, width), bool)
    for row, column in places:
        wanted[row : row + side_px, column : column + side_px] = True
    return wanted


def cost(windows: list[Window], margin_px: int) -> int:
    return sum(window.padded(margin_px).pixels for window in windows)


def around(wanted: np.ndarray) -> list[Window]:
    """The rectangle of cells round what is wanted, by looking at each cell."""
    cells = list(tiles(*wanted.shape, CELL_PX))
    full = Window(0, 0, *wanted.shape)
    return [bounds(held)] if (held := [cell for cell in cells if wanted[cell.slices_in(full)].any()]) else []


@given(
    st.lists(PLACES, max_size=8),
    st.integers(1, 240),
    st.integers(1, 300),
    st.integers(1, 60),
    st.sampled_from([0, 24, 72]),
)
def test_what_is_wanted_lies_in_one_window_of_a_cover(
    places: list[tuple[int, int]], height: int, width: int, side_px: int, margin_px: int
) -> None:
    wanted = spots(places, height, width, side_px)
    found = cover(wanted, margin_px)

    count = np.zeros(wanted.shape, int)
    for window in found:
        assert window.clipped(height, width) == window
        at = window.slices_in(Window(0, 0, height, width))
        assert wanted[at].any()
        count[at] += 1
        assert all(first % CELL_PX == 0 for first in (window.row, window.column))
        assert (window.row + window.height) % CELL_PX == 0 or window.row + window.height == height
        assert (window.column + window.width) % CELL_PX == 0 or window.column + window.width == width
    assert count.max() <= 1
    assert (count[wanted] == 1).all()
    assert cost(found, margin_px) <= cost([Window(0, 0, height, width)], margin_px)


@given(st.lists(PLACES, min_size=1, max_size=6), st.integers(1, 60), st.sampled_from([0, 24, 72]))
def test_no_single_cut_is_cheaper_than_a_cover(places: list[tuple[int, int]], side_px: int, margin_px: int) -> None:
    wanted = spots(places, 240, 300, side_px)
    cuts = [around(wanted)]
    for line in range(CELL_PX, 300, CELL_PX):
        for keep in (np.s_[:line], np.s_[:, :line]):
            near, far = np.zeros_like(wanted), wanted.copy()
            near[keep], far[keep] = wanted[keep], False
            cuts.append(around(near) + around(far))

    assert cost(cover(wanted, margin_px), margin_px) <= min(cost(cut, margin_px) for cut in cuts)


def test_a_cover_is_cut_where_that_pays_and_not_elsewhere() -> None:
    two = spots([(0, 0), (450, 470)], 512, 512, 20)

    assert cover(two, 72) == [Window(0, 0, 32, 32), Window(448, 448, 32, 64)]
    assert cover(two, 600) == [Window(0, 0, 480, 512)]
    assert cover(np.ones((512, 300), bool), 72) == [Window(0, 0, 512, 300)]
    assert cover(np.zeros((512, 300), bool), 72) == []


def pixels(window: Window) -> set[tuple[int, int]]:
    rows = range(window.row, window.row + window.height)
    return {(row, column) for row in rows for column in range(window.column, window.column + window.width)}
