"""What a generator needs is held against what is known of the layers, and against nothing that is not."""

from __future__ import annotations

import pytest
from qgis.core import QgsRasterLayer

from unclouded.plugin import generators
from unclouded.plugin.fit import Given, describe, misfit, needs_words
from unclouded.plugin.layers import PRODUCT

FOUR = ("B2", "B3", "B4", "B8")
THIRTEEN = tuple(f"B{name}" for name in (1, 2, 3, 4, 5, 6, 7, 8, "8A", 9, 10, 11, 12))
CARD = {
    "bands": list(THIRTEEN), "required_bands": ["B2", "B3"], "levels": ["L1C"], "sar": "none", "dates": "optional",
    "encoding": {"layout": "fusion", "sar_range": None},
}  # fmt: skip
FRAMES = {**CARD, "encoding": {"layout": "frames", "sar_range": None}}


@pytest.mark.parametrize(
    ("changes", "given", "words"),
    [
        ({}, Given(FOUR, 4, "L1C"), ""),
        ({}, Given(), ""),
        ({}, Given(("B4", "B8"), 2), "needs the band(s) B2, B3, which the image does not have"),
        ({}, Given((), 1), "needs 2 bands (the image has 1)"),
        ({}, Given(FOUR, 4, "L2A"), "needs an image of level L1C (this is L2A)"),
        ({"sar": "required"}, Given(FOUR, 4), "needs a radar image"),
        ({"sar": "required"}, Given(FOUR, 4, sar=True), ""),
        ({"encoding": {"sar_range": [0, 1]}}, Given(FOUR, 4), "needs a radar image"),
        ({"dates": "required"}, Given(FOUR, 4, dates=True), ""),
        ({"dates": "required"}, Given(FOUR, 4), "needs other dates: tick at least one image of another day"),
        ({"sar": "required"}, None, ""),
    ],
)
def test_what_is_lacking_is_said(changes, given, words):
    assert misfit({**CARD, **changes}, given) == words


def test_a_network_of_frames_leaves_no_band_out():
    assert "B10" in misfit(FRAMES, Given(FOUR, 4))
    assert misfit(FRAMES, Given((), 4)) == "needs 13 bands (the image has 4)"
    assert not misfit(FRAMES, Given(THIRTEEN, 13))


def test_an_entry_that_says_little_asks_for_nothing():
    assert not misfit({"name": "x"}, Given(FOUR, 4, "L2A"))


def test_bands_and_level_come_from_the_layer_as_the_backend_takes_them(add_layer):
    assert describe(add_layer("named"), False, True, None, "") == Given(FOUR, 4, "L2A", False, True)
    assert describe(add_layer("unnamed", bands=3), True, False, None, "") == Given((), 3, "", True, False)
    assert describe(None, True, True, None, "") is None


def test_what_the_user_says_comes_first(add_layer):
    layer = add_layer("scene")
    assert describe(layer, False, False, ["B10", "B2"], "").level == "L1C"
    assert describe(layer, False, False, ["B10", "B2"], "L2A") == Given(("B10", "B2"), 2, "L2A")
    assert describe(layer, False, False, ["red", "B2"], "").bands == ()


def test_a_product_is_known_by_its_files_and_its_name(tmp_path, add_layer):
    product = tmp_path / "S2A_MSIL1C_20200601.SAFE"
    product.mkdir()
    for band in ("B02", "B8A"):
        (product / f"T31_{band}.jp2").touch()
    layer: QgsRasterLayer = add_layer("shown")
    layer.setCustomProperty(PRODUCT, str(product))
    given = describe(layer, False, False, None, "")
    assert (set(given.bands), given.level) == ({"B2", "B8A"}, "L1C")
    layer.setCustomProperty(PRODUCT, str(tmp_path / "gone.zip"))
    assert describe(layer, False, False, None, "") == Given()


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (CARD, "B2 B3 of 13 bands, dates optional, L1C"),
        ({**FRAMES, "sar": "required"}, "13 bands, radar, dates optional, L1C"),
        ({**CARD, "bands": ["B2", "B3"], "dates": "required", "levels": ["L1C", "L2A"]}, "B2 B3, dates, L1C or L2A"),
        ({"name": "x"}, ""),
    ],
)
def test_needs_are_said_in_a_few_words(card, words):
    assert needs_words(card) == words


def test_the_bundled_generator_fits_an_image_of_four_bands():
    (card,) = (card for card in generators.bundled() if card["name"] == "fusion")
    assert not misfit(card, Given(FOUR, 4, "L2A"))
