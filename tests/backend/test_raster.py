"""Windows are what GDAL reads of the whole; other grids are what GDAL warps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.warp import reproject, transform_bounds

from unclouded.backend.errors import InputError, NoOverlap, UnreadableRaster
from unclouded.backend.raster import Grid, Reader, open_raster
from unclouded.backend.tiling import Window, tiles

# The product hides it once for all when it is loaded, see raster.py; pytest shows it again.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

GRID = Grid(CRS.from_epsg(32632), Affine(10, 0, 600_000, 0, -10, 5_100_000), 80, 60)


def read_in_tiles(reader: Reader, grid: Grid, tile_px: int) -> tuple[np.ndarray, np.ndarray]:
    parts = [(window, *reader.read(window)) for window in tiles(grid.height, grid.width, tile_px)]
    shape = (len(parts[0][1]), grid.height, grid.width)
    values, missing = np.zeros(shape, parts[0][1].dtype), np.ones(shape, bool)
    for window, part, lost in parts:
        where = (slice(None), *window.slices_in(Window(0, 0, grid.height, grid.width)))
        values[where], missing[where] = part, lost
    return values, missing


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("tile_px", [7, 33, 1000])
def test_windows_put_together_are_the_file(shop: Any, dtype: str, tile_px: int) -> None:
    values = np.random.default_rng(0).integers(0, 200, (3, 45, 61)).astype(dtype)
    raster = open_raster(shop.raster("a.tif", values))

    with Reader(raster, raster.grid, Resampling.nearest) as reader:
        got, _ = read_in_tiles(reader, raster.grid, tile_px)

    assert got.dtype == dtype
    np.testing.assert_array_equal(got, values)


@given(st.integers(-70, 90), st.integers(-70, 90), st.integers(1, 80), st.integers(1, 80))
@settings(max_examples=40, deadline=None)
def test_what_lies_beyond_the_file_is_missing(module_shop: Any, row: int, column: int, height: int, width: int) -> None:
    values = np.random.default_rng(0).integers(1, 200, (1, 45, 61)).astype(np.uint16)
    raster = open_raster(module_shop.raster("a.tif", values))
    around = np.pad(values, ((0, 0), (70, 130), (70, 130)))

    with Reader(raster, raster.grid, Resampling.nearest) as reader:
        got, missing = reader.read(Window(row, column, height, width))

    expected = around[:, row + 70 : row + 70 + height, column + 70 : column + 70 + width]
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(missing, expected == 0)


@pytest.mark.parametrize(
    ("dtype", "nodata", "numbers", "missing"),
    [
        ("uint16", 7, [7, 0, 65535], [True, False, False]),
        ("uint16", None, [7, 0, 65535], [False, True, False]),
        ("uint8", None, [7, 0, 255], [False, False, False]),
        ("int16", -9999, [-9999, 0, 5], [True, False, False]),
        ("float32", None, [np.nan, 0, 5], [True, False, False]),
        ("float32", -9999, [-9999, 0, np.nan], [True, False, True]),
        ("float32", float("nan"), [np.nan, 0, 5], [True, False, False]),
        ("float32", -3.4028234663852886e38, [-3.4028234663852886e38, 0, 5], [True, False, False]),
    ],
)
def test_nodata_is_missing(
    shop: Any, dtype: str, nodata: float | None, numbers: list[float], missing: list[bool]
) -> None:
    values = np.array(numbers, dtype)[None, None]
    raster = open_raster(shop.raster("a.tif", values, nodata=nodata))

    with Reader(raster, raster.grid, Resampling.nearest) as reader:
        got, lost = reader.read(Window(0, 0, 1, 3))

    np.testing.assert_array_equal(got, values)
    np.testing.assert_array_equal(lost[0, 0], missing)


@pytest.mark.parametrize("nodata", [-9999, 70000, 0.5, float("nan")])
def test_a_nodata_value_that_the_type_cannot_hold_marks_nothing(shop: Any, nodata: float) -> None:
    values = np.full((1, 4, 4), 9, np.uint16)
    path = shop.raster("a.tif", values)
    wrapped = shop.folder / "a.vrt"
    rasterio.shutil.copy(path, wrapped, driver="VRT")
    marked = f"<NoDataValue>{nodata}</NoDataValue><ColorInterp>"
    wrapped.write_text(wrapped.read_text().replace("<ColorInterp>", marked))
    raster = open_raster(str(wrapped))

    with Reader(raster, raster.grid, Resampling.nearest) as reader:
        got, missing = reader.read(Window(-1, -1, 6, 6))

    assert (got[:, 1:5, 1:5] == 9).all()
    assert not missing[:, 1:5, 1:5].any()
    assert missing.sum() == 20


@pytest.mark.parametrize("resampling", [Resampling.nearest, Resampling.bilinear])
@pytest.mark.parametrize(("crs", "step"), [("EPSG:32632", 20), ("EPSG:32633", 12), ("EPSG:4326", 1e-4)])
def test_other_grids_are_warped_as_gdal_does(shop: Any, crs: str, step: float, resampling: Resampling) -> None:
    west, south, east, north = transform_bounds(GRID.crs, crs, *GRID.extent)
    margin = 5 * step
    size = int((north - south + 2 * margin) / step), int((east - west + 2 * margin) / step)
    values = shop.land(2, *size).astype(np.float32)
    path = shop.raster("other.tif", values, crs=crs, west=west - margin, north=north + margin, step=step)
    expected = np.full((2, GRID.height, GRID.width), np.nan, np.float32)
    with rasterio.open(path) as dataset:
        reproject(
            values,
            expected,
            src_transform=dataset.transform,
            src_crs=dataset.crs,
            dst_transform=GRID.transform,
            dst_crs=GRID.crs,
            src_nodata=np.nan,
            dst_nodata=np.nan,
            resampling=resampling,
            tolerance=0,
        )

    with Reader(open_raster(path), GRID, resampling) as reader:
        got, missing = read_in_tiles(reader, GRID, 25)

    # GDAL approximates the way between two systems to an eighth of a pixel; nearest may take the neighbour there.
    close = np.isclose(got, expected, atol=0.003, equal_nan=True)
    assert close.mean() > (0.97 if resampling == Resampling.nearest else 0.999)
    np.testing.assert_array_equal(missing, np.isnan(got))


@pytest.mark.parametrize("tile_px", [11, 32])
def test_warped_windows_agree_with_the_warped_whole(shop: Any, tile_px: int) -> None:
    path = shop.raster("a.tif", shop.numbers(1, 90, 110), crs="EPSG:32633", west=132_800, north=5_120_500, step=13)
    west, _, _, north = transform_bounds("EPSG:32633", GRID.crs, *open_raster(path).grid.extent)
    grid = Grid(GRID.crs, Affine(10, 0, west, 0, -10, north), 120, 100)

    with Reader(open_raster(path), grid, Resampling.bilinear) as reader:
        whole, _ = reader.read(Window(0, 0, 100, 120))
        parts, _ = read_in_tiles(reader, grid, tile_px)

    assert (whole > 0).mean() > 0.5
    np.testing.assert_array_equal(parts, whole)


def test_a_part_of_a_grid_is_read_without_warping(shop: Any) -> None:
    values = shop.numbers(2, 60, 80)
    raster = open_raster(shop.raster("a.tif", values))
    part = raster.grid.crop(Window(13, 21, 30, 40))

    with Reader(raster, part, Resampling.bilinear) as reader:
        got, _ = reader.read(Window(0, 0, 30, 40))
        beyond, _ = reader.read(Window(-5, -5, 30, 40))

    np.testing.assert_array_equal(got, values[:, 13:43, 21:61])
    np.testing.assert_array_equal(beyond, values[:, 8:38, 16:56])


def test_windows_of_extents() -> None:
    assert GRID.extent == (600_000, 5_099_400, 600_800, 5_100_000)
    assert GRID.window_of(GRID.extent) == Window(0, 0, 60, 80)
    assert GRID.window_of((600_100, 5_099_900, 600_200, 5_099_950)) == Window(5, 10, 5, 10)
    assert GRID.window_of((600_101, 5_099_901, 600_109, 5_099_909)) == Window(9, 10, 1, 1)
    assert GRID.window_of((599_000, 0, 10**7, 10**7)) == Window(0, 0, 60, 80)
    assert GRID.window_of((600_800, 5_099_400, 600_900, 5_100_000)) is None
    assert GRID.crop(Window(5, 10, 5, 10)).extent == (600_100, 5_099_900, 600_200, 5_099_950)


@pytest.mark.parametrize(
    ("crs", "step", "metres"),
    [("EPSG:32632", 20, 20), ("EPSG:4326", 1e-4, 11.132), ("EPSG:2263", 10, 3.048), (None, 1, 10)],
)
def test_resolution_is_in_metres(crs: str | None, step: float, metres: float) -> None:
    grid = Grid(CRS.from_string(crs) if crs else None, Affine(step, 0, 0, 0, -step, 0), 10, 10)

    assert grid.resolution_m == pytest.approx(metres, rel=1e-3)


def test_no_overlap_names_both_places_in_the_optical_system(shop: Any) -> None:
    path = shop.raster("far.tif", shop.numbers(1, 20, 20), crs="EPSG:32633", west=400_000, north=5_600_000)

    places = r"The date .*far\.tif covers \[.*\], the optical image \[600000, 5099400, 600800, 5100000\]"
    with pytest.raises(NoOverlap, match=places):
        open_raster(path).check_overlap(GRID, "date")


def test_touching_is_no_overlap(shop: Any) -> None:
    raster = open_raster(shop.raster("next.tif", shop.numbers(1, 20, 20), west=600_800))

    with pytest.raises(NoOverlap):
        raster.check_overlap(GRID, "date")


def test_without_georeference_the_same_size_lies_on_the_same_pixels(shop: Any) -> None:
    same = open_raster(shop.raster("same.tif", shop.numbers(1, 60, 80), crs=None))
    other = open_raster(shop.raster("other.tif", shop.numbers(1, 60, 81), crs=None))

    assert same.placed_on(GRID, "date").grid == GRID
    with pytest.raises(InputError, match=r"is 81 x 60 px, the optical image 80 x 60 px"):
        other.placed_on(GRID, "date")


def test_an_alpha_band_is_no_measurement_unless_it_is_named(shop: Any) -> None:
    values = shop.numbers(4, 8, 8).astype(np.uint8)
    named = shop.raster("named.tif", values, descriptions=["B2", "B3", "B4", "B8"])
    display = shop.raster("display.tif", values, photometric="rgb", alpha="yes")
    with rasterio.open(named) as dataset:
        assert dataset.colorinterp[3] == ColorInterp.alpha

    assert len(open_raster(named).bands) == 4
    assert len(open_raster(display).bands) == 3


def test_radar_with_phases_is_refused_by_name(shop: Any) -> None:
    path = shop.raster("slc.tif", np.ones((2, 8, 8), np.complex64))

    with pytest.raises(UnreadableRaster, match=r"slc\.tif.*complex"):
        open_raster(path)


def test_a_rotated_grid_is_refused(shop: Any) -> None:
    path = shop.raster("rotated.tif", shop.numbers(1, 8, 8), transform=Affine(10, 3, 0, 3, -10, 0))

    with pytest.raises(InputError, match="rotated grid; a north-up one was expected"):
        open_raster(path)


def test_a_grid_with_south_up_is_read_as_it_lies(shop: Any) -> None:
    values = shop.numbers(1, 30, 20)
    raster = open_raster(shop.raster("south.tif", values, transform=Affine(10, 0, 600_000, 0, 10, 5_000_000)))
    part = raster.grid.crop(Window(4, 5, 10, 8))

    with Reader(raster, part, Resampling.nearest) as reader:
        np.testing.assert_array_equal(reader.read(Window(0, 0, 10, 8))[0], values[:, 4:14, 5:13])
    assert raster.grid.extent == (600_000, 5_000_000, 600_200, 5_000_300)
