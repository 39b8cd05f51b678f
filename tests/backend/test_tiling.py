"""Tiles cover a scene once; windows know where they lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.backend.tiling import Window, tiles

SIZES = st.integers(1, 70)
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


def pixels(window: Window) -> set[tuple[int, int]]:
    rows = range(window.row, window.row + window.height)
    return {(row, column) for row in rows for column in range(window.column, window.column + window.width)}
