"""Figures of series count what is known, and nothing else."""

from __future__ import annotations

import dataclasses

import numpy as np

from unclouded.backend.evaluation.rows import open_rows
from unclouded.backend.evaluation.series.cases import Series
from unclouded.backend.evaluation.series.measures import WHOLE, Figures, measure
from unclouded.backend.sensors import NAMES, Bool

from .test_cases import drawn


def figures_of(series: Series) -> Figures:
    found = Figures()
    measure(series, open_rows([], [], dict.fromkeys(NAMES, 0.2), "cpu"), found, [])
    return found


def brightened(series: Series, known: Bool, by: float) -> Series:
    """The series with brighter images where the truth is not known."""
    samples = []
    for sample in series.samples:
        optical = np.where(known, sample.observation.optical, sample.observation.optical + np.float32(by))
        seen = dataclasses.replace(sample.observation, optical=optical)
        samples.append(dataclasses.replace(sample, known=known, observation=seen))
    return dataclasses.replace(series, samples=tuple(samples))


def test_what_lies_where_the_truth_is_unknown_changes_no_figure() -> None:
    series = drawn(1, 2, 3)
    known = np.ones((64, 64), bool)
    known[20:40, 10:30] = False
    quiet, noisy = (figures_of(brightened(series, known, by)) for by in (0.0, 0.7))

    for key in ("ssim", "gap", "change", "change_error"):
        assert quiet.mean(WHOLE, "identity", key) == noisy.mean(WHOLE, "identity", key)
