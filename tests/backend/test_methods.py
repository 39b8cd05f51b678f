"""The methods without training against slow and obvious references."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.backend.errors import UsageError
from unclouded.backend.methods import DAMPING, UNTRAINED, Untrained, find_method, inpaint, interpolate
from unclouded.backend.observation import Observation, crop
from unclouded.backend.protocol import NEED_DATES

from .observations import other_clouds_on_dates


def observation(height: int = 60, width: int = 50, dates: int = 0, seed: int = 0) -> Observation:
    random = np.random.default_rng(seed)
    valid = random.random((height, width)) > 0.05
    plain = Observation(
        bands=("B2", "B3"),
        level="L2A",
        optical=np.where(valid, random.random((2, height, width), np.float32), np.float32(0)),
        valid=valid,
        cloud=random.random((height, width)) > 0.6,
        background=np.full((2, height, width), 0.4, np.float32),
    )
    if not dates:
        return plain
    clear = random.random((dates, height, width)) > 0.4
    images = np.where(clear[:, None], random.random((dates, 2, height, width), np.float32), np.float32(0.9))
    days = random.permutation(np.linspace(-21, 60, dates + 1))[:dates].astype(np.float32)
    return dataclasses.replace(plain, dates=images, dates_clear=clear, days=days)


@pytest.mark.parametrize("name", UNTRAINED)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_what_lies_under_the_cloud_leaves_no_trace(name: str, seed: int) -> None:
    seen = observation(dates=3, seed=seed)
    other = dataclasses.replace(seen, optical=np.where(seen.cloud, np.float32(0.9), seen.optical))
    method = find_method(name, 3)

    for mine, theirs in zip(method([seen]), method([other]), strict=True):
        np.testing.assert_array_equal(mine.reflectance[:, seen.cloud], theirs.reflectance[:, seen.cloud])
        np.testing.assert_array_equal(mine.uncertainty[:, seen.cloud], theirs.uncertainty[:, seen.cloud])


@pytest.mark.parametrize("name", UNTRAINED)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_clouds_of_other_dates_leave_no_trace(name: str, seed: int) -> None:
    seen = observation(dates=3, seed=seed)
    method = find_method(name, 3)

    for mine, theirs in zip(method([seen]), method([other_clouds_on_dates(seen)]), strict=True):
        np.testing.assert_array_equal(mine.reflectance, theirs.reflectance)
        np.testing.assert_array_equal(mine.uncertainty, theirs.uncertainty)


@pytest.mark.parametrize("name", UNTRAINED)
@pytest.mark.parametrize("dates", [1, 2, 5])
def test_everything_is_filled_with_finite_numbers(name: str, dates: int) -> None:
    seen = observation(dates=dates)
    some = seen.dates_clear & (seen.days < 20)[:, None, None]
    seen = dataclasses.replace(seen, cloud=np.ones_like(seen.cloud), dates_clear=some)
    made = find_method(name, dates)([seen])[0]

    assert made.reflectance.shape == made.uncertainty.shape == seen.optical.shape
    assert made.reflectance.dtype == made.uncertainty.dtype == np.float32
    assert np.isfinite(made.reflectance).all()
    assert (made.uncertainty >= 0).all()
    assert made.reflectance.min() > -0.1
    assert made.reflectance.max() < 1.1


def test_inpaint_agrees_with_a_direct_sum() -> None:
    seen = observation(40, 36)
    made = inpaint(seen)
    rows, columns = np.mgrid[:40, :36]
    for row, column in [(0, 0), (20, 18), (39, 5), (13, 35)]:
        # The kernel is a product of two normalised ones, cut at 24 px on each axis.
        near = (abs(rows - row) <= 24) & (abs(columns - column) <= 24)
        total = sum(np.exp(-(d**2) / 72) for d in range(-24, 25)) ** 2
        kernel = near * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 72) / total
        weight = kernel * seen.clear
        expected = ((weight * seen.optical).sum((1, 2)) + 0.01 * 0.4) / (weight.sum() + 0.01)
        np.testing.assert_allclose(made.reflectance[:, row, column], expected, rtol=1e-4)


def test_inpaint_leaves_uniform_ground_uniform_and_knows_less_far_away() -> None:
    cloud = np.zeros((120, 120), bool)
    cloud[10:110, 10:110] = True
    flat = np.full((1, 120, 120), 0.25, np.float32)
    made = inpaint(Observation(("B4",), "L2A", np.where(cloud, 0.9, flat), ~cloud | cloud, cloud, flat))

    np.testing.assert_allclose(made.reflectance, 0.25, atol=1e-5)
    assert made.uncertainty[0, 60, 60] > 3 * made.uncertainty[0, 12, 60]


def test_median_is_that_of_the_clear_dates() -> None:
    seen = observation(dates=5)
    made = find_method("median", 5)([seen])[0]
    values = np.where(seen.dates_clear[:, None], seen.dates, np.nan)
    some = seen.dates_clear.any(0)

    np.testing.assert_allclose(made.reflectance[:, some], np.nanmedian(values[..., some], axis=0), rtol=1e-6)


def test_least_cloudy_takes_the_first_date_that_is_clear() -> None:
    seen = observation(dates=3)
    made = find_method("least-cloudy", 3)([seen])[0]
    filled = inpaint(seen)

    for row, column in np.ndindex(60, 50):
        clear = np.flatnonzero(seen.dates_clear[:, row, column])
        expected = seen.dates[clear[0]] if clear.size else filled.reflectance
        np.testing.assert_array_equal(made.reflectance[:, row, column], expected[:, row, column])


def test_interpolate_solves_its_equations() -> None:
    seen = observation(20, 20, dates=4)
    made = interpolate(seen)
    days = np.append(seen.days, 0.0)
    order = np.argsort(days)
    gaps = np.diff(days[order])
    difference = np.diff(np.eye(5), axis=0) * np.sqrt(gaps.mean() / gaps)[:, None]
    series = np.concatenate([seen.dates, seen.optical[None]])[order].astype(np.float64)
    clear = np.concatenate([seen.dates_clear, seen.clear[None]])[order]
    here = int(np.flatnonzero(order == 4)[0])

    for row, column in np.ndindex(20, 20):
        if not seen.dates_clear[:, row, column].any():
            continue
        mask = np.diag(clear[:, row, column].astype(float))
        solved = np.linalg.solve(mask + DAMPING * difference.T @ difference, mask @ series[:, :, row, column])
        np.testing.assert_allclose(made.reflectance[:, row, column], solved[here], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", UNTRAINED)
def test_a_window_with_its_overlap_agrees_with_the_scene(name: str) -> None:
    seen = observation(140, 150, dates=3)
    method = find_method(name, 3)
    whole = method([seen])[0]
    margin = method.overlap_px
    part = np.s_[..., 30 : 30 + 20 + 2 * margin, 40 : 40 + 16 + 2 * margin]
    window = Observation(
        seen.bands,
        seen.level,
        *(array[part] for array in (seen.optical, seen.valid, seen.cloud, seen.background)),
        dates=seen.dates[part],
        dates_clear=seen.dates_clear[part],
        days=seen.days,
    )

    made = method([window])[0]

    core = np.s_[..., 30 + margin : 50 + margin, 40 + margin : 56 + margin]
    np.testing.assert_allclose(crop(made.reflectance, margin), whole.reflectance[core], atol=1e-6)
    np.testing.assert_allclose(crop(made.uncertainty, margin), whole.uncertainty[core], atol=1e-6)


def test_methods_are_found_by_name() -> None:
    for name, reconstruct in UNTRAINED.items():
        assert find_method(name, 1) == Untrained(reconstruct)


def test_an_unknown_method_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no method 'magic'") as error:
        find_method("magic", 0)

    assert all(name in error.value.hint for name in (*UNTRAINED, "generator"))


@pytest.mark.parametrize("name", NEED_DATES)
def test_a_method_of_dates_without_dates_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} needs other dates"):
        find_method(name, 0)
