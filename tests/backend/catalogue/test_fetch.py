"""What is fetched from a catalogue is the right thing, on one grid, and serves as the input of a job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from unclouded.backend.protocol import Done, RemoveClouds
from unclouded.backend.scene import open_optical

from ..conftest import Heard, Workshop
from .conftest import AREA, Fetch, fetch_from, served
from .server import World
from .worlds import BANDS, NORTH, OPTICAL, STEP, UTM, WEST, add_asset, add_optical, bbox, make_item, values, write_file

# Warping a window without georeference is rasterio's own way.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def grid_of(path: str) -> tuple[Any, ...]:
    with rasterio.open(path) as file:
        return file.crs, file.transform, file.shape


def source(name: str, resolution_m: int = 10, dtype: str = "uint16") -> np.ndarray:
    """(H, W) of both tiles of a day, as the server has them."""
    side = 2560 // resolution_m
    halves = [values(f"{name.format(tile=tile)}", side, dtype)[0] for tile in (0, 1)]
    return np.concatenate(halves, axis=1)


def window(path: str) -> tuple[slice, slice]:
    """Where a file of 10 m lies in both tiles."""
    with rasterio.open(path) as file:
        column, row = round((file.transform.c - WEST) / STEP), round((NORTH - file.transform.f) / STEP)
        return slice(row, row + file.height), slice(column, column + file.width)


@pytest.fixture(scope="module")
def scene(land: Path, module_shop: Workshop) -> tuple[Heard, Workshop]:
    """An image with all bands, radar and two dates, in the folder `out`."""
    with served(land, module_shop.folder / "served") as world:
        heard = fetch_from(world, module_shop.path("out"), dates=2, bands=None)
    assert heard.last == Done("1", module_shop.path("out/fetch.json"))
    return heard, module_shop


@pytest.fixture
def whole(scene: tuple[Heard, Workshop]) -> Heard:
    return scene[0]


@pytest.fixture
def place(scene: tuple[Heard, Workshop]) -> Workshop:
    return scene[1]


def test_the_right_items_are_chosen_and_the_command_is_told(whole: Heard, place: Workshop) -> None:
    names = {path.name for path in (place.folder / "out").glob("*.tif")}
    record = json.loads(Path(whole.last.output).read_text())

    # 0 % cloud on July 21, 1 % on June 21; the pass of June 2 is nearer, and shows the eastern tile only.
    assert names == {"optical.tif", "sar.tif", "date_2020-06-21.tif", "date_2020-07-21.tif"}
    assert record["files"]["optical.tif"]["items"] == ["S2_0_2020-06-01", "S2_1_2020-06-01"]
    assert record["files"]["sar.tif"]["items"] == ["S1_0_2020-06-04_15", "S1_1_2020-06-04_15"]
    out = place.folder / "out"
    assert record["command"] == [
        "unclouded", "remove", str(out / "optical.tif"), "--sar", str(out / "sar.tif"), "--date",
        str(out / "date_2020-06-21.tif"), "--date", str(out / "date_2020-07-21.tif"), "-o", str(out / "clear.tif"),
    ]  # fmt: skip
    assert " ".join(record["command"]) in whole.logs("info")
    assert whole.logs("warning") == ""


def test_all_lie_on_the_tile_s_grid_and_hold_the_area(whole: Heard, place: Workshop) -> None:
    grids = {grid_of(str(path)) for path in (place.folder / "out").glob("*.tif")}
    (crs, transform, shape), *others = grids

    assert not others
    assert crs.to_string() == UTM
    assert (transform.a, transform.e) == (10, -10)
    assert (transform.c - WEST) % 10 == 0
    assert (NORTH - transform.f) % 10 == 0
    left, bottom, right, top = rasterio.warp.transform_bounds("EPSG:4326", UTM, *AREA)
    assert transform.c <= left < transform.c + 10
    assert transform.f - 10 < top <= transform.f
    assert shape == (np.ceil((transform.f - bottom) / 10), np.ceil((right - transform.c) / 10))


def test_pixels_that_coincide_are_the_source_s_across_tiles(whole: Heard, place: Workshop) -> None:
    path = place.path("out/optical.tif")
    numbers, part = place.read(path), window(path)
    for index, band in enumerate(list(BANDS)[:4]):
        np.testing.assert_array_equal(numbers[index], source(f"S2_{{tile}}_2020-06-01_{band}")[part])
    radar = place.read("out/sar.tif")
    np.testing.assert_array_equal(radar[1], source("S1_{tile}_2020-06-04_15_vh", dtype="float32")[part])


def test_a_coarser_band_is_interpolated_between_its_own_values(whole: Heard, place: Workshop) -> None:
    path = place.path("out/optical.tif")
    rows, columns = window(path)
    coarse = source("S2_{tile}_2020-06-01_B11", 20).astype(np.float64)
    found = place.read(path)[4]

    inner = found[10:20, 10:20]
    around = coarse[(rows.start + 10) // 2 - 1 : (rows.start + 20) // 2 + 2][
        :, (columns.start + 10) // 2 - 1 : (columns.start + 20) // 2 + 2
    ]
    assert around.min() <= inner.min() < inner.max() <= around.max()
    row, column = rows.start + 12, columns.start + 12
    at = ((row + 0.5) / 2 - 0.5, (column + 0.5) / 2 - 0.5)
    top, left = int(np.floor(at[0])), int(np.floor(at[1]))
    down, right = at[0] - top, at[1] - left
    four = coarse[top : top + 2, left : left + 2]
    expected = np.array([1 - down, down]) @ four @ np.array([1 - right, right])
    assert found[12, 12] == pytest.approx(expected, abs=1)


def test_the_program_knows_day_offset_bands_and_level(whole: Heard, place: Workshop) -> None:
    optical = open_optical(place.path("out/optical.tif"), None, None, None, lambda *_: None)

    assert (str(optical.product.day), optical.level) == ("2020-06-01", "L2A")
    assert optical.bands == ("B2", "B3", "B4", "B8", "B11")
    np.testing.assert_allclose(optical.scaling.scale, 1e-4)
    np.testing.assert_allclose(optical.scaling.shift, -0.1)
    assert optical.raster.nodata == 0
    assert optical.raster.tags["STAC_ITEMS"] == "S2_0_2020-06-01 S2_1_2020-06-01"
    assert optical.raster.tags["LICENCE"] == "CC-BY-4.0"


def test_clouds_are_removed_with_what_was_fetched(whole: Heard, place: Workshop) -> None:
    mask = np.zeros((1, *grid_of(place.path("out/optical.tif"))[2]), np.uint8)
    mask[0, 40:80, 60:120] = 1
    with rasterio.open(place.path("out/optical.tif")) as file:
        path = place.raster("mask.tif", mask, crs=file.crs, transform=file.transform)
    out = place.folder / "out"
    heard = place.run(
        RemoveClouds(
            "1", str(out / "optical.tif"), str(out / "clear.tif"), sar=str(out / "sar.tif"), mask=path,
            dates=[str(out / "date_2020-06-21.tif")], device="cpu",
        )
    )  # fmt: skip

    assert heard.last.output == str(out / "clear.tif"), heard.last
    before, after = place.read("out/optical.tif"), place.read("out/clear.tif")
    clear = mask[0] == 0
    np.testing.assert_array_equal(before[:, clear], after[:, clear])
    assert (before != after)[:, 50:70, 70:110].any()
    assert "sar.tif: VV is band 1, VH band 2, in linear power" in heard.logs("info")
    assert "Not every image tells its day" not in heard.logs("warning")


def test_a_second_run_keeps_what_is_whole_and_fetches_the_rest(fetched: Fetch, world: World, shop: Workshop) -> None:
    fetched()
    before = shop.contents()
    damaged = shop.folder / "out/sar.tif"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    (shop.folder / "out/date_2020-07-21.tif").unlink()
    times = {name: (shop.folder / name).stat().st_mtime_ns for name in ("out/optical.tif", "out/sar.tif")}
    heard = fetched()

    assert shop.contents() == before
    assert "optical.tif is there already, whole, and is kept." in heard.logs("info")
    assert "sar.tif was changed or damaged" in heard.logs("warning")
    assert (shop.folder / "out/optical.tif").stat().st_mtime_ns == times["out/optical.tif"]
    assert (shop.folder / "out/sar.tif").stat().st_mtime_ns != times["out/sar.tif"]


def test_a_file_of_another_job_is_not_replaced_unless_allowed(fetched: Fetch, shop: Workshop) -> None:
    fetched(sar=False, dates=0)
    before = shop.contents()
    other = bbox(120, 220, 380, 60)
    refused = fetched(sar=False, dates=0, bbox=other).last

    assert (refused.code, shop.contents()) == ("output", before)
    assert "is not what this job would fetch" in refused.message
    assert fetched(sar=False, dates=0, bbox=other, overwrite=True).last.output
    assert shop.contents() != before


def test_radar_and_dates_are_found_for_an_image(fetched: Fetch, shop: Workshop) -> None:
    numbers = Workshop.numbers(3, 90, 110)
    image = shop.raster(
        "mine_20200603.tif", numbers, west=WEST + 1003, north=NORTH - 507, descriptions=("B4", "B3", "B2")
    )
    heard = fetched(like=image, dates=2)
    out = shop.folder / "out"

    assert sorted(path.name for path in out.glob("*.tif")) == ["date_2020-06-21.tif", "date_2020-07-21.tif", "sar.tif"]
    assert {grid_of(str(path)) for path in out.glob("*.tif")} == {grid_of(image)}
    with rasterio.open(out / "date_2020-06-21.tif") as file:
        assert file.descriptions == ("B4", "B3", "B2")
    assert json.loads(Path(heard.last.output).read_text())["command"][2] == image


def test_a_day_after_the_file_counts(fetched: Fetch, shop: Workshop) -> None:
    image = shop.raster("mine.tif", Workshop.numbers(4, 60, 60), west=WEST + 1000, north=NORTH - 500)
    assert "does not tell its day" in fetched(like=image).last.message
    heard = fetched(like=f"{image}@2020-05-23", dates=0)
    assert "2020-05-25 (100% of the area): S1_0_2020-05-25_15" in heard.logs("info")


def test_all_pages_are_read_by_either_method(fetched: Fetch, world: World, shop: Workshop) -> None:
    expected = None
    for posts in (True, False):
        world.page, world.posts = 2, posts
        heard = fetched(overwrite=True)
        record = json.loads(Path(heard.last.output).read_text())
        assert expected in (None, record)
        expected = record
    methods = {request.split()[0] for request in world.requests if "/search" in request}
    assert methods == {"POST", "GET"}
    assert expected is not None
    assert expected["dates"] == ["date_2020-07-21.tif"]


def test_where_no_tile_reaches_there_is_nodata(fetched: Fetch, shop: Workshop) -> None:
    heard = fetched(bbox=bbox(-50, 100, 100, 20), sar=False, dates=0)
    numbers = shop.read("out/optical.tif")

    assert "optical.tif covers 69% of the area; beyond it there are no values." in heard.logs("warning")
    assert (numbers[:, :, :45] == 0).all()
    assert (numbers[:, 5:-5, 60:] > 0).all()


def test_the_offset_is_what_the_item_says(fetched: Fetch, world: World, shop: Workshop) -> None:
    for day, fields, properties in (
        ("2021-03-01", {}, {"s2:processing_baseline": "02.12"}),
        ("2022-03-01", {}, {"s2:processing_baseline": "04.00", "earthsearch:boa_offset_applied": True}),
        ("2023-03-01", {"raster:bands": [{"scale": 0.0001, "offset": -0.1}]}, {}),
        ("2024-03-01", {"bands": [{"name": "x"}], "raster:scale": 0.0001, "raster:offset": -0.05}, {}),
        ("2025-03-01", {}, {}),
    ):
        item = make_item(world, OPTICAL, f"S2_{day}", day, 0, **properties)
        for band in ("B02", "B03", "B04"):
            add_asset(world, item, band, write_file(world.folder, f"new_{day}_{band}", 0), **fields)
    found = {}
    for year in range(2021, 2026):
        heard = fetched(
            bbox=bbox(20, 60, 60, 20), day=f"{year}-03-01", sar=False, dates=0, overwrite=True, within_days=2
        )
        optical = open_optical(shop.path("out/optical.tif"), None, None, None, lambda *_: None)
        found[year] = float(optical.scaling.shift[0]), "does not say how its numbers are meant" in heard.logs("warning")

    assert found == {
        2021: (0.0, False),
        2022: (0.0, False),
        2023: (pytest.approx(-0.1), False),
        2024: (pytest.approx(-0.05), False),
        2025: (0.0, True),
    }


def test_the_same_measurement_processed_again_counts_once(fetched: Fetch, world: World, shop: Workshop) -> None:
    add_optical(world, "2020-06-01", 80, baseline="02.09")
    for old, new in zip(world.items[-2:], world.items[:2], strict=True):
        old["id"] = f"old_{new['id']}"
    fetched(sar=False, dates=0)
    record = json.loads((shop.folder / "out/fetch.json").read_text())
    assert record["files"]["optical.tif"]["items"] == ["S2_0_2020-06-01", "S2_1_2020-06-01"]
