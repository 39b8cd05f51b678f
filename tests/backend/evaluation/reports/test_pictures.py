"""Pictures are drawn from any numbers and names that evaluations give, and show what they should."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from unclouded.backend.evaluation.reports import pictures
from unclouded.backend.sensors import NAMES

from .example import HOSTILE, assert_drawn, pixels

MANY = {f"row {number}": [0.1 + 0.01 * number] * 13 for number in range(20)}


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"one": [0.1] * 13},
        {HOSTILE: [math.nan] * 13, "_hidden": [0.0] * 12 + [math.nan]},
        {"x" * 300: [0.2] * 13},
        MANY,
    ],
    ids=["none", "one", "odd names and gaps", "a long name", "many"],
)
def test_lines_of_bands_are_drawn_whatever_the_rows(rows: Any) -> None:
    assert_drawn(pictures.spectra(NAMES, rows))
    assert_drawn(pictures.error_by_band(NAMES, rows))


def test_bands_are_put_in_physical_order() -> None:
    order = ["B8", "B2", "B12", "B8A"]
    values = [0.8, 0.2, 1.2, 0.9]
    sorted_values = [0.2, 0.8, 0.9, 1.2]

    for draw in (pictures.spectra, pictures.error_by_band):
        assert draw(order, {"a": values}) == draw(["B2", "B8", "B8A", "B12"], {"a": sorted_values})


def test_one_band_is_drawn() -> None:
    assert_drawn(pictures.spectra(["B4"], {"a": [0.1]}))
    assert_drawn(pictures.error_by_band(["B4"], {"a": [0.1]}))


def test_curves_are_drawn() -> None:
    points = np.linspace(0, 1, 200).tolist()
    assert_drawn(pictures.curves({"a": (points, points), "none": ([], [])}, "recall", "precision", limits=(0, 1)))
    assert_drawn(pictures.curves({"a": ([1, 2, 3], [1, 2, 3])}, "epoch", "loss", "title", whole=True))


def test_bars_are_drawn() -> None:
    assert_drawn(pictures.bars(["a", HOSTILE, "c" * 90], {"one": [1, 2, math.nan], "two": [0, 0, 0]}, "share"))


def test_a_confusion_matrix_is_shaded_by_row() -> None:
    drawn = pixels(pictures.matrix([[900, 100], [0, 0]], ["a", "b"]))
    dark_blue = (drawn[..., 2].astype(int) - drawn[..., 0] > 80).mean()

    assert dark_blue > 0.05
    assert_drawn(pictures.matrix(np.eye(20), [f"class {i}" for i in range(20)]))
    assert_drawn(pictures.matrix([[0.5]], ["a"]))


def test_uncertainty_is_drawn() -> None:
    assert_drawn(pictures.reliability([0.5, 0.9], {"a": [0.4, 0.95], "b": [math.nan, math.nan]}))
    assert_drawn(pictures.binned({"a": ([0.01, 0.02], [0.01, math.nan])}))
    assert_drawn(pictures.binned({}))
