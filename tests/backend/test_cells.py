"""Cells and sums of neighbourhoods, compared with plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from unclouded.backend.cells import box_sum, from_cells, local_mean, to_cells


@pytest.mark.parametrize(("height", "width", "size"), [(12, 12, 3), (13, 11, 4), (5, 5, 1), (2, 3, 6)])
def test_a_cell_is_the_mean_of_its_valid_pixels(height: int, width: int, size: int) -> None:
    random = np.random.default_rng(3)
    valid = random.random((height, width)) > 0.4
    optical = (random.random((2, height, width)) * valid).astype(np.float32)
    cells, known = to_cells(optical, valid, size)
    for i, j in np.ndindex(known.shape):
        part = np.s_[i * size : (i + 1) * size, j * size : (j + 1) * size]
        assert known[i, j] == valid[part].any()
        expected = optical[:, part[0], part[1]][:, valid[part]].mean(axis=1) if known[i, j] else [0, 0]
        np.testing.assert_allclose(cells[:, i, j], expected, rtol=1e-5)
    assert from_cells(known, size, height, width).shape == (height, width)


def test_pixels_get_the_value_of_their_cell() -> None:
    cells = np.array([[1, 2], [3, 4]])
    assert from_cells(cells, 2, 3, 4).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4]]


@pytest.mark.parametrize("radius", [0, 1, 4, 20])
def test_sums_of_squares(radius: int) -> None:
    values = np.random.default_rng(1).integers(-50, 50, (9, 13))
    padded = np.pad(values, radius)
    sums = box_sum(values, radius)
    for i, j in np.ndindex(values.shape):
        assert sums[i, j] == padded[i : i + 2 * radius + 1, j : j + 2 * radius + 1].sum()


def test_local_mean_counts_the_chosen_only() -> None:
    values = np.array([[0.1, 0.5, 0.9, 0.3]])
    chosen = np.array([[True, False, True, True]])
    np.testing.assert_allclose(local_mean(values, chosen, 1), [[0.1, 0.5, 0.6, 0.6]], atol=1e-4)
    assert (local_mean(values, np.zeros_like(chosen), 1) == 0).all()
