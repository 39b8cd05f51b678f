"""Means and their intervals: groups are drawn as wholes, and what is not known does not count."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unclouded.backend.statistics import Figure, summarise, summarise_sums


def test_mean_and_count_leave_out_what_is_not_known() -> None:
    figure = summarise([1.0, math.nan, 3.0], ["a", "b", "c"])
    assert (figure.mean, figure.count) == (2.0, 2)


def test_interval_resamples_groups_and_not_cases() -> None:
    values = [0.0] * 50 + [1.0] * 50
    of_groups = summarise(values, ["a"] * 50 + ["b"] * 50)
    of_cases = summarise(values, [str(index) for index in range(100)])
    assert (of_groups.low, of_groups.high) == (0.0, 1.0)
    assert 0.35 < of_cases.low < 0.45 < of_cases.mean < 0.55 < of_cases.high < 0.65


def test_interval_of_single_cases_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(5, 2, 400)
    figure = summarise(values, [str(index) for index in range(400)])
    half = 1.96 * values.std(ddof=1) / math.sqrt(400)
    assert figure.low == pytest.approx(values.mean() - half, abs=0.05)
    assert figure.high == pytest.approx(values.mean() + half, abs=0.05)


def test_larger_groups_weigh_more() -> None:
    assert summarise([0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"]).mean == 0.25


def test_one_group_has_no_interval() -> None:
    figure = summarise([1.0, 2.0], ["a", "a"])
    assert figure.mean == 1.5
    assert math.isnan(figure.low)
    assert math.isnan(figure.high)
    assert not figure.excludes_zero


def test_nothing_known_is_no_number() -> None:
    figure = summarise([math.nan], ["a"])
    assert (math.isnan(figure.mean), figure.count) == (True, 0)


def test_seed_fixes_the_interval() -> None:
    values, groups = np.random.default_rng(1).random(30), [str(index % 7) for index in range(30)]
    assert summarise(values, groups) == summarise(values, groups)
    assert summarise(values, groups, seed=1) != summarise(values, groups)


@pytest.mark.parametrize(("low", "high", "excludes"), [(0.1, 0.2, True), (-0.2, -0.1, True), (-0.1, 0.1, False)])
def test_interval_on_one_side_of_zero(low: float, high: float, excludes: bool) -> None:
    assert Figure(0.0, low, high, 6, 6).excludes_zero is excludes


@pytest.mark.parametrize(("places", "excludes"), [(2, False), (5, False), (6, True)])
def test_few_groups_exclude_nothing_even_if_all_agree(places: int, excludes: bool) -> None:
    figure = summarise([1.0, 2.0] * places, [str(index // 2) for index in range(2 * places)])
    assert (figure.groups, figure.low > 0, figure.excludes_zero) == (places, True, excludes)


def share(sums: np.ndarray) -> float:
    return float(sums[0] / sums[1])


def test_figure_of_sums_weighs_cases_by_what_they_add() -> None:
    figure = summarise_sums(np.array([[1, 2], [9, 98], [0, 0]]), ["a", "b", "c"], share)
    assert (figure.mean, figure.low, figure.high) == (0.1, 9 / 98, 0.5)
    assert (figure.count, figure.groups) == (2, 2)


def test_interval_of_shares_is_that_of_means_where_all_weigh_alike() -> None:
    values = np.random.default_rng(0).integers(0, 10, 60)
    groups = [str(number % 12) for number in range(60)]
    of_sums = summarise_sums(np.stack([values, np.ones(60, int)], axis=1), groups, share)
    of_means = summarise(values, groups)
    assert (of_sums.low, of_sums.high) == pytest.approx((of_means.low, of_means.high))


def test_figure_of_no_sums_or_of_one_group_has_no_interval() -> None:
    assert math.isnan(summarise_sums(np.zeros((0, 2)), [], share).mean)
    assert math.isnan(summarise_sums(np.zeros((3, 2)), ["a", "b", "c"], share).mean)
    assert math.isnan(summarise_sums(np.ones((2, 2)), ["a", "a"], share).low)
