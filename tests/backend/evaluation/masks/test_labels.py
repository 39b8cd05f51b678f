"""Labels are found, opened and read; what cannot serve is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unclouded.backend.errors import InputError, NoOverlap, UncloudedError, UsageError
from unclouded.backend.evaluation.masks.labels import Labelled, LabelReader, find_pairs, open_labelled
from unclouded.backend.tiling import Window

from ...conftest import WEST, Workshop

SIDE = 60
FOUR = ("B2", "B3", "B4", "B8")


def quiet(level: str, text: str) -> None:
    """Hears nothing."""


def image(shop: Workshop, name: str = "image.tif", **options: Any) -> str:
    return shop.raster(name, shop.numbers(4, SIDE, SIDE), descriptions=FOUR, **options)


def opened(shop: Workshop, label: str) -> Labelled:
    return open_labelled([(image(shop), label)], quiet)[0]


def read(labelled: Labelled, tolerance_px: int = 0) -> tuple[np.ndarray, np.ndarray]:
    with LabelReader(labelled, tolerance_px) as reader:
        return reader.read(Window(0, 0, SIDE, SIDE))


def test_pairs_are_told_by_the_last_sign(tmp_path: Path) -> None:
    assert find_pairs(["a=1.tif=b.tif", "c.tif=d.tif"]) == [("a=1.tif", "b.tif"), ("c.tif", "d.tif")]


def test_a_folder_stands_for_all_that_it_holds(shop: Workshop) -> None:
    for name in ("one", "two"):
        image(shop, f"{name}/optical.tif")
        shop.mask(f"{name}/label.tif", np.ones((SIDE, SIDE), bool))
    pairs = find_pairs([str(shop.folder)])
    assert [labelled.name for labelled in open_labelled(pairs, quiet)] == ["one", "two"]
    assert find_pairs([shop.path("two")]) == pairs[1:]


@pytest.mark.parametrize("argument", ["image.tif", "=label.tif", "image.tif="])
def test_what_is_no_pair_is_refused(argument: str) -> None:
    with pytest.raises(UsageError, match="neither a folder nor a pair IMAGE=LABEL"):
        find_pairs([argument])


def test_a_folder_without_labels_is_refused(shop: Workshop) -> None:
    image(shop, "optical.tif")
    with pytest.raises(InputError, match="it holds none"):
        find_pairs([str(shop.folder)])


def test_an_image_that_is_named_twice_is_refused(shop: Workshop) -> None:
    pair = (image(shop), shop.mask("label.tif", np.ones((SIDE, SIDE), bool)))
    with pytest.raises(UsageError, match="named twice"):
        open_labelled([pair, pair], quiet)


def test_cloud_is_what_the_label_says_though_its_nodata_is_0(shop: Workshop) -> None:
    cloud = shop.disc(SIDE, SIDE, 20, 30, 9)
    label, counted = read(opened(shop, shop.mask("label.tif", cloud, nodata=0)))
    assert (label == cloud).all()
    assert counted.all()


def test_classes_of_other_masks_are_understood(shop: Workshop) -> None:
    classes = np.zeros((1, SIDE, SIDE), np.uint8)
    classes[0, :10], classes[0, 10:20], classes[0, 20:30] = 1, 2, 255
    label, counted = read(opened(shop, shop.raster("label.tif", classes)))
    assert label[:10].all()
    assert not label[10:].any()
    assert (counted == (classes[0] != 255)).all()


def test_pixels_beyond_a_label_do_not_count(shop: Workshop) -> None:
    label, counted = read(opened(shop, shop.mask("label.tif", np.ones((SIDE, 25), bool), west=WEST + 100)))
    assert counted[:, 10:35].all()
    assert counted.sum() == SIDE * 25
    assert (label == counted).all()


@pytest.mark.parametrize("nodata", [None, 0])
def test_pixels_near_a_rim_do_not_count(shop: Workshop, nodata: int | None) -> None:
    cloud = np.zeros((SIDE, SIDE), bool)
    cloud[:, 30:] = True
    counted = read(opened(shop, shop.mask("label.tif", cloud, nodata=nodata)), 3)[1]
    assert not counted[:, 27:33].any()
    assert counted[:, :27].all()
    assert counted[:, 33:].all()


def test_the_rim_is_the_same_in_windows(shop: Workshop) -> None:
    labelled = opened(shop, shop.mask("label.tif", shop.disc(SIDE, SIDE, 31, 29, 14)))
    whole = read(labelled, 4)[1]
    with LabelReader(labelled, 4) as reader:
        for row in (0, 30):
            part = reader.read(Window(row, 15, 30, 30))[1]
            assert (part == whole[row : row + 30, 15:45]).all()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("values", "options", "error", "words"),
    [
        (np.ones((1, SIDE, SIDE - 1), np.uint8), {"crs": None}, InputError, "one of them has no georeference"),
        (np.ones((1, SIDE, SIDE), np.uint8), {"west": WEST + 1e5}, NoOverlap, "do not overlap"),
        (np.full((1, SIDE, SIDE), 9, np.uint8), {"nodata": 9}, InputError, "nothing but nodata"),
        (np.full((1, SIDE, SIDE), 200, np.uint8), {}, InputError, "none of these for certain"),
        (np.ones((2, SIDE, SIDE), np.uint8), {}, InputError, "has 2 bands"),
    ],
)
def test_a_label_that_cannot_serve_is_refused(
    shop: Workshop, values: np.ndarray, options: dict[str, Any], error: type[UncloudedError], words: str
) -> None:
    with pytest.raises(error, match=words):
        opened(shop, shop.raster("label.tif", values, **options))
