"""The background is made from clear pixels alone, belongs to the scene, and never leaves the range of what was seen."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from unclouded.backend.background import (
    BLOCK_PX,
    REGION_PX,
    TYPICAL_VARIABILITY,
    BlockSums,
    GroundSums,
    sample,
)


def sums_of(optical: np.ndarray, clear: np.ndarray, tile_px: int) -> BlockSums:
    """Adds a scene tile by tile."""
    sums = BlockSums(*optical.shape)
    for row in range(0, optical.shape[1], tile_px):
        for column in range(0, optical.shape[2], tile_px):
            part = np.s_[row : row + tile_px, column : column + tile_px]
            sums.add(optical[(slice(None), *part)], clear[part], row, column)
    return sums


def scene(height: int, width: int, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.random((2, height, width), np.float32), random.random((height, width)) < share


def test_blocks_hold_the_sums_of_their_clear_pixels() -> None:
    optical, clear = scene(75, 50, 0.5)
    sums = sums_of(optical, clear, 1024)

    for i, j in np.ndindex(3, 2):
        part = np.s_[i * BLOCK_PX : (i + 1) * BLOCK_PX, j * BLOCK_PX : (j + 1) * BLOCK_PX]
        np.testing.assert_allclose(sums.sums[:, i, j], (optical * clear)[(slice(None), *part)].sum((1, 2)), rtol=1e-5)
        assert sums.counts[i, j] == clear[part].sum()


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([32, 64, 96]))
@settings(max_examples=30, deadline=None)
def test_the_order_of_tiles_does_not_matter(height: int, width: int, tile_px: int) -> None:
    optical, clear = scene(height, width, 0.5)
    whole, parts = sums_of(optical, clear, 1024), sums_of(optical, clear, tile_px)

    np.testing.assert_allclose(whole.sums, parts.sums, rtol=1e-5)
    np.testing.assert_array_equal(whole.counts, parts.counts)


def test_what_is_not_clear_leaves_no_trace() -> None:
    optical, clear = scene(100, 130, 0.3)
    clouded = np.where(clear, optical, np.float32(99))

    np.testing.assert_array_equal(sums_of(optical, clear, 64).fill(), sums_of(clouded, clear, 64).fill())


@given(st.integers(1, 150), st.integers(1, 150), st.floats(0.001, 1), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_filled_blocks_lie_within_what_was_seen(height: int, width: int, share: float, seed: int) -> None:
    optical, clear = scene(height, width, share, seed)
    if not clear.any():
        return
    filled = sums_of(optical, clear, 1024).fill()

    assert np.isfinite(filled).all()
    assert (filled.min((1, 2)) >= optical[:, clear].min(1) - 1e-4).all()
    assert (filled.max((1, 2)) <= optical[:, clear].max(1) + 1e-4).all()


def test_uniform_ground_stays_uniform() -> None:
    clear = np.random.default_rng(1).random((300, 200)) < 0.05
    filled = sums_of(np.full((1, 300, 200), 0.3, np.float32), clear, 1024).fill(np.array([0.9], np.float32))

    np.testing.assert_allclose(filled, 0.3, atol=1e-5)


def test_where_nothing_is_clear_the_prior_holds() -> None:
    sums = sums_of(*scene(90, 70, 0.0), 1024)

    np.testing.assert_allclose(sums.fill(np.array([0.1, 0.4], np.float32))[:, 1, 1], [0.1, 0.4], rtol=1e-6)
    assert not sums.fill().any()


def test_samples_are_bilinear_between_the_centres_of_blocks() -> None:
    field = np.random.default_rng(2).random((2, 5, 7)).astype(np.float32)
    centres = [(np.arange(n) + 0.5) * BLOCK_PX for n in (5, 7)]
    rows, columns = np.mgrid[0 : 5 * BLOCK_PX, 0 : 7 * BLOCK_PX] + 0.5
    places = [np.clip(p, c[0], c[-1]) for p, c in zip((rows, columns), centres, strict=True)]

    sampled = sample(field, 0, 0, 5 * BLOCK_PX, 7 * BLOCK_PX)

    for band in range(2):
        reference = RegularGridInterpolator(centres, field[band])(np.stack(places, -1))
        np.testing.assert_allclose(sampled[band], reference, atol=1e-5)


@given(st.integers(-60, 250), st.integers(-60, 250), st.integers(1, 90), st.integers(1, 90))
@settings(max_examples=60, deadline=None)
def test_windows_agree_with_the_whole(row: int, column: int, height: int, width: int) -> None:
    field = np.random.default_rng(3).random((1, 6, 6)).astype(np.float32)
    whole = sample(field, -60, -60, 400, 400)

    window = sample(field, row, column, height, width)

    np.testing.assert_allclose(
        window, whole[:, row + 60 : row + 60 + height, column + 60 : column + 60 + width], atol=1e-6
    )


def ground_of(optical: np.ndarray, clear: np.ndarray, tile_px: int = 1024) -> GroundSums:
    """Adds a scene tile by tile."""
    sums = GroundSums(*optical.shape)
    for row in range(0, optical.shape[1], tile_px):
        for column in range(0, optical.shape[2], tile_px):
            part = np.s_[row : row + tile_px, column : column + tile_px]
            sums.add(optical[(slice(None), *part)], clear[part], row, column)
    return sums


def test_a_scene_of_one_region_has_the_mean_and_deviation_of_its_clear_pixels() -> None:
    optical, clear = scene(200, 256, 0.3)
    fields = ground_of(optical, clear, 64).fill().sample(0, 0, 200, 256)

    for band in range(2):
        np.testing.assert_allclose(fields.regional[band], optical[band, clear].mean(), rtol=1e-4)
        np.testing.assert_allclose(fields.variability[band], optical[band, clear].std(), rtol=1e-3)


def test_where_nothing_is_clear_the_region_is_the_prior_with_a_typical_deviation() -> None:
    fields = ground_of(*scene(90, 300, 0.0)).fill(np.array([0.1, 0.4], np.float32)).sample(0, 0, 90, 300)

    np.testing.assert_allclose(fields.regional[:, 5, 7], [0.1, 0.4], rtol=1e-6)
    np.testing.assert_allclose(fields.variability, TYPICAL_VARIABILITY, rtol=1e-5)


def test_regions_of_a_large_scene_differ() -> None:
    optical = np.zeros((1, 3 * REGION_PX, 300), np.float32)
    optical[:, 2 * REGION_PX :] = 0.5
    fields = ground_of(optical, np.ones(optical.shape[1:], bool)).fill()

    np.testing.assert_allclose(fields.regional[0, :, 0], [0, 0, 0.5], atol=1e-3)
    assert fields.variability.max() < 0.02
