"""The first pass finds what the mask says, on whatever grid the mask lies, and sums the clear ground."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from unclouded.backend import clouds
from unclouded.backend import survey as surveys
from unclouded.backend.cloud_finder import MaskRules
from unclouded.backend.errors import InputError, NoData, NoOverlap, UncloudedError
from unclouded.backend.reporting import Reporter
from unclouded.backend.scene import Scene, open_optical, open_scene
from unclouded.backend.survey import Survey

HEIGHT, WIDTH = 90, 120


def quiet(level: str, text: str) -> None:
    pass


def open_(path: str, **options: Any) -> Scene:
    arguments = {"sar": None, "dates": [], "bbox": None} | options
    return open_scene(open_optical(path, None, None, None, quiet), **arguments, log=quiet)


def survey(scene: Scene, rules: MaskRules, folder: Path, said: list[Any] | None = None) -> Survey:
    heard: list[Any] = [] if said is None else said
    return surveys.survey(scene, rules, lambda name: folder / f"scratch_{name}", Reporter("1", heard.append), 0.2)


def classes(shop: Any, found: Survey) -> np.ndarray:
    return shop.read(found.mask.path)[0]


@pytest.fixture
def image(shop: Any) -> str:
    return shop.raster("o.tif", shop.numbers(4, HEIGHT, WIDTH))


BLOB = np.zeros((HEIGHT, WIDTH), bool)
BLOB[20:50, 30:70] = True


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (BLOB.astype(np.uint8), {}),
        (np.where(BLOB, 0.8, 0.1).astype(np.float32), {}),
        (np.where(BLOB, 80, 10.5).astype(np.float32), {}),
        (np.where(BLOB, 9, 4).astype(np.uint8), {}),
        (np.where(BLOB, 1, np.where(np.arange(WIDTH) > 110, 255, 0)).astype(np.uint8), {"nodata": 255}),
    ],
    ids=["binary", "probability", "percent", "scene classes", "with nodata"],
)
def test_masks_of_all_kinds_say_the_same(
    shop: Any, image: str, tmp_path: Path, values: np.ndarray, options: dict[str, Any]
) -> None:
    mask = shop.raster("mask.tif", values[None], **options)
    found = survey(open_(image), MaskRules(mask), tmp_path)

    np.testing.assert_array_equal(classes(shop, found) == clouds.CLOUD, BLOB)
    assert found.cloud_px == BLOB.sum()


def test_shadows_of_a_mask_are_kept_apart(shop: Any, image: str, tmp_path: Path) -> None:
    values = np.where(BLOB, 9, np.where(np.roll(BLOB, 40, 1), 3, 4)).astype(np.uint8)
    found = survey(open_(image), MaskRules(shop.raster("scl.tif", values[None])), tmp_path)

    np.testing.assert_array_equal(classes(shop, found) == clouds.SHADOW, (values == 3))
    assert found.cloud_px == ((values == 3) | BLOB).sum()


def test_a_mask_of_a_coarser_grid_is_taken_to_the_nearest(shop: Any, image: str, tmp_path: Path) -> None:
    coarse = np.random.default_rng(0).random((HEIGHT // 6, WIDTH // 6)) > 0.5
    mask = shop.mask("mask.tif", coarse, step=60)
    found = survey(open_(image), MaskRules(mask), tmp_path)

    np.testing.assert_array_equal(classes(shop, found) == clouds.CLOUD, coarse.repeat(6, 0).repeat(6, 1))


def test_a_mask_of_another_system_lies_where_it_should(shop: Any, image: str, tmp_path: Path) -> None:
    from rasterio.warp import transform_bounds

    west, south, east, north = transform_bounds("EPSG:32632", "EPSG:4326", 600_300, 5_099_500, 600_700, 5_099_800)
    inside = np.zeros((80, 80), bool)
    inside[20:60, 20:60] = True
    steps = (east - west) / 40, (north - south) / 40
    from affine import Affine

    place = Affine(steps[0], 0, west - 20 * steps[0], 0, -steps[1], north + 20 * steps[1])
    found = survey(open_(image), MaskRules(shop.mask("m.tif", inside, crs="EPSG:4326", transform=place)), tmp_path)

    cloud = classes(shop, found) == clouds.CLOUD
    assert (cloud == BLOB).mean() > 0.99
    assert cloud[22:48, 32:68].all()


@given(grow_px=st.integers(0, 12), seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_growing_reaches_every_pixel_that_near_and_no_other(module_shop: Any, grow_px: int, seed: int) -> None:
    shop = module_shop.fresh()
    cloud = np.random.default_rng(seed).random((HEIGHT, WIDTH)) > 0.998
    cloud[seed % HEIGHT, seed % WIDTH] = True
    image = shop.raster("o.tif", shop.numbers(4, HEIGHT, WIDTH))
    found = survey(open_(image), MaskRules(shop.mask("m.tif", cloud), grow_px=grow_px), shop.folder)

    np.testing.assert_array_equal(classes(shop, found) == clouds.CLOUD, distance_transform_edt(~cloud) <= grow_px)


@pytest.mark.parametrize("grow_px", [0, 7])
def test_windows_of_the_survey_leave_no_trace(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grow_px: int
) -> None:
    values = shop.numbers(4, 300, 280)
    values[:, 100:170, 40:260] = 6000
    scene = open_(shop.raster("o.tif", values))
    rules = MaskRules(grow_px=grow_px)
    one = classes(shop, survey(scene, rules, tmp_path))
    monkeypatch.setattr(surveys, "SURVEY_PX", 96)

    many = survey(scene, rules, tmp_path)

    assert (one == clouds.CLOUD).any()
    np.testing.assert_array_equal(classes(shop, many), one)


def test_only_clear_pixels_make_the_background(shop: Any, tmp_path: Path) -> None:
    values = shop.numbers(4, HEIGHT, WIDTH)
    mask = shop.mask("m.tif", BLOB)
    dark = survey(open_(shop.raster("a.tif", values)), MaskRules(mask), tmp_path).ground
    white = survey(
        open_(shop.raster("b.tif", np.where(BLOB, 9999, values).astype(np.uint16))), MaskRules(mask), tmp_path
    )

    for part in ("values", "squares"):
        np.testing.assert_array_equal(getattr(dark, part).sums, getattr(white.ground, part).sums)
    assert dark.values.counts.sum() == white.clear_px == (~BLOB).sum()


def test_dates_are_matched_by_what_both_show(shop: Any, image: str, tmp_path: Path) -> None:
    date = shop.raster("d.tif", shop.numbers(4, HEIGHT, WIDTH) + np.uint16(150))
    found = survey(open_(image, dates=[date]), MaskRules(shop.mask("m.tif", BLOB)), tmp_path)

    date_reflectance = shop.numbers(4, HEIGHT, WIDTH).astype(np.float32) / 10000 + np.float32(0.015)
    matched, _ = found.dates[0].joint.match().apply(date_reflectance, 0, 0)
    np.testing.assert_allclose(matched, date_reflectance - 0.015, atol=1e-3)
    clear = classes(shop, found.dates[0]) == clouds.CLEAR
    assert found.dates[0].joint.blocks.counts.sum() == (clear & ~BLOB).sum()
    assert found.dates[0].clear_px == clear.sum() > 0.8 * HEIGHT * WIDTH


def test_the_scene_classification_of_a_product_serves_as_mask(shop: Any, tmp_path: Path) -> None:
    scl = np.where(BLOB[::2, ::2], 9, 4).astype(np.uint8)
    for band, values in zip(("B02", "B03", "B04"), shop.numbers(3, HEIGHT, WIDTH), strict=True):
        shop.raster(f"bands/{band}_10m.tif", values[None])
    shop.raster("bands/SCL_20m.tif", scl[None], step=20)
    said: list[Any] = []
    found = survey(open_(shop.path("bands")), MaskRules(grow_px=0), tmp_path, said)

    np.testing.assert_array_equal(classes(shop, found) == clouds.CLOUD, BLOB)
    assert any("scene classification" in event.text for event in said if hasattr(event, "text"))


def test_nodata_is_neither_clear_nor_cloud(shop: Any, tmp_path: Path) -> None:
    values = shop.numbers(4, HEIGHT, WIDTH)
    values[:, :, 60:] = 0
    found = survey(open_(shop.raster("o.tif", values)), MaskRules(shop.mask("m.tif", BLOB)), tmp_path)

    assert (classes(shop, found)[:, 60:] == clouds.NODATA).all()
    assert found.measured_px == HEIGHT * 60
    assert found.cloud_px == BLOB[:, :60].sum()
    assert found.cloud_fraction == pytest.approx(found.cloud_px / found.measured_px)


def test_an_area_counts_itself_only_but_sees_around(shop: Any, tmp_path: Path) -> None:
    image = shop.raster("o.tif", shop.numbers(4, 300, 300))
    cloud = np.zeros((300, 300), bool)
    cloud[100:140, 100:140] = True
    scene = open_(image, bbox=[601_000, 5_098_600, 601_400, 5_099_000])
    found = survey(scene, MaskRules(shop.mask("m.tif", cloud)), tmp_path)

    assert found.cloud_fraction == 1
    assert found.clear_px > 0


@pytest.mark.parametrize(("dark", "warned"), [(1000, True), (400, False), (1500, False)])
def test_an_offset_that_nobody_handled_is_suspected(shop: Any, tmp_path: Path, dark: int, warned: bool) -> None:
    values = np.full((4, HEIGHT, WIDTH), 3000, np.uint16)
    values[:, :32, :32] = dark
    said: list[Any] = []
    survey(open_(shop.raster("o.tif", values)), MaskRules(shop.mask("m.tif", BLOB)), tmp_path, said)

    warnings = [event.text for event in said if getattr(event, "level", "") == "warning"]
    assert any("offset of -1000" in text for text in warnings) == warned


@pytest.mark.parametrize(
    ("values", "options", "kind", "words"),
    [
        (np.full((1, 20, 20), 1000, np.uint16), {}, InputError, r"its values are 1000"),
        (np.full((1, 20, 20), -5, np.float32), {}, InputError, r"its values are -5"),
        (np.full((1, 20, 20), np.nan, np.float32), {}, InputError, "nothing but nodata"),
        (np.ones((3, 20, 20), np.uint8), {}, InputError, "has 3 bands; one was expected"),
        (np.ones((1, 20, 20), np.uint8), {"north": 1_000_000}, NoOverlap, "they do not overlap"),
    ],
)
def test_masks_that_make_no_sense_are_refused(
    shop: Any,
    image: str,
    tmp_path: Path,
    values: np.ndarray,
    options: dict[str, Any],
    kind: type[UncloudedError],
    words: str,
) -> None:
    path = shop.raster("m.tif", values, **options)

    with pytest.raises(kind, match=words):
        survey(open_(image), MaskRules(path), tmp_path)


def test_an_image_without_a_measured_pixel_is_refused(shop: Any, tmp_path: Path) -> None:
    scene = open_(shop.raster("o.tif", np.zeros((4, 40, 40), np.uint16)))

    with pytest.raises(NoData, match=r"o\.tif holds no measured pixel"):
        survey(scene, MaskRules(), tmp_path)


def test_a_mask_of_the_user_is_grown_only_if_asked() -> None:
    assert MaskRules("m.tif").growth_px == 0
    assert MaskRules("m.tif", grow_px=3).growth_px == 3
    assert MaskRules("auto").growth_px == MaskRules("all").growth_px == clouds.GROW_PX
    assert MaskRules("auto", grow_px=0).growth_px == 0
