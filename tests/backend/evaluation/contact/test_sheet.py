"""Pages show pixels as they are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from unclouded.backend.evaluation.contact.sheet import (
    CAPTION_PX,
    CLOUD,
    GAP_PX,
    MARKED,
    PANEL_PX,
    ROWS,
    UNMEASURED,
    Picture,
    Strip,
    enlarged,
    heat,
    pages,
    panels,
)
from unclouded.backend.observation import Observation, Reconstruction

BANDS = ("B2", "B3", "B4")


def noise(side_px: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (side_px, side_px, 3), np.uint8)


def drawn(*strips: Strip) -> list[Picture]:
    return [np.asarray(Image.open(io.BytesIO(page))) for page in pages(strips)]


def at(page: Picture, row: int, column: int) -> Picture:
    """The pixels of a panel."""
    top = GAP_PX + row * (CAPTION_PX + PANEL_PX + GAP_PX) + CAPTION_PX
    left = GAP_PX + column * (PANEL_PX + GAP_PX)
    return page[top : top + PANEL_PX, left : left + PANEL_PX]


@pytest.mark.parametrize(("side_px", "times"), [(256, 1), (200, 1), (128, 2), (96, 2), (64, 4)])
def test_pixels_are_repeated_by_whole_numbers_and_never_resampled(side_px: int, times: int) -> None:
    picture = noise(side_px)
    (page,) = drawn(Strip({"one": picture, "other": picture[::-1]}, ("a", "b")))
    shown = at(page, 0, 0)[: side_px * times, : side_px * times]
    np.testing.assert_array_equal(shown[::times, ::times], picture)
    np.testing.assert_array_equal(shown[times - 1 :: times, times - 1 :: times], picture)
    assert enlarged(picture).shape[0] == side_px * times
    np.testing.assert_array_equal(at(page, 0, 1)[: side_px * times : times, :1], picture[::-1, :1])


def test_cases_go_on_on_further_pages_and_the_worst_are_framed() -> None:
    strips = [Strip({"one": noise(64, number)}, (str(number), ""), number == 1) for number in range(ROWS + 1)]
    first, last = drawn(*strips)
    assert len(first) > 3 * len(last)
    np.testing.assert_array_equal(at(last, 0, 0)[::4, ::4], strips[-1].panels["one"])
    framed = (first == MARKED).all(axis=2).sum(axis=1) > 0.9 * first.shape[1]
    middle = GAP_PX + CAPTION_PX + PANEL_PX + GAP_PX
    assert framed[middle - 5 : middle + 5].any()
    assert not framed[: middle // 2].any()


def test_panels_show_result_truth_uncertainty_and_mask() -> None:
    truth = np.random.default_rng(0).uniform(0.1, 0.4, (3, 20, 20)).astype(np.float32)
    cloud, valid = np.zeros((20, 20), bool), np.ones((20, 20), bool)
    cloud[:10], valid[15:] = True, False
    seen = Observation(BANDS, "L2A", np.where(cloud, np.float32(0.9), truth), valid, cloud, truth)
    made = Reconstruction(truth, np.full_like(truth, 0.05))
    found = panels(seen, made, truth, truth, valid)
    assert [name.partition(",")[0] for name in found] == ["cloudy", "result", "truth", "uncertainty", "mask"]
    np.testing.assert_array_equal(found["result"], found["truth"])
    assert found["cloudy"][:10].min() == 255
    np.testing.assert_array_equal(found["cloudy"][10:], found["truth"][10:])
    assert (found["mask"][:10] == CLOUD).all()
    assert (found["mask"][15:] == UNMEASURED).all()
    doubt = found["uncertainty, 0 to 0.1"]
    assert doubt[:10].min() > 0
    assert doubt[10:].max() == 0


def test_heat_rises_and_says_what_is_unknown() -> None:
    colours = heat(np.array([[0, 0.5, 1, 7, np.nan]], np.float32))[0].astype(int)
    assert list(np.diff(colours[:3].sum(axis=1)) > 0) == [True, True]
    np.testing.assert_array_equal(colours[2], colours[3])
    np.testing.assert_array_equal(colours[4], UNMEASURED)
