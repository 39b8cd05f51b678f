"""Figures of successive days against loops over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unclouded.backend import metrics
from unclouded.backend.evaluation.series.consistency import change_error, temporal_change, temporal_consistency

SHAPE = (4, 2, 16, 18)


def frames(seed: int) -> np.ndarray:
    """Four days of two bands, partly beyond 0..1."""
    return np.random.default_rng(seed).normal(0.4, 0.4, SHAPE).astype(np.float32)


def masks(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((3, 16, 18)) < 0.4


def clipped(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)


def test_the_change_is_that_from_day_to_day() -> None:
    series, counted = frames(0), masks(1)
    expected = []
    for day in range(3):
        errors = [
            abs(clipped(series[day + 1, band, row, column]) - clipped(series[day, band, row, column]))
            for band in range(2)
            for row in range(16)
            for column in range(18)
            if counted[day, row, column]
        ]
        expected.append(sum(errors) / len(errors))
    assert temporal_change(series, counted) == pytest.approx(expected)


def test_the_error_of_the_change_is_that_of_the_difference() -> None:
    predicted, truth, counted = frames(2), frames(3), masks(4)
    expected = []
    for day in range(3):
        errors = []
        for band, row, column in np.ndindex(2, 16, 18):
            if counted[day, row, column]:
                own = clipped(predicted[day + 1, band, row, column]) - clipped(predicted[day, band, row, column])
                true = clipped(truth[day + 1, band, row, column]) - clipped(truth[day, band, row, column])
                errors.append(abs(own - true))
        expected.append(sum(errors) / len(errors))
    assert change_error(predicted, truth, counted) == pytest.approx(expected)


def test_consistency_is_the_ssim_of_neighbours() -> None:
    series, counted = frames(5), masks(6)
    expected = [metrics.ssim(series[day + 1], series[day], counted[day]) for day in range(3)]
    assert temporal_consistency(series, counted) == pytest.approx(expected)
    assert temporal_consistency(series)[0] == pytest.approx(metrics.ssim(series[1], series[0]))


def test_a_constant_is_consistent_and_wrong_by_the_change_of_the_truth() -> None:
    truth = np.clip(frames(7), 0, 1)
    constant = np.full(SHAPE, 0.3, np.float32)
    assert temporal_consistency(constant) == pytest.approx([1, 1, 1])
    assert change_error(constant, truth) == pytest.approx(temporal_change(truth))


def test_an_error_that_stays_is_no_error_of_the_change() -> None:
    truth = np.clip(frames(8), 0, 0.7)
    assert change_error(truth + np.float32(0.2), truth) == pytest.approx([0, 0, 0], abs=1e-6)


def test_without_counted_pixels_there_is_no_figure() -> None:
    none = np.zeros((3, 16, 18), bool)
    for values in (temporal_consistency(frames(1), none), change_error(frames(1), frames(2), none)):
        assert all(map(math.isnan, values))
