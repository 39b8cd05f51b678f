"""Uncertainties whose worth is known, against the formulas and against scipy."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from unclouded.backend.calibration import LEVELS, SIZES, Calibration, Distribution, measure
from unclouded.backend.errors import InputError
from unclouded.backend.observation import Reconstruction
from unclouded.backend.sensors import Bool, Float

BANDS = ("B4", "B8")
SIDE = 150
EVERYWHERE: Bool = np.ones((SIDE, SIDE), bool)


def simulated(distribution: Distribution, factor: float = 1.0, seed: int = 0) -> tuple[Reconstruction, Float]:
    """Errors drawn with a standard deviation that varies tenfold, and `factor` times that as the uncertainty."""
    rng = np.random.default_rng(seed)
    s = 10 ** rng.uniform(-3, -2, (len(BANDS), SIDE, SIDE))
    drawn = rng.normal(0, 1, s.shape) if distribution == "normal" else rng.laplace(0, 0.5**0.5, s.shape)
    truth = rng.uniform(0.3, 0.6, s.shape)
    return Reconstruction((truth + s * drawn).astype(np.float32), (factor * s).astype(np.float32)), truth.astype(
        np.float32
    )


def of(distribution: Distribution, factor: float = 1.0) -> Calibration:
    return measure(BANDS, *simulated(distribution, factor), EVERYWHERE)


@pytest.mark.parametrize("distribution", ["normal", "laplace"])
def test_true_uncertainty_covers_what_it_says(distribution: Distribution) -> None:
    found = of(distribution)
    assert found.coverage(distribution=distribution) == pytest.approx(LEVELS, abs=0.01)
    assert found.coverage("B8", distribution) == pytest.approx(LEVELS, abs=0.015)
    assert found.calibration_error(distribution=distribution) < 0.005
    assert found.rmse() == pytest.approx(math.sqrt((10**-4 - 10**-6) / (2 * math.log(10))), rel=0.02)


def test_distributions_differ_as_their_formulas_do() -> None:
    found = of("laplace").coverage()
    assert found == pytest.approx(1 - np.exp(-math.sqrt(2) * SIZES["normal"]), abs=0.01)
    assert SIZES["laplace"][LEVELS.index(0.9)] / SIZES["normal"][LEVELS.index(0.9)] == pytest.approx(0.99, abs=0.01)


def test_doubled_uncertainty_is_twice_as_wide_and_covers_more() -> None:
    once, twice = of("normal"), of("normal", 2.0)
    assert twice.mean_uncertainty() == pytest.approx(2 * once.mean_uncertainty(), rel=1e-6)
    assert twice.interval_width(0.9) == pytest.approx(2 * 1.644854 * twice.mean_uncertainty(), rel=1e-6)
    assert twice.mean_error() == pytest.approx(once.mean_error())
    assert twice.coverage()[LEVELS.index(0.5)] == pytest.approx(math.erf(2 * 0.674490 / math.sqrt(2)), abs=0.01)
    assert twice.calibration_error() > 0.15
    assert of("normal", 0.5).coverage()[-1] == pytest.approx(math.erf(0.5 * 1.959964 / math.sqrt(2)), abs=0.01)


def test_bins_hold_the_errors_of_their_uncertainty() -> None:
    made, truth = simulated("normal")
    error, s = np.abs(made.reflectance.astype(float) - truth), made.uncertainty
    bins = measure(BANDS, made, truth, EVERYWHERE).by_uncertainty()
    assert sum(each.count for each in bins) == error.size
    for each in filter(lambda each: each.count, bins):
        inside = (s >= each.low) & (s < each.high)
        assert each.count == inside.sum()
        assert each.uncertainty == pytest.approx(s[inside].mean(), rel=1e-5)
        assert each.error == pytest.approx(error[inside].mean(), rel=1e-4)
        assert each.rmse == pytest.approx(math.sqrt((error[inside] ** 2).mean()), rel=1e-4)
        assert each.rmse == pytest.approx(each.uncertainty, rel=0.15)


@pytest.mark.parametrize("spread", [0.02, 0.1, 0.5, 1.0])
def test_rank_correlation_is_that_of_the_pixels(spread: float) -> None:
    rng = np.random.default_rng(1)
    s = 0.01 * 10 ** rng.normal(0, spread, (2, SIDE, SIDE))
    truth = np.full(s.shape, 0.5, np.float32)
    made = Reconstruction((truth + s * rng.normal(0, 1, s.shape)).astype(np.float32), s.astype(np.float32))
    found = measure(BANDS, made, truth, EVERYWHERE)
    error = np.abs(np.clip(made.reflectance, 0, 1) - truth)
    assert found.rank_correlation() == pytest.approx(spearmanr(error, made.uncertainty, axis=None)[0], abs=0.01)
    of_one = spearmanr(error[0], made.uncertainty[0], axis=None)[0]
    assert found.rank_correlation("B4") == pytest.approx(of_one, abs=0.01)


def test_rank_correlation_with_one_uncertainty_for_each_band() -> None:
    rng = np.random.default_rng(2)
    s = np.broadcast_to(np.array([0.01, 0.05], np.float32)[:, None, None], (2, SIDE, SIDE))
    truth = np.full(s.shape, 0.5, np.float32)
    made = Reconstruction(truth + (s * rng.normal(0, 1, s.shape)).astype(np.float32), s)
    found = measure(BANDS, made, truth, EVERYWHERE)
    error = np.abs(made.reflectance - truth)
    assert found.rank_correlation() == pytest.approx(spearmanr(error, s, axis=None)[0], abs=0.01)
    assert math.isnan(found.rank_correlation("B4"))


def test_order_of_errors_and_uncertainties_alone_gives_one() -> None:
    s = np.linspace(0.001, 0.2, SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE)
    truth = np.full(s.shape, 0.5, np.float32)
    turned = s.max() + np.float32(0.001) - s
    assert measure(("B2",), Reconstruction(truth + s, s), truth, EVERYWHERE).rank_correlation() > 0.99
    assert measure(("B2",), Reconstruction(truth + s, turned), truth, EVERYWHERE).rank_correlation() < -0.99


def test_parts_added_are_the_whole() -> None:
    made, truth = simulated("normal")
    part = np.random.default_rng(3).random((SIDE, SIDE)) < 0.3
    both = measure(BANDS, made, truth, part) + measure(BANDS, made, truth, ~part)
    whole = measure(BANDS, made, truth, EVERYWHERE)
    for each in dataclasses.fields(Calibration):
        np.testing.assert_allclose(getattr(both, each.name), getattr(whole, each.name), rtol=1e-12)


def test_bands_of_several_images_go_to_their_own_line() -> None:
    made, truth = simulated("normal")
    both = measure(BANDS, made, truth, EVERYWHERE)
    turned = Reconstruction(made.reflectance[::-1], made.uncertainty[::-1])
    np.testing.assert_array_equal(measure(BANDS[::-1], turned, truth[::-1], EVERYWHERE).counts, both.counts)
    assert measure(BANDS[::-1], turned, truth[::-1], EVERYWHERE).rmse("B4") == both.rmse("B4")


def test_uncertainty_that_nobody_knows_is_left_out_and_counted() -> None:
    made, truth = simulated("normal")
    made.uncertainty[1, :10] = np.nan
    truth[0, 0] = np.nan
    found = measure(BANDS, made, truth, EVERYWHERE)
    assert found.unknown.sum() == 10 * SIDE
    assert found.counts.sum() == 2 * SIDE**2 - 11 * SIDE


def test_nothing_measured_is_nan() -> None:
    found = Calibration()
    figures = [
        found.calibration_error(),
        found.mean_uncertainty("B2"),
        found.interval_width(0.9),
        found.mean_error(),
        found.rmse(),
        found.rank_correlation(),
        *found.coverage("B4"),
        *(each.rmse for each in found.by_uncertainty()),
    ]
    assert np.isnan(figures).all()
    assert np.isnan(measure(BANDS, *simulated("normal"), ~EVERYWHERE).coverage()).all()


def test_certainty_that_is_right_counts_as_inside() -> None:
    truth = np.full((1, 2, 2), 0.5, np.float32)
    right = measure(("B2",), Reconstruction(truth, np.zeros_like(truth)), truth, np.ones((2, 2), bool))
    wrong = measure(("B2",), Reconstruction(truth + 0.1, np.zeros_like(truth)), truth, np.ones((2, 2), bool))
    assert right.coverage().tolist() == [1] * len(LEVELS)
    assert wrong.coverage().tolist() == [0] * len(LEVELS)


def test_bad_input_is_refused() -> None:
    made, truth = simulated("normal")
    with pytest.raises(InputError, match="was expected of the bands B4"):
        measure(("B4",), made, truth, EVERYWHERE)
    with pytest.raises(InputError, match="bands B4, red"):
        measure(("B4", "red"), made, truth, EVERYWHERE)
    made.uncertainty[0, 0, 0] = -1
    with pytest.raises(InputError, match="uncertainty of -1"):
        measure(BANDS, made, truth, EVERYWHERE)
