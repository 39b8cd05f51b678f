"""Metrics against their formulas, written out pixel by pixel, and against values reckoned by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unclouded.backend import metrics
from unclouded.backend.sensors import Bool, Float

SHAPE = (4, 19, 23)
ALL = (metrics.mae, metrics.mse, metrics.rmse, metrics.psnr, metrics.sam, metrics.ssim)


@pytest.fixture
def truth() -> Float:
    smooth = np.add.outer(np.arange(SHAPE[1]) / 60, np.arange(SHAPE[2]) / 60)
    noise = np.random.default_rng(1).uniform(0, 0.1, SHAPE)
    return (smooth + noise + np.arange(1, 5)[:, None, None] / 20).astype(np.float32)


@pytest.fixture
def predicted(truth: Float) -> Float:
    return np.clip(truth + np.random.default_rng(2).normal(0, 0.05, SHAPE), 0, 1).astype(np.float32)


@pytest.fixture
def mask() -> Bool:
    chosen: Bool = np.random.default_rng(3).random(SHAPE[1:]) > 0.6
    return chosen


def test_values_reckoned_by_hand() -> None:
    truth = np.full((2, 1, 1), 0.5, np.float32)
    predicted = np.array([0.6, 0.3], np.float32)[:, None, None]
    assert metrics.mae(predicted, truth) == pytest.approx(0.15)
    assert metrics.mse(predicted, truth) == pytest.approx(0.025)
    assert metrics.rmse(predicted, truth) == pytest.approx(0.158114, abs=1e-6)
    assert metrics.rmse_of_bands(predicted, truth) == pytest.approx([0.1, 0.2])
    assert metrics.psnr(predicted, truth) == pytest.approx(16.0206, abs=1e-4)
    assert metrics.sam(predicted, truth) == pytest.approx(45 - math.degrees(math.atan(0.5)), abs=1e-5)


def test_equal_images_are_perfect(truth: Float) -> None:
    assert metrics.mae(truth, truth) == metrics.rmse(truth, truth) == 0
    assert metrics.psnr(truth, truth) == math.inf
    assert metrics.sam(truth, truth) == pytest.approx(0, abs=1e-4)
    assert metrics.ssim(truth, truth) == pytest.approx(1)


def test_errors_against_plain_loops(predicted: Float, truth: Float, mask: Bool) -> None:
    errors = [
        float(predicted[c, i, j]) - float(truth[c, i, j])
        for c in range(4)
        for i, j in zip(*np.nonzero(mask), strict=True)
    ]
    assert metrics.mae(predicted, truth, mask) == pytest.approx(math.fsum(map(abs, errors)) / len(errors))
    squares = math.fsum(error**2 for error in errors) / len(errors)
    assert metrics.mse(predicted, truth, mask) == pytest.approx(squares)
    assert metrics.psnr(predicted, truth, mask) == pytest.approx(10 * math.log10(1 / squares))


def test_spectral_angle_against_plain_loops(predicted: Float, truth: Float, mask: Bool) -> None:
    angles = []
    for i, j in zip(*np.nonzero(mask), strict=True):
        x, y = predicted[:, i, j].tolist(), truth[:, i, j].tolist()
        cosine = math.fsum(a * b for a, b in zip(x, y, strict=True)) / (math.hypot(*x) * math.hypot(*y))
        angles.append(math.degrees(math.acos(min(cosine, 1))))
    assert metrics.sam(predicted, truth, mask) == pytest.approx(math.fsum(angles) / len(angles), abs=1e-4)


def test_spectral_angle_ignores_brightness_and_black_pixels(truth: Float) -> None:
    assert metrics.sam(truth * np.float32(0.5), truth) == pytest.approx(0, abs=0.01)
    black = truth.copy()
    black[:, :9] = 0
    assert metrics.sam(black, truth) == pytest.approx(0, abs=0.01)


def test_vegetation_index_against_plain_loops(predicted: Float, truth: Float, mask: Bool) -> None:
    bands = ("B8", "B2", "B4", "B3")
    errors = []
    for i, j in zip(*np.nonzero(mask), strict=True):
        x, y = (
            (float(image[0, i, j]) - float(image[2, i, j])) / (float(image[0, i, j]) + float(image[2, i, j]))
            for image in (predicted, truth)
        )
        errors.append(abs(x - y))
    assert metrics.ndvi_error(predicted, truth, bands, mask) == pytest.approx(math.fsum(errors) / len(errors))


def test_vegetation_index_takes_narrow_infrared_and_ignores_black_pixels(predicted: Float, truth: Float) -> None:
    wide = metrics.ndvi_error(predicted, truth, ("B8", "B2", "B4", "B3"))
    assert metrics.ndvi_error(predicted, truth, ("B8A", "B2", "B4", "B3")) == wide
    black = predicted.copy()
    black[:, :9] = 0
    left = np.zeros(SHAPE[1:], bool)
    left[9:] = True
    expected = metrics.ndvi_error(predicted, truth, ("B8", "B2", "B4", "B3"), left)
    assert metrics.ndvi_error(black, truth, ("B8", "B2", "B4", "B3")) == pytest.approx(expected)


@pytest.mark.parametrize("bands", [("B2", "B3", "B4", "B5"), ("B8", "B2", "B3", "B5")])
def test_no_vegetation_index_without_its_bands(bands, predicted: Float, truth: Float) -> None:  # type: ignore[no-untyped-def]
    assert math.isnan(metrics.ndvi_error(predicted, truth, bands))


def test_vegetation_index_of_equal_and_of_opposite_ground() -> None:
    meadow = np.array([0.1, 0.3], np.float32)[:, None, None]
    assert metrics.ndvi_error(meadow, meadow, ("B4", "B8")) == 0
    assert metrics.ndvi_error(meadow[::-1], meadow, ("B4", "B8")) == pytest.approx(1)


def similarity_at(x: Float, y: Float, row: int, column: int) -> float:
    """SSIM of one window, from its definition (Wang et al., 2004)."""
    weights = np.array([[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for j in range(-5, 6)] for i in range(-5, 6)])
    weights /= weights.sum()
    a, b = (band[row - 5 : row + 6, column - 5 : column + 6].astype(float) for band in (x, y))
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    variance_a, variance_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
    covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 0.01**2, 0.03**2
    upper = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(upper / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)))


def test_structural_similarity_against_its_definition(predicted: Float, truth: Float, mask: Bool) -> None:
    centres = [(i, j) for i in range(5, SHAPE[1] - 5) for j in range(5, SHAPE[2] - 5)]
    every = [similarity_at(predicted[c], truth[c], i, j) for c in range(4) for i, j in centres]
    some = [similarity_at(predicted[c], truth[c], i, j) for c in range(4) for i, j in centres if mask[i, j]]
    assert metrics.ssim(predicted, truth) == pytest.approx(np.mean(every), abs=1e-6)
    assert metrics.ssim(predicted, truth, mask) == pytest.approx(np.mean(some), abs=1e-6)


@pytest.mark.parametrize("metric", ALL)
def test_reflectance_is_clipped(metric, truth: Float) -> None:  # type: ignore[no-untyped-def]
    bright = truth.copy()
    bright[:, 3:9] = 1.0
    brighter, brightest = bright.copy(), bright.copy()
    brighter[:, 3:9], brightest[:, 3:9] = 1.4, 7
    assert metric(brighter, truth) == metric(brightest, truth) == metric(bright, truth)


@pytest.mark.parametrize("metric", ALL)
def test_nothing_counted_is_no_number(metric, predicted: Float, truth: Float) -> None:  # type: ignore[no-untyped-def]
    assert math.isnan(metric(predicted, truth, np.zeros(SHAPE[1:], bool)))


@pytest.mark.parametrize("metric", ALL)
def test_pixels_that_are_not_counted_do_not_matter(metric, predicted: Float, truth: Float) -> None:  # type: ignore[no-untyped-def]
    left = np.zeros(SHAPE[1:], bool)
    left[:, :8] = True
    other = predicted.copy()
    other[:, :, 14:] = 0
    assert metric(other, truth, left) == pytest.approx(metric(predicted, truth, left))


def test_unequal_shapes_are_refused(truth: Float) -> None:
    with pytest.raises(ValueError, match=r"one shape were expected, got \(1, 19, 23\) and \(4, 19, 23\)"):
        metrics.mae(truth[:1], truth)


def test_images_smaller_than_a_window_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 11 x 11 px, got 20 x 10"):
        metrics.ssim(np.zeros((1, 10, 20), np.float32), np.zeros((1, 10, 20), np.float32))


@pytest.mark.parametrize("metric", ALL)
def test_order_of_the_images_does_not_matter(metric, predicted: Float, truth: Float) -> None:  # type: ignore[no-untyped-def]
    assert metric(predicted, truth) == pytest.approx(metric(truth, predicted))


def test_errors_grow_with_the_difference(predicted: Float, truth: Float) -> None:
    half = truth + (predicted - truth) / 2
    assert metrics.mae(half, truth) == pytest.approx(metrics.mae(predicted, truth) / 2, rel=1e-4)
    assert metrics.mse(half, truth) == pytest.approx(metrics.mse(predicted, truth) / 4, rel=1e-4)
    assert metrics.psnr(half, truth) - metrics.psnr(predicted, truth) == pytest.approx(20 * math.log10(2), rel=1e-3)


def test_against_torchmetrics(predicted: Float, truth: Float) -> None:
    functional = pytest.importorskip("torchmetrics.functional")
    x, y = (torch.from_numpy(image.astype(np.float64))[None] for image in (predicted, truth))
    assert metrics.mae(predicted, truth) == pytest.approx(float(functional.mean_absolute_error(x, y)))
    assert metrics.mse(predicted, truth) == pytest.approx(float(functional.mean_squared_error(x, y)))
    peak = functional.image.peak_signal_noise_ratio(x, y, data_range=1.0)
    assert metrics.psnr(predicted, truth) == pytest.approx(float(peak))
    angle = functional.image.spectral_angle_mapper(x, y)
    assert metrics.sam(predicted, truth) == pytest.approx(math.degrees(float(angle)))
    _, similar = functional.image.structural_similarity_index_measure(
        x, y, kernel_size=11, sigma=1.5, data_range=1.0, return_full_image=True
    )
    inside = similar[..., 5:-5, 5:-5]  # it mirrors the image at its rims
    assert metrics.ssim(predicted, truth) == pytest.approx(float(inside.mean()), abs=1e-6)
