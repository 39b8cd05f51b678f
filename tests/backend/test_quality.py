"""Seams, steps and blur are found where they were made, and not where nothing was made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from unclouded.backend import clouds
from unclouded.backend.protocol import Done, decode, encode
from unclouded.backend.quality import LEAST_JUMP, NEAR_PX, Meter, Part, detail_sums, error_sums, rim_sums
from unclouded.backend.tiling import tiles
from unclouded.backend.verdict import sentence

FEATHER_PX = 3
SIDE_PX = 384


def measure(
    reflectance: np.ndarray, replaced: np.ndarray, tile_px: int = 128, missing: np.ndarray | None = None
) -> dict[str, float]:
    """Hands a whole result over in tiles."""
    if missing is None:
        missing = np.zeros_like(replaced)
    share = clouds.feather(replaced | missing, FEATHER_PX) * replaced
    around = np.pad(replaced, NEAR_PX)
    clear = np.pad(~replaced & ~missing, NEAR_PX)
    meter = Meter(FEATHER_PX)
    for window in tiles(*replaced.shape, tile_px):
        inner = np.s_[window.row : window.row + window.height, window.column : window.column + window.width]
        outer = np.s_[
            window.row : window.row + window.height + 2 * NEAR_PX,
            window.column : window.column + window.width + 2 * NEAR_PX,
        ]
        meter.count(replaced[inner], ~missing[inner])
        meter.add(Part(window, reflectance[:, inner[0], inner[1]], share[inner] == 1, around[outer], clear[outer]))
    return meter.figures()


def blobs(seed: int, cover: float = 0.5, side_px: int = SIDE_PX) -> np.ndarray:
    """(H, W) clouds of irregular shape."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(side_px, side_px)), 12)
    return field > np.quantile(field, 1 - cover)


def ground(seed: int, bands: int = 3, side_px: int = SIDE_PX) -> np.ndarray:
    """(C, H, W) reflectance with large and small structures."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(bands, side_px, side_px))
    return (0.2 + 0.3 * gaussian_filter(noise, (0, 8, 8)) + 0.01 * noise).astype(np.float32)


def everywhere(side_px: int = SIDE_PX) -> np.ndarray:
    return np.ones((side_px, side_px), bool)


@given(seed=st.integers(0, 10**6), tile_px=st.sampled_from([64, 96, 100, 128, 200]))
@settings(max_examples=10, deadline=None)
def test_noise_has_no_seams(seed: int, tile_px: int) -> None:
    noise = np.random.default_rng(seed).normal(0.2, 0.02, (2, SIDE_PX, SIDE_PX)).astype(np.float32)
    assert measure(noise, everywhere(), tile_px)["seam_ratio"] == pytest.approx(1, abs=0.15)


@given(down=st.floats(-1e-3, 1e-3), across=st.floats(-1e-3, 1e-3))
@settings(max_examples=10, deadline=None)
def test_a_ramp_has_no_seams(down: float, across: float) -> None:
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX]
    ramp = (0.5 + down * rows + across * columns).astype(np.float32)[None]
    assert measure(ramp, everywhere())["seam_ratio"] == pytest.approx(1, abs=0.01)


def test_coarse_pixels_that_meet_at_the_borders_are_no_seams() -> None:
    coarse = np.random.default_rng(0).normal(0.2, 0.02, (3, SIDE_PX // 2, SIDE_PX // 2)).astype(np.float32)
    assert measure(coarse.repeat(2, axis=1).repeat(2, axis=2), everywhere())["seam_ratio"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("tile_px", [100, 128])
@given(seed=st.integers(0, 10**6), contrast=st.floats(0.01, 0.05))
@settings(max_examples=5, deadline=None)
def test_tiles_of_different_brightness_show_as_seams(tile_px: int, seed: int, contrast: float) -> None:
    image = ground(seed)
    whole = measure(image, everywhere(), tile_px)["seam_ratio"]
    for window in tiles(SIDE_PX, SIDE_PX, tile_px):
        if (window.row + window.column) // tile_px % 2:
            inside = np.s_[:, window.row : window.row + window.height, window.column : window.column + window.width]
            image[inside] += contrast
    assert measure(image, everywhere(), tile_px)["seam_ratio"] > max(whole, 1) * (1 + 10 * contrast)


def test_the_jump_across_borders_is_that_of_two_loops() -> None:
    image, replaced = ground(4, side_px=120), blobs(4, 0.7, 120)
    made = clouds.feather(replaced, FEATHER_PX) == 1
    across, usual = [], []
    for picture, known in ((image, made), (image.transpose(0, 2, 1), made.T)):
        for border in (39, 79):
            for line in range(120):
                if known[line, border - 12 : border + 14].all():
                    jumps = [np.abs(picture[:, line, i] - picture[:, line, i + 1]).mean() for i in range(119)]
                    across.append(jumps[border])
                    usual.append(np.mean([jumps[border + step] for step in (-12, -6, 6, 12)]))
    expected = np.mean(across) / np.mean(usual)
    assert len(across) > 20
    assert measure_seams(image, replaced, 40) == pytest.approx(expected, rel=1e-5)


def measure_seams(image: np.ndarray, replaced: np.ndarray, tile_px: int) -> float:
    """Repeats the bands' lines so that there are enough of them: the ratio does not change."""
    meter = Meter(FEATHER_PX)
    share = clouds.feather(replaced, FEATHER_PX)
    for _ in range(20):
        for window in tiles(*replaced.shape, tile_px):
            inner = np.s_[window.row : window.row + window.height, window.column : window.column + window.width]
            pads = np.pad(replaced[inner], NEAR_PX)
            meter.add(Part(window, image[:, inner[0], inner[1]], share[inner] == 1, pads, np.zeros_like(pads)))
    return meter.figures()["seam_ratio"]


def test_flat_tiles_have_no_seams_and_the_smallest_jump_is_not_seen() -> None:
    flat = np.full((1, SIDE_PX, SIDE_PX), 0.2, np.float32)
    assert measure(flat, everywhere())["seam_ratio"] == 1
    flat[:, :, 128:256] += LEAST_JUMP
    assert measure(flat, everywhere())["seam_ratio"] == pytest.approx(1, abs=1e-3)


@given(seed=st.integers(0, 10**6), step=st.floats(0.03, 0.1), sign=st.sampled_from([-1, 1]))
@settings(max_examples=8, deadline=None)
def test_a_step_at_the_rim_is_measured(seed: int, step: float, sign: int) -> None:
    image, replaced = ground(seed), blobs(seed + 1)
    before = measure(image, replaced)
    image += sign * step * clouds.feather(replaced, FEATHER_PX)
    figures = measure(image, replaced)
    assert before["rim_step"] < 0.015
    assert figures["rim_step"] == pytest.approx(step, abs=0.01)
    assert figures["rim_bias"] - before["rim_bias"] == pytest.approx(sign * step, abs=1e-4)


def test_texture_is_not_taken_for_a_step() -> None:
    fields = (np.random.default_rng(2).random((1, 16, 16)) < 0.5).repeat(24, axis=1).repeat(24, axis=2)
    image = (0.1 + 0.2 * fields).astype(np.float32)
    sums = [measure(image, blobs(seed))["rim_step"] ** 2 for seed in range(10)]
    differences = np.sqrt(np.mean(sums))
    assert differences < 0.03  # while the fields differ by 0.2


def test_stripes_are_compared_as_in_loops() -> None:
    random = np.random.default_rng(5)
    image = random.random((2, 70, 50)).astype(np.float32)
    stripes = tuple(random.random((70, 50)) < 0.2 for _ in range(3))
    expected = np.zeros(4)
    for row in range(0, 70, 32):
        for column in range(0, 50, 32):
            cell = np.s_[row : row + 32, column : column + 32]
            pixels = min(stripe[cell].sum() for stripe in stripes)
            if pixels < 32:
                continue
            inside, outside, beyond = (
                np.array([band[cell][stripe[cell]].mean(dtype=float) for band in image]) for stripe in stripes
            )
            expected += pixels * np.array(
                [1, ((inside - outside) ** 2).mean(), ((outside - beyond) ** 2).mean(), (inside - outside).mean()]
            )
    assert expected[0] > 0
    np.testing.assert_allclose(rim_sums(image, stripes), expected, rtol=1e-6)


def test_detail_is_that_of_loops() -> None:
    random = np.random.default_rng(6)
    image = random.random((2, 12, 9)).astype(np.float32)
    kinds = random.random((2, 12, 9)) < 0.8
    expected = np.zeros((2, 2))
    for kind, sums in zip(kinds, expected, strict=True):
        for row in range(1, 11):
            for column in range(1, 8):
                cross = [(row, column), (row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
                if all(kind[place] for place in cross):
                    values = np.array([image[:, y, x] for y, x in cross], np.float64)
                    sums += np.abs(4 * values[0] - values[1:].sum(axis=0)).mean(), 1
    assert expected[:, 1].min() > 3
    np.testing.assert_allclose(detail_sums(image, *kinds), expected, rtol=1e-5)


def test_blur_lowers_sharpness_and_the_truth_does_not() -> None:
    image, replaced = ground(7), blobs(8)
    assert measure(image, replaced)["sharpness_ratio"] == pytest.approx(1, abs=0.05)
    ratios = []
    for sigma in (0.7, 1.5, 3):
        blurred = np.where(replaced, gaussian_filter(image, (0, sigma, sigma)), image)
        ratios.append(measure(blurred, replaced)["sharpness_ratio"])
    assert 0.8 > ratios[0] > ratios[1] > ratios[2] > 0
    noisy = image + np.where(replaced, np.random.default_rng(1).normal(0, 0.05, image.shape), 0).astype(np.float32)
    assert measure(noisy, replaced)["sharpness_ratio"] > 1.5


@given(seed=st.integers(0, 10**6), tile_px=st.sampled_from([64, 96, 100, 150, 500]))
@settings(max_examples=8, deadline=None)
def test_tiling_does_not_matter(seed: int, tile_px: int) -> None:
    image, replaced = ground(seed), blobs(seed + 1)
    image += 0.03 * clouds.feather(replaced, FEATHER_PX)
    one, other = measure(image, replaced, 384), measure(image, replaced, tile_px)
    assert other["rim_step"] == pytest.approx(one["rim_step"], abs=0.003)
    assert other["rim_bias"] == pytest.approx(one["rim_bias"], abs=0.002)
    assert other["sharpness_ratio"] == pytest.approx(one["sharpness_ratio"], rel=0.01)
    assert other["reconstructed_share"] == one["reconstructed_share"]


def test_tiles_of_whole_cells_agree_to_the_last_digits() -> None:
    image, replaced = ground(3), blobs(4)
    one, other = measure(image, replaced, 384), measure(image, replaced, 64)
    for name in ("rim_step", "rim_bias"):
        assert other[name] == pytest.approx(one[name], rel=1e-9)


def test_what_was_not_measured_counts_nowhere() -> None:
    image, replaced = ground(9), blobs(10)
    missing = np.zeros_like(replaced)
    missing[:, 150:250] = True
    image[:, :, 150:250] = np.nan
    figures = measure(image, replaced & ~missing, missing=missing)
    assert figures["reconstructed_share"] == (replaced & ~missing).sum() / (~missing).sum()
    assert figures["sharpness_ratio"] == pytest.approx(1, abs=0.1)
    assert figures["rim_step"] < 0.02


def test_only_what_is_known_is_said() -> None:
    image, nothing = ground(1), np.zeros((SIDE_PX, SIDE_PX), bool)
    assert Meter(FEATHER_PX).figures() == {}
    assert measure(image, nothing) == {"reconstructed_share": 0}
    assert measure(image, everywhere()).keys() == {"reconstructed_share", "seam_ratio"}
    assert measure(image, everywhere(), 500).keys() == {"reconstructed_share"}
    few = nothing.copy()
    few[100:112, 100:112] = True
    assert measure(image, few).keys() == {"reconstructed_share"}


def test_figures_that_overflow_are_left_out() -> None:
    image = (ground(1) * 1e38).astype(np.float32)
    image[:, ::2] *= -1
    figures = measure(image, blobs(1))
    assert np.isfinite(list(figures.values())).all()


def test_the_expected_error_is_of_reconstructed_pixels_that_know_it() -> None:
    replaced = np.zeros((4, 5), bool)
    replaced[1:3] = True
    errors = np.full((2, 4, 5), 9, np.float32)
    errors[:, 1], errors[0, 2], errors[1, 2] = 0.01, 0.04, np.nan
    meter = Meter(FEATHER_PX)
    meter.add_errors(error_sums(errors, replaced))
    assert meter.figures() == {"mean_uncertainty": pytest.approx((10 * 0.01 + 5 * 0.04) / 15)}


def job(shop: Any, cloud: np.ndarray, **options: Any) -> Done:
    numbers = shop.numbers(4, *cloud.shape)
    image = shop.raster("image.tif", numbers, descriptions=["B2", "B3", "B4", "B8"])
    heard = shop.remove(image, mask=shop.mask("mask.tif", cloud), **options)
    assert isinstance(heard.last, Done)
    return heard.last


def test_a_job_tells_the_quality_of_its_result(shop: Any) -> None:
    cloud = shop.disc(700, 700, 300, 520, 120)
    done = job(shop, cloud, grow_px=4)
    assert done.quality is not None
    assert done.quality["reconstructed_share"] == pytest.approx(done.cloud_fraction, abs=1e-6)
    assert done.quality["sharpness_ratio"] < 0.2
    assert done.quality["rim_step"] < 0.01
    assert 0.001 < done.quality["mean_uncertainty"] < 0.1
    assert decode(encode(done)).quality == done.quality
    assert "much smoother" in sentence(done.quality)


def test_an_area_without_cloud_and_a_job_without_clear_ground(shop: Any) -> None:
    cloud = shop.disc(300, 300, 150, 150, 60)
    west, north = 600_000, 5_100_000
    assert job(shop, cloud, bbox=[west, north - 400, west + 400, north]).quality == {"reconstructed_share": 0}
    part = job(shop.fresh(), cloud, bbox=[west + 1000, north - 1900, west + 1900, north - 1000]).quality
    assert part is not None
    assert part["reconstructed_share"] > 0.9
    whole = shop.fresh()
    image = whole.raster("image.tif", whole.numbers(4, 300, 300), descriptions=["B2", "B3", "B4", "B8"])
    heard = whole.remove(image, mask="all")
    assert heard.last.quality.keys() == {"reconstructed_share", "mean_uncertainty"}
    assert heard.last.quality["reconstructed_share"] == 1


def test_the_same_job_has_the_same_quality(shop: Any) -> None:
    cloud = shop.disc(600, 600, 300, 520, 100)
    assert job(shop.fresh(), cloud).quality == job(shop.fresh(), cloud).quality
