"""Images of any grid meet on that of the optical image, and the log says what was made of them."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform_bounds

from unclouded.backend import scene as scenes
from unclouded.backend.errors import InputError, NoData, NoOverlap, UncalibratedSar, UnknownBands, UsageError
from unclouded.backend.tiling import Window

# The product hides it once for all when it is loaded, see raster.py; pytest shows it again.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

HEIGHT, WIDTH = 70, 90


class Log(list[tuple[str, str]]):
    """What was said."""

    def __call__(self, level: str, text: str) -> None:
        self.append((level, text))

    def at(self, level: str) -> str:
        return "\n".join(text for said, text in self if said == level)


@pytest.fixture
def log() -> Log:
    return Log()


def open_optical(path: str, log: Log, **options: Any) -> scenes.Optical:
    return scenes.open_optical(path, **({"bands": None, "level": None, "offset": None} | options), log=log)


def open_scene(optical: scenes.Optical, log: Log, **options: Any) -> scenes.Scene:
    return scenes.open_scene(optical, **({"sar": None, "dates": [], "bbox": None} | options), log=log)


@pytest.fixture
def optical(shop: Any) -> scenes.Optical:
    return open_optical(shop.raster("optical_20200601.tif", shop.numbers(4, HEIGHT, WIDTH)), Log())


def backscatter(height: int, width: int) -> np.ndarray:
    """(2, H, W) VV and VH in dB, smooth."""
    rows, columns = np.mgrid[:height, :width]
    wave = 3 * np.sin(rows / 9) * np.cos(columns / 7)
    return np.stack([-11 + wave, -18 + wave]).astype(np.float32)


def whole(reader: Any, scene: scenes.Scene) -> Any:
    return reader.read(Window(0, 0, scene.grid.height, scene.grid.width))


def read_sar(scene: scenes.Scene) -> np.ndarray:
    with scenes.SarReader(scene, scene.sar) as reader:
        return whole(reader, scene)


@pytest.mark.parametrize(
    ("dtype", "factor", "tags", "options", "said"),
    [
        ("uint16", 10_000, {}, {}, "reflectance = DN / 10000, no offset"),
        ("int16", 10_000, {}, {}, "reflectance = DN / 10000, no offset"),
        ("float32", 1, {}, {}, "taken as reflectance"),
        ("float32", 10_000, {}, {}, "reflectance = DN / 10000"),
        ("uint8", 255, {"alpha": "no"}, {}, "8 bit"),
        ("uint16", 1000, {"scales": [1e-3] * 4}, {}, "from the file's scale and offset"),
        ("uint16", 10_000, {}, {"offset": 0.0}, "(DN +0) / 10000"),
    ],
)
def test_reflectance_comes_from_any_type(
    shop: Any, log: Log, dtype: str, factor: float, tags: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    truth = shop.land(4, HEIGHT, WIDTH)
    scaled = truth * factor
    values = scaled.astype(dtype) if dtype.startswith("float") else np.rint(scaled).astype(dtype)
    optical = open_optical(shop.raster("a.tif", values, **tags), log, **options)

    with scenes.OpticalReader(optical, optical.raster.grid, warped=False) as reader:
        pixels = reader.read(Window(0, 0, HEIGHT, WIDTH))

    assert pixels.valid.all()
    np.testing.assert_array_equal(pixels.digital_numbers, values)
    np.testing.assert_allclose(pixels.reflectance, truth, atol=0.6 / min(factor, 10_000) if factor > 1 else 1e-6)
    assert said in log.at("info")


def test_one_nan_does_not_poison_its_neighbours(shop: Any, log: Log) -> None:
    values = shop.land(3, 20, 20).astype(np.float32)
    values[1, 5, 6] = np.nan
    values[:, 9, 9] = np.inf
    optical = open_optical(shop.raster("a.tif", values, descriptions=["B2", "B3", "B4"]), log)

    with scenes.OpticalReader(optical, optical.raster.grid, warped=False) as reader:
        pixels = reader.read(Window(0, 0, 20, 20))

    expected = np.ones((20, 20), bool)
    expected[[5, 9], [6, 9]] = False
    np.testing.assert_array_equal(pixels.valid, expected)
    np.testing.assert_array_equal(pixels.reflectance, np.where(expected, values, 0))


def test_a_zero_in_one_band_is_a_number_and_in_all_is_nodata(shop: Any, log: Log) -> None:
    values = shop.numbers(3, 20, 20)
    values[0, 5, 6] = 0
    values[:, 9, 9] = 0
    optical = open_optical(shop.raster("a.tif", values), log)

    with scenes.OpticalReader(optical, optical.raster.grid, warped=False) as reader:
        pixels = reader.read(Window(0, 0, 20, 20))

    assert pixels.valid[5, 6]
    assert not pixels.valid[9, 9]
    assert pixels.valid.sum() == 399


def test_the_log_says_how_bands_and_level_were_found(shop: Any, log: Log) -> None:
    open_optical(shop.raster("a.tif", shop.numbers(4, 8, 8)), log)

    said = log.at("info")
    assert "a.tif" in said
    assert "B2, B3, B4, B8" in said
    assert "L2A by its bands" in said


@pytest.mark.parametrize("count", [1, 2, 5, 14])
def test_a_wrong_number_of_bands_is_refused(shop: Any, log: Log, count: int) -> None:
    with pytest.raises(UnknownBands, match=rf"The {count} band\(s\)"):
        open_optical(shop.raster("a.tif", shop.numbers(count, 8, 8)), log)


@pytest.mark.parametrize("unit", ["dB", "linear"])
def test_sar_on_the_same_grid_is_read_in_decibels(shop: Any, optical: scenes.Optical, log: Log, unit: str) -> None:
    truth = backscatter(HEIGHT, WIDTH)
    stored = truth if unit == "dB" else 10 ** (truth / 10)
    scene = open_scene(optical, log, sar=shop.raster("s1.tif", stored))

    np.testing.assert_allclose(read_sar(scene), truth, atol=1e-4)
    assert unit in log.at("info")
    assert not log.at("warning")


def test_sar_of_another_system_is_warped_as_gdal_does(shop: Any, optical: scenes.Optical, log: Log) -> None:
    grid = optical.raster.grid
    west, south, east, north = transform_bounds(grid.crs, "EPSG:4326", *grid.extent)
    step = 0.00013
    size = int((north - south) / step) + 20, int((east - west) / step) + 20
    stored = backscatter(*size)
    path = shop.raster("s1.tif", stored, crs="EPSG:4326", west=west - 10 * step, north=north + 10 * step, step=step)
    expected = np.empty((2, HEIGHT, WIDTH), np.float32)
    with rasterio.open(path) as dataset:
        reproject(
            stored,
            expected,
            src_transform=dataset.transform,
            src_crs=dataset.crs,
            dst_transform=grid.transform,
            dst_crs=grid.crs,
            src_nodata=np.nan,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
            tolerance=0,
        )

    got = read_sar(open_scene(optical, log, sar=path))

    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, expected, atol=0.1)


def test_sar_that_covers_a_part_is_missing_elsewhere_and_it_is_said(
    shop: Any, optical: scenes.Optical, log: Log
) -> None:
    truth = backscatter(HEIGHT, 40)
    path = shop.raster("s1.tif", np.where(np.arange(40) == 7, np.nan, truth).astype(np.float32), west=600_300)
    got = read_sar(open_scene(optical, log, sar=path))

    missing = np.ones((2, HEIGHT, WIDTH), bool)
    missing[:, :, 30:70] = False
    missing[:, :, 37] = True
    np.testing.assert_array_equal(np.isnan(got), missing)
    np.testing.assert_array_equal(got[~missing], np.delete(truth, 7, 2).ravel())
    assert "covers a part of the area" in log.at("warning")


def test_polarisations_are_put_in_order(shop: Any, optical: scenes.Optical, log: Log) -> None:
    truth = backscatter(HEIGHT, WIDTH)
    path = shop.raster("s1.tif", truth[::-1], descriptions=["Gamma0_VH", "Gamma0_VV"])

    np.testing.assert_array_equal(read_sar(open_scene(optical, log, sar=path)), truth)
    assert "VV is band 2" in log.at("info")


@pytest.mark.parametrize(
    ("values", "options", "kind", "words"),
    [
        (np.full((2, 20, 20), 150, np.uint16), {}, UncalibratedSar, "median is 150"),
        (np.full((1, 20, 20), -11, np.float32), {}, InputError, "has 1 band; VV and VH were expected"),
        (np.full((2, 20, 20), np.nan, np.float32), {}, NoData, "no measured pixel"),
        (
            np.full((2, 20, 20), -11, np.float32),
            {"west": 900_000},
            NoOverlap,
            r"covers \[900000, .*\], the optical image",
        ),
        (np.full((2, 20, 20), -11, np.float32), {"crs": None}, InputError, "20 x 20 px, the optical image 90 x 70 px"),
    ],
)
def test_sar_that_cannot_serve_is_refused(
    shop: Any,
    optical: scenes.Optical,
    log: Log,
    values: np.ndarray,
    options: dict[str, Any],
    kind: type[Exception],
    words: str,
) -> None:
    path = shop.raster("s1.tif", values, **options)

    with pytest.raises(kind, match=words):
        open_scene(optical, log, sar=path)


def test_sar_straight_from_the_archive_is_refused(shop: Any, optical: scenes.Optical, log: Log) -> None:
    corners = [(0, 0), (0, 30), (30, 0), (30, 30)]
    points = [rasterio.control.GroundControlPoint(r, c, 10.3 + c * 1e-4, 46.0 - r * 1e-4) for r, c in corners]
    path = shop.raster("s1.tif", np.full((2, 30, 30), 150, np.uint16), crs=None)
    with rasterio.open(path, "r+") as dataset:
        dataset.gcps = (points, rasterio.crs.CRS.from_epsg(4326))

    with pytest.raises(UncalibratedSar, match="ground control points") as error:
        open_scene(optical, log, sar=path)
    assert "terrain-correct" in error.value.hint


def test_a_date_of_another_grid_is_warped_bilinearly(shop: Any, optical: scenes.Optical, log: Log) -> None:
    values = shop.numbers(4, 60, 60)
    path = shop.raster("date.tif", values, west=600_005, north=5_099_995)
    scene = open_scene(optical, log, dates=[path])

    with scenes.OpticalReader(scene.dates[0], scene.grid, warped=True) as reader:
        pixels = whole(reader, scene)

    shifted = values / 10_000
    mean = (shifted[:, :-1, :-1] + shifted[:, 1:, :-1] + shifted[:, :-1, 1:] + shifted[:, 1:, 1:]) / 4
    np.testing.assert_allclose(pixels.reflectance[:, 1:60, 1:60], mean, atol=1e-4)
    assert pixels.valid[1:60, 1:60].all()
    assert not pixels.valid[:, 62:].any()


def test_a_date_with_more_bands_in_another_order_gives_those_of_the_image(
    shop: Any, optical: scenes.Optical, log: Log
) -> None:
    values = shop.numbers(6, HEIGHT, WIDTH)
    names = ["B8A", "B8", "B4", "B3", "B2", "B1"]
    scene = open_scene(optical, log, dates=[shop.raster("date.tif", values, descriptions=names)])

    with scenes.OpticalReader(scene.dates[0], scene.grid, warped=True) as reader:
        np.testing.assert_array_equal(whole(reader, scene).digital_numbers, values[[4, 3, 2, 1]])


def test_a_date_that_lacks_bands_is_refused_by_their_names(shop: Any, optical: scenes.Optical, log: Log) -> None:
    path = shop.raster("date.tif", shop.numbers(3, 20, 20), descriptions=["B2", "B3", "B5"])

    with pytest.raises(InputError, match="has the bands B2, B3, B5 and lacks B4, B8"):
        open_scene(optical, log, dates=[path])


def test_days_come_from_names_and_from_what_the_user_says(shop: Any, optical: scenes.Optical, log: Log) -> None:
    a = shop.raster("a_20200521.tif", shop.numbers(4, HEIGHT, WIDTH))
    b = shop.raster("b.tif", shop.numbers(4, HEIGHT, WIDTH))
    scene = open_scene(optical, log, dates=[a, f"{b}@2020-07-01", f"{a}@2019-06-01"])

    assert scene.days == (-11.0, 30.0, -366.0)
    assert scene.dates[1].product.day == datetime.date(2020, 7, 1)
    assert not log.at("warning")


def test_without_a_day_the_order_counts_and_the_log_warns(shop: Any, optical: scenes.Optical, log: Log) -> None:
    paths = [shop.raster(name, shop.numbers(4, HEIGHT, WIDTH)) for name in ("a_20200521.tif", "b.tif")]
    scene = open_scene(optical, log, dates=paths)

    assert scene.days == (1.0, 2.0)
    assert "in the order given" in log.at("warning")
    assert "FILE@2020-06-01" in log.at("warning")


def test_without_georeference_a_warning_says_that_pixels_are_taken_to_coincide(shop: Any, log: Log) -> None:
    optical = open_optical(shop.raster("o.tif", shop.numbers(4, HEIGHT, WIDTH), crs=None), log)
    date, truth = shop.numbers(4, HEIGHT, WIDTH, seed=1), backscatter(HEIGHT, WIDTH)
    scene = open_scene(
        optical, log, sar=shop.raster("s.tif", truth, crs=None), dates=[shop.raster("d.tif", date, crs=None)]
    )

    assert "no georeference" in log.at("warning")
    np.testing.assert_array_equal(read_sar(scene), truth)
    with contextlib.ExitStack() as stack:
        _, _, (reader,) = scenes.open_readers(stack, scene)
        np.testing.assert_array_equal(whole(reader, scene).digital_numbers, date)


def test_an_area_keeps_context_around_it(shop: Any, log: Log) -> None:
    optical = open_optical(shop.raster("o.tif", shop.numbers(4, 400, 500)), log)
    scene = open_scene(optical, log, bbox=[602_000, 5_097_000, 602_100, 5_097_500])

    assert scene.area == Window(scenes.CONTEXT_PX, scenes.CONTEXT_PX, 50, 10)
    assert scene.grid.crop(scene.area).extent == (602_000, 5_097_000, 602_100, 5_097_500)


def test_an_area_is_cut_to_the_image(shop: Any, log: Log) -> None:
    optical = open_optical(shop.raster("o.tif", shop.numbers(4, 40, 50)), log)
    scene = open_scene(optical, log, bbox=[500_000, 5_099_800, 600_100, 9_000_000])

    assert scene.grid.crop(scene.area).extent == (600_000, 5_099_800, 600_100, 5_100_000)


@pytest.mark.parametrize(
    "bbox",
    [[1, 2, 3], [10, 0, 5, 5], [0, 10, 5, 5], [0, 0, 0, 0], [float("nan"), 0, 1, 1], [0, 0, float("inf"), 1]],
)
def test_an_area_that_is_none_is_refused(optical: scenes.Optical, log: Log, bbox: list[float]) -> None:
    with pytest.raises(UsageError, match="xmin ymin xmax ymax were expected"):
        open_scene(optical, log, bbox=bbox)


def test_an_area_outside_names_where_the_image_lies(optical: scenes.Optical, log: Log) -> None:
    with pytest.raises(InputError, match=r"outside the optical image, which covers \[600000"):
        open_scene(optical, log, bbox=[0, 0, 10, 10])
