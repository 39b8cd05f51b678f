"""Pictures are drawn from any numbers and names that evaluations give, and show what they should."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unclouded.backend.drawing import LABEL, label, line, png
from unclouded.backend.evaluation import pictures
from unclouded.backend.evaluation.panels import Panel, panels, true_colours
from unclouded.backend.sensors import NAMES

from .example import HOSTILE, places

MANY = {f"row {number}": [0.1 + 0.01 * number] * 13 for number in range(20)}


def pixels(data: bytes) -> np.ndarray:
    """(H, W, 3) of 0..255."""
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def assert_drawn(data: bytes) -> None:
    assert len(np.unique(pixels(data).reshape(-1, 3), axis=0)) > 20


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


@pytest.mark.parametrize(("height", "width"), [(12, 16), (40, 10), (1, 1)])
def test_panels_are_drawn_of_any_shape(height: int, width: int) -> None:
    assert_drawn(places(2, height, width))


def test_maps_without_a_number_are_drawn() -> None:
    panel = Panel("error", heat=np.full((4, 4), np.nan, np.float32))
    pixels(panels([[panel], [panel]]))


def test_rows_may_be_of_different_length() -> None:
    image = Panel("a", image=np.zeros((4, 4, 3), np.float32))
    pixels(panels([[image, image], [image]]))


def test_images_of_a_place_are_stretched_by_the_clear_one() -> None:
    clear = np.linspace(0.05, 0.25, 300).reshape(3, 10, 10).astype(np.float32)
    cloudy = np.full_like(clear, 0.9)

    seen = true_colours(clear, ("B2", "B3", "B4"), clear)
    assert seen.shape == (10, 10, 3)
    assert seen.min() == 0
    assert seen.max() == 1
    assert np.all(true_colours(cloudy, ("B2", "B3", "B4"), clear) == 1)
    assert seen[0, 0, 0] > seen[0, 0, 2], "B4 is red"


def test_without_red_green_and_blue_an_image_is_grey() -> None:
    clear = np.random.default_rng(0).random((2, 5, 5), np.float32)
    shown = true_colours(clear, ("B8", "B11"), clear)

    assert np.array_equal(shown[..., 0], shown[..., 2])


def test_what_is_not_known_is_no_part_of_the_stretch() -> None:
    clear = np.random.default_rng(0).random((1, 6, 6), np.float32)
    spoilt = clear.copy()
    spoilt[:, :2] = np.nan
    known = np.ones((6, 6), bool)
    known[:2] = False

    assert np.array_equal(true_colours(clear, ["B8"], spoilt), true_colours(clear, ["B8"], clear, known))
    assert np.isfinite(true_colours(spoilt, ["B8"], np.full_like(clear, np.nan))).all()


def test_rows_look_different_from_each_other() -> None:
    assert len({str(line(number)) for number in range(28)}) == 28


def test_long_names_lose_their_middle() -> None:
    shown = label("generator-" + "x" * 100 + "-v2")

    assert len(shown) == LABEL
    assert shown.startswith("generator-")
    assert shown.endswith("-v2")


def test_the_style_stays_with_the_picture() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    png(1, 1, lambda figure: figure.subplots())
    assert dict(matplotlib.rcParams) == before
