"""Images, maps and masks of any shape stand beside each other, and images of a place are stretched alike."""

from __future__ import annotations

import numpy as np
import pytest

from unclouded.backend.evaluation.reports.panels import Panel, panels, true_colours

from .example import assert_drawn, pixels, places


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
