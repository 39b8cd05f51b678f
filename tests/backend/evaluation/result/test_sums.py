"""What is measured window by window is what metrics.py says of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unclouded.backend import metrics
from unclouded.backend.evaluation.result.sums import MARGIN_PX, ImageSums, measure
from unclouded.backend.sensors import Bool, Float
from unclouded.backend.tiling import tiles

BANDS = ("B3", "B4", "B8")


@pytest.fixture
def pair() -> tuple[Float, Float]:
    """Two images of 53 x 40 px that are alike; some pixels lie beyond 0..1, some are 0."""
    random = np.random.default_rng(0)
    truth = random.uniform(-0.05, 1.1, (3, 53, 40)).astype(np.float32)
    image = (truth + random.normal(0, 0.1, truth.shape)).astype(np.float32)
    image[:, :3, :3] = 0
    return image, truth


def in_tiles(image: Float, truth: Float, mask: Bool, tile_px: int) -> ImageSums:
    found = ImageSums()
    height, width = mask.shape
    for window in tiles(height, width, tile_px):
        outer = window.padded(MARGIN_PX).clipped(height, width)
        assert outer is not None
        place = np.s_[..., outer.row : outer.row + outer.height, outer.column : outer.column + outer.width]
        found += measure(image[place], truth[place], BANDS, window.slices_in(outer), [mask[place]])[0]
    return found


@pytest.mark.parametrize("tile_px", [7, 16, 25, 64])
def test_windows_add_up_to_the_whole(pair: tuple[Float, Float], tile_px: int) -> None:
    image, truth = pair
    mask = np.random.default_rng(1).random(truth.shape[1:]) < 0.6
    found = in_tiles(image, truth, mask, tile_px)

    assert found.pixels == mask.sum()
    assert found.figures() == pytest.approx(
        {
            "mae": metrics.mae(image, truth, mask),
            "rmse": metrics.rmse(image, truth, mask),
            "mse": metrics.mse(image, truth, mask),
            "psnr": metrics.psnr(image, truth, mask),
            "ssim": metrics.ssim(image, truth, mask),
            "sam": metrics.sam(image, truth, mask),
            "ndvi": metrics.ndvi_error(image, truth, BANDS, mask),
        },
        rel=1e-9,
    )
    assert found.rmse_of_bands() == pytest.approx(metrics.rmse_of_bands(image, truth, mask))
    assert found.mean_reflectance() == pytest.approx(np.clip(image, 0, 1)[:, mask].mean(axis=1), rel=1e-5)


def test_nothing_counted_is_unknown(pair: tuple[Float, Float]) -> None:
    found = in_tiles(*pair, np.zeros((53, 40), bool), 16)

    assert found.pixels == 0
    assert all(math.isnan(value) for value in found.figures().values())
    assert found.rmse_of_bands() == found.mean_reflectance() == []
    assert math.isnan(ImageSums().figures()["psnr"])


def test_equal_images_are_perfect(pair: tuple[Float, Float]) -> None:
    figures = in_tiles(pair[1], pair[1], np.ones((53, 40), bool), 16).figures()

    assert figures["sam"] == pytest.approx(0, abs=1e-5)
    assert {key: value for key, value in figures.items() if key != "sam"} == {
        "mae": 0,
        "rmse": 0,
        "mse": 0,
        "psnr": math.inf,
        "ssim": 1,
        "ndvi": 0,
    }


def test_constant_images_have_figures() -> None:
    dark, bright = (np.full((3, 30, 30), value, np.float32) for value in (0.2, 0.3))
    figures = in_tiles(dark, bright, np.ones((30, 30), bool), 12).figures()

    assert figures["psnr"] == pytest.approx(20)
    assert figures["ssim"] == pytest.approx((2 * 0.06 + 1e-4) / (0.13 + 1e-4))
    assert figures["sam"] == pytest.approx(0, abs=1e-4)


def test_an_image_smaller_than_a_window_has_all_but_ssim() -> None:
    small = np.full((3, 6, 30), 0.2, np.float32)
    figures = in_tiles(small, small + np.float32(0.1), np.ones((6, 30), bool), 12).figures()

    assert math.isnan(figures["ssim"])
    assert figures["mae"] == pytest.approx(0.1)
