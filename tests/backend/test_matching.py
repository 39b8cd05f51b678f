"""Dates are taken to the image's day by what is clear in both, whatever the tiles; where that is little, not far."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from unclouded.backend.matching import PENALTY, UNKNOWN_ERROR, JointSums

BANDS, HEIGHT, WIDTH = 3, 96, 130


def date(seed: int = 0, spread: float = 0.1) -> np.ndarray:
    """Ground without any pattern of blocks."""
    random = np.random.default_rng(seed)
    return (0.2 + spread * random.standard_normal((BANDS, HEIGHT, WIDTH))).astype(np.float32)


def season(before: np.ndarray) -> np.ndarray:
    """Other ground that follows from it band by band and across bands, a little apart."""
    gain = np.array([[0.9, 0.1, 0], [0, 1.1, -0.1], [0.2, 0, 0.7]], np.float32)
    return np.einsum("ij,jhw->ihw", gain, before) + np.float32(0.01)


def sums_of(image: np.ndarray, before: np.ndarray, both: np.ndarray, tile_px: int = 1024) -> JointSums:
    """Adds a scene tile by tile."""
    joint = JointSums(*image.shape)
    for row in range(0, image.shape[1], tile_px):
        for column in range(0, image.shape[2], tile_px):
            part = np.s_[row : row + tile_px, column : column + tile_px]
            joint.add(image[(slice(None), *part)], before[(slice(None), *part)], both[part], row, column)
    return joint


def share(size: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH)) < size


def test_a_change_that_follows_from_the_bands_is_undone() -> None:
    before, both = date(spread=0.03), share(0.3)
    after = season(before)
    matched, error = sums_of(after, before, both).match().apply(before, 0, 0)

    assert np.abs(after - before).mean() > 0.01
    assert np.abs(matched - after).mean() < 1e-3
    assert error.max() < 0.02


def test_the_regression_minimises_penalised_squares() -> None:
    before, both = date(spread=0.03), share(0.01)
    after = season(before)
    x = before[:, both].astype(np.float64)
    x -= x.mean(axis=1, keepdims=True)
    change = (after - before)[0, both].astype(np.float64)

    def cost(gain: np.ndarray) -> float:
        return float(((change - change.mean() - gain @ x) ** 2).sum() + PENALTY * (gain**2).sum())

    expected = minimize(cost, np.zeros(BANDS), tol=1e-12).x
    np.testing.assert_allclose(sums_of(after, before, both).match().gain[:, 0], expected, atol=1e-4)


@pytest.mark.parametrize("tile_px", [32, 64])
def test_tiles_do_not_matter(tile_px: int) -> None:
    before, both = date(spread=0.01), share(0.5)
    after = season(before)
    whole, parts = (sums_of(after, before, both, size).match().apply(before, 0, 0) for size in (1024, tile_px))

    np.testing.assert_allclose(parts[0], whole[0], atol=1e-5)
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-3)


def test_windows_agree_with_the_whole() -> None:
    before = date()
    match = sums_of(season(before), before, share(0.4)).match()
    matched, error = match.apply(before, 0, 0)
    part = match.apply(before[:, 20:70, 33:90], 20, 33)

    np.testing.assert_allclose(part[0], matched[:, 20:70, 33:90], atol=1e-6)
    np.testing.assert_allclose(part[1], error[20:70, 33:90], atol=1e-6)


def test_a_date_that_shares_no_clear_pixel_stays_as_it_is() -> None:
    before = date()
    matched, error = sums_of(season(before), before, share(0)).match().apply(before, 0, 0)

    np.testing.assert_allclose(matched, before, atol=1e-7)
    np.testing.assert_allclose(error, UNKNOWN_ERROR, rtol=1e-6)


@pytest.mark.parametrize("pixels", [1, 2, 5, 14, 40])
def test_a_few_pixels_move_the_date_but_do_not_remake_it(pixels: int) -> None:
    """Unrelated noise beside a constant change: no more is lost by the regression than the change itself brings."""
    before, both = date(), np.zeros((HEIGHT, WIDTH), bool)
    both[40, 40 : 40 + pixels] = True
    noise = 0.01 * np.random.default_rng(9).standard_normal(before.shape).astype(np.float32)
    after = before + np.float32(0.03) + noise
    matched, _ = sums_of(after, before, both).match().apply(before, 0, 0)

    assert np.abs(matched - after).mean() < 0.025


def test_the_error_is_that_of_the_noise_and_of_blocks_that_no_pixel_tells_of() -> None:
    before, both = date(), np.zeros((HEIGHT, WIDTH), bool)
    both[:, :64] = True
    steps = np.repeat(np.array([0.02, -0.02, 0, 0, 0], np.float32), 32)[:WIDTH]
    noise = 0.005 * np.random.default_rng(9).standard_normal(before.shape).astype(np.float32)
    _, error = sums_of(before + steps + noise, before, both).match().apply(before, 0, 0)

    assert error[:, :16].mean() == pytest.approx(np.hypot(0.02 / 2**0.5, 0.005), abs=0.003)
    assert error[:, -1].mean() == pytest.approx(np.hypot(0.02, 0.005), abs=0.003)


def test_what_is_not_clear_in_both_leaves_no_trace() -> None:
    before, both = date(), share(0.3)
    after = season(before)
    hidden = np.where(both, after, np.float32(0.9))

    np.testing.assert_array_equal(
        sums_of(hidden, before, both).match().apply(before, 0, 0)[0],
        sums_of(after, before, both).match().apply(before, 0, 0)[0],
    )


def test_thin_cloud_that_no_mask_holds_is_left_out() -> None:
    before, both = date(spread=0.02), share(0.9)
    after = season(before)
    veiled = after.copy()
    veiled[:, :20] += 0.2

    clean, found = (sums_of(image, before, both).match().apply(before, 0, 0)[0] for image in (after, veiled))
    assert np.abs(found - clean)[:, 40:].max() < 2e-3
