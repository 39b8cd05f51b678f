"""Gradient noise against itself, point by point and window by window."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.backend import perlin


def test_noise_on_a_grid_equals_noise_at_its_points() -> None:
    rows, columns = np.arange(40) / 7.3 - 2, np.arange(60) / 5.1 + 1000
    y, x = np.meshgrid(rows, columns, indexing="ij")
    np.testing.assert_allclose(perlin.noise(rows, columns, 5), perlin.noise_at(y, x, 5), atol=2e-5)


@settings(max_examples=20, deadline=None)
@given(row=st.integers(0, 60), column=st.integers(0, 60), seed=st.integers(0, 2**62))
def test_windows_agree_to_the_last_bit(row: int, column: int, seed: int) -> None:
    def window(row: int, column: int, size: int) -> np.ndarray:
        return perlin.fractal(np.arange(row, row + size) / 37, np.arange(column, column + size) / 37, seed, octaves=5)

    np.testing.assert_array_equal(window(row, column, 30), window(0, 0, 90)[row : row + 30, column : column + 30])


def test_noise_is_smooth_standardised_and_zero_at_the_nodes() -> None:
    rows = np.arange(800) / 16
    values = perlin.noise(rows, rows, 1)
    assert abs(values.mean()) < 0.05
    assert abs(values.std() - 1) < 0.05
    assert np.abs(np.diff(values, axis=0)).max() < 0.8
    assert np.abs(values[::16, ::16]).max() == 0


def test_fractal_keeps_the_standard_deviation() -> None:
    rows = np.arange(1000) / 20
    assert abs(perlin.fractal(rows, rows, 3, octaves=5).std() - 1) < 0.1


def test_seeds_choose_different_fields() -> None:
    rows = np.arange(300) / 6
    fields = np.stack([perlin.noise(rows, rows, seed).ravel() for seed in range(6)])
    assert np.abs(np.corrcoef(fields) - np.eye(6)).max() < 0.1


def test_octaves_end_at_the_smallest_size() -> None:
    assert perlin.octaves_down_to(64, 2) == 6
    assert perlin.octaves_down_to(1, 2) == 1


def test_scrambled_numbers_are_even_and_belong_to_their_keys() -> None:
    keys = np.arange(10_000)
    numbers = perlin.scramble(4, keys, keys[::-1].copy())
    assert len(np.unique(numbers)) == len(keys)
    assert abs((numbers / 2.0**64).mean() - 0.5) < 0.02
    np.testing.assert_array_equal(perlin.scramble(4, keys[:5], keys[::-1][:5].copy()), numbers[:5])
