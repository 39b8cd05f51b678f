"""The three parts of a case, against plain loops, and what is measured where nothing is to be measured."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unclouded.backend import metrics
from unclouded.backend.datasets.samples import Sample
from unclouded.backend.evaluation.generators.measures import KEYS, PERFECT, floor_of, measure, truth_means
from unclouded.backend.evaluation.reports.figures import PARTS
from unclouded.backend.observation import Observation
from unclouded.backend.sensors import NAMES, Bool, Float

BANDS = ("B2", "B4", "B8")
SHAPE = (3, 20, 24)
RNG = np.random.default_rng(0)
TRUTH = RNG.uniform(0.1, 0.4, SHAPE).astype(np.float32)
CLOUD = np.zeros(SHAPE[1:], bool)
CLOUD[3:9, 4:20] = True
KNOWN = np.ones(SHAPE[1:], bool)
KNOWN[:, :2] = False


def sample(cloud: Bool = CLOUD, known: Bool = KNOWN, valid: Bool | None = None) -> Sample:
    seen = np.ones(SHAPE[1:], bool) if valid is None else valid
    optical = np.where(cloud, np.float32(0.8), TRUTH + np.float32(0.01)) * seen
    return Sample(Observation(BANDS, "L1C", optical, seen, cloud & seen, optical), TRUTH, known)


def figures(image: Float, of: Sample) -> dict[str, float]:
    return dict(zip(KEYS, measure(image, of), strict=True))


def restored(of: Sample) -> Float:
    """What a user gets of a flat grey."""
    return np.where(of.observation.cloud, np.float32(0.25), of.observation.optical)


def test_parts_against_plain_loops() -> None:
    grey = np.full(SHAPE, 0.25, np.float32)
    found = figures(grey, sample())
    loops: dict[str, list[float]] = {part: [] for part in PARTS}
    for band in range(3):
        for i in range(SHAPE[1]):
            for j in range(SHAPE[2]):
                error = abs(0.25 - float(TRUTH[band, i, j]))
                if j >= 2:
                    loops["target"].append(error)
                    if CLOUD[i, j]:
                        loops["reconstruction"].append(error)
                if not CLOUD[i, j]:
                    loops["reproduction"].append(abs(0.25 - float(TRUTH[band, i, j]) - 0.01))
    for part in PARTS:
        assert found[f"{part}.mae"] == pytest.approx(math.fsum(loops[part]) / len(loops[part]), rel=1e-5)
        mse = math.fsum(error**2 for error in loops[part]) / len(loops[part])
        assert found[f"{part}.mse"] == pytest.approx(mse, rel=1e-5)
        assert found[f"{part}.psnr"] == pytest.approx(-10 * math.log10(mse), rel=1e-5)


def test_figures_are_those_of_the_metrics() -> None:
    case = sample()
    image = restored(case)
    hidden = CLOUD & KNOWN
    found = figures(image, case)
    shown = np.where(KNOWN, image, TRUTH)
    assert found["reconstruction.sam"] == pytest.approx(metrics.sam(image, TRUTH, hidden), rel=1e-6)
    assert found["reconstruction.ndvi"] == pytest.approx(metrics.ndvi_error(image, TRUTH, BANDS, hidden), rel=1e-6)
    assert found["reconstruction.ssim"] == pytest.approx(metrics.ssim(shown, TRUTH, hidden), rel=1e-6)
    assert found["target.ssim"] == pytest.approx(metrics.ssim(shown, TRUTH, KNOWN), rel=1e-6)
    bands = metrics.rmse_of_bands(image, TRUTH, hidden)
    assert [found[f"reconstruction.rmse.{name}"] for name in BANDS] == pytest.approx(bands, rel=1e-6)
    assert found["reconstruction.mean.B4"] == pytest.approx(0.25)
    assert all(math.isnan(found[f"reconstruction.rmse.{name}"]) for name in set(NAMES) - set(BANDS))


def test_kept_pixels_are_reproduced_whatever_lies_under_the_clouds() -> None:
    found = figures(restored(sample()), sample())
    names = ("mae", "rmse", "mse", "psnr", "ssim", "sam", "ndvi")
    assert tuple(found[f"reproduction.{name}"] for name in names) == PERFECT


def test_truth_itself_has_no_error() -> None:
    found = figures(TRUTH, sample())
    assert found["target.mae"] == found["reconstruction.mae"] == 0
    assert found["target.psnr"] == math.inf
    assert found["target.ssim"] == pytest.approx(1)
    assert found["reproduction.mae"] == pytest.approx(0.01, rel=1e-4)


def test_errors_grow_with_the_difference() -> None:
    double, single = (figures(TRUTH + np.float32(step), sample()) for step in (0.1, 0.05))
    assert double["target.mae"] == pytest.approx(2 * single["target.mae"], rel=1e-4)
    assert double["reconstruction.mse"] == pytest.approx(4 * single["reconstruction.mse"], rel=1e-4)


def test_unknown_pixels_do_not_count() -> None:
    spoiled = TRUTH.copy()
    spoiled[:, ~KNOWN] = 1
    one, other = figures(TRUTH, sample()), figures(spoiled, sample())
    counted = [key for key in KEYS if not key.startswith("reproduction")]
    np.testing.assert_array_equal([one[key] for key in counted], [other[key] for key in counted])


def test_pixels_that_were_not_measured_do_not_count() -> None:
    valid = np.ones(SHAPE[1:], bool)
    valid[:, 12:] = False
    found = figures(TRUTH * valid, sample(valid=valid))
    assert found["target.mae"] == found["reconstruction.mae"] == 0


def test_without_cloud_there_is_no_reconstruction() -> None:
    case = sample(cloud=np.zeros(SHAPE[1:], bool))
    found = figures(case.observation.optical, case)
    assert all(math.isnan(value) for key, value in found.items() if key.startswith("reconstruction"))
    assert found["target.mae"] == pytest.approx(0.01, rel=1e-4)
    assert all(math.isnan(value) for value in truth_means(case))


def test_under_cloud_alone_there_is_no_reproduction_and_no_floor() -> None:
    case = sample(cloud=np.ones(SHAPE[1:], bool))
    found = figures(restored(case), case)
    assert all(math.isnan(value) for key, value in found.items() if key.startswith("reproduction"))
    assert found["reconstruction.mae"] == found["target.mae"]
    assert math.isnan(floor_of(case))


def test_floor_is_the_difference_of_the_clear_pixels() -> None:
    assert floor_of(sample()) == pytest.approx(0.01, rel=1e-4)


def test_tiny_image_has_no_similarity() -> None:
    small = Sample(
        Observation(BANDS, "L1C", TRUTH[:, :8, :8], KNOWN[:8, :8] | True, CLOUD[:8, :8], TRUTH[:, :8, :8]),
        TRUTH[:, :8, :8],
        KNOWN[:8, :8],
    )
    found = figures(np.full((3, 8, 8), 0.2, np.float32), small)
    assert math.isnan(found["target.ssim"])
    assert found["target.mae"] > 0


def test_means_of_the_truth_stand_where_their_bands_do() -> None:
    means = dict(zip(NAMES, truth_means(sample()), strict=True))
    assert means["B4"] == pytest.approx(TRUTH[1, CLOUD & KNOWN].mean(), rel=1e-5)
    assert math.isnan(means["B3"])
