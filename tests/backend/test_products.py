"""Folders, zips and single files become one raster with what their metadata says."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.enums import Resampling

from unclouded.backend.errors import InputError, UnreadableRaster
from unclouded.backend.products import open_product, split_day
from unclouded.backend.raster import Reader
from unclouded.backend.sensors import NAMES, SENTINEL2
from unclouded.backend.tiling import Window

# The product hides it once for all when it is loaded, see raster.py; pytest shows it again.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

RESOLUTION_M = {band.name: band.resolution_m for band in SENTINEL2}
SIDE = 120
"""Pixels of 10 m: divisible by 6, so that 60 m bands fit."""
LOSSLESS = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}


def padded(band: str) -> str:
    return band if band.endswith("A") else f"B{int(band[1:]):02}"


def coarse(shop: Any, band: str, resolution_m: int) -> np.ndarray:
    size = SIDE * 10 // resolution_m
    return shop.numbers(1, size, size, seed=NAMES.index(band) + 100 * resolution_m)


def at_10_m(values: np.ndarray) -> np.ndarray:
    factor = SIDE // values.shape[-1]
    return values.repeat(factor, -2).repeat(factor, -1)


def offsets(tag: str, values: list[int]) -> str:
    return "".join(f'<{tag} band_id="{i}">{value}</{tag}>' for i, value in enumerate(values))


def make_l1c(shop: Any, metadata: str) -> tuple[str, np.ndarray]:
    """Writes a product of level 1C.

    Returns:
        Its folder, and the values of all bands on the grid of 10 m.
    """
    name = "S2B_MSIL1C_20220611T100559_N0400_R022_T32TQM_20220611T121313.SAFE"
    folder = f"{name}/GRANULE/L1C_T32TQM_A027/IMG_DATA"
    bands = {band: coarse(shop, band, RESOLUTION_M[band]) for band in NAMES}
    for band, values in bands.items():
        shop.raster(f"{folder}/T32TQM_20220611T100559_{padded(band)}.jp2", values, step=RESOLUTION_M[band], **LOSSLESS)
    shop.raster(f"{folder}/T32TQM_20220611T100559_TCI.jp2", np.zeros((3, SIDE, SIDE), np.uint8), **LOSSLESS)
    shop.raster(f"{name}/GRANULE/L1C_T32TQM_A027/QI_DATA/MSK_DETFOO_B02.jp2", np.ones((1, 9, 9), np.uint8), **LOSSLESS)
    (shop.folder / name / "MTD_MSIL1C.xml").write_text(metadata)
    return shop.path(name), np.concatenate([at_10_m(values) for values in bands.values()])


def make_l2a(shop: Any, metadata: str) -> tuple[str, np.ndarray, np.ndarray]:
    """Writes a product of level 2A, in which bands occur at several resolutions.

    Returns:
        Its folder, the values of the 12 bands and of the scene classification on the grid of 10 m.
    """
    name = "S2A_MSIL2A_20230702T100601_N0509_R022_T32TQM_20230702T160000.SAFE"
    granule = f"{name}/GRANULE/L2A_T32TQM_A041"
    bands = {}
    for band in (band for band in NAMES if band != "B10"):
        for resolution_m in {RESOLUTION_M[band], 20, 60} if band in ("B2", "B5", "B12") else {RESOLUTION_M[band]}:
            values = coarse(shop, band, resolution_m)
            file = f"IMG_DATA/R{resolution_m}m/T32TQM_20230702T100601_{padded(band)}_{resolution_m}m.jp2"
            shop.raster(f"{granule}/{file}", values, step=resolution_m, **LOSSLESS)
            if resolution_m == RESOLUTION_M[band]:
                bands[band] = values
    scl = np.random.default_rng(0).integers(2, 12, (1, SIDE // 2, SIDE // 2)).astype(np.uint8)
    for resolution_m in (20, 60):
        part = scl[:, :: resolution_m // 20, :: resolution_m // 20]
        file = f"IMG_DATA/R{resolution_m}m/T32TQM_20230702T100601_SCL_{resolution_m}m.jp2"
        shop.raster(f"{granule}/{file}", part, step=resolution_m, **LOSSLESS)
    (shop.folder / name / "MTD_MSIL2A.xml").write_text(metadata)
    return shop.path(name), np.concatenate([at_10_m(values) for values in bands.values()]), at_10_m(scl)


def zipped(folder: str) -> str:
    path = Path(folder)
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        for file in sorted(path.rglob("*")):
            archive.write(file, file.relative_to(path.parent))
    return str(path.with_suffix(".zip"))


def everything(raster: Any, grid: Any = None) -> np.ndarray:
    grid = grid or raster.grid
    with Reader(raster, grid, Resampling.nearest) as reader:
        return reader.read(Window(0, 0, grid.height, grid.width))[0]


L1C = f"<root>{offsets('RADIO_ADD_OFFSET', [-1000] * 13)}</root>"
L2A = f"<root>{offsets('BOA_ADD_OFFSET', [-1000] * 13)}</root>"


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_product_of_level_1c(shop: Any, as_zip: bool) -> None:
    folder, values = make_l1c(shop, L1C)
    product = open_product(zipped(folder) if as_zip else folder)

    assert [band.description for band in product.raster.bands] == list(NAMES)
    assert (product.raster.grid.width, product.raster.grid.height, product.raster.grid.resolution_m) == (SIDE, SIDE, 10)
    assert (product.level, product.offset, product.scl) == ("L1C", -1000, None)
    assert product.day == datetime.date(2022, 6, 11)
    np.testing.assert_array_equal(everything(product.raster), values)


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_product_of_level_2a(shop: Any, as_zip: bool) -> None:
    folder, values, scl = make_l2a(shop, L2A)
    product = open_product(zipped(folder) if as_zip else folder)

    assert [band.description for band in product.raster.bands] == [name for name in NAMES if name != "B10"]
    assert (product.level, product.offset) == ("L2A", -1000)
    assert product.day == datetime.date(2023, 7, 2)
    np.testing.assert_array_equal(everything(product.raster), values)
    assert product.scl is not None
    assert product.scl.grid.resolution_m == 20
    np.testing.assert_array_equal(everything(product.scl, product.raster.grid), scl)


def test_an_older_product_has_no_offset(shop: Any) -> None:
    folder, _ = make_l1c(shop, "<root/>")

    assert open_product(folder).offset == 0


def test_offsets_that_differ_are_not_guessed(shop: Any) -> None:
    folder, _ = make_l1c(shop, f"<root>{offsets('RADIO_ADD_OFFSET', [-1000] * 12 + [-900])}</root>")

    with pytest.raises(InputError, match=r"different offsets for its bands: \[-1000\.0, -900\.0\]") as error:
        open_product(folder)

    assert "offset" in error.value.hint


@pytest.mark.parametrize("names", ["{}.tif", "crop_{}.tif", "T32TQM_20200601T100559_{}_10m.tiff", "inner/{}.tif"])
def test_a_folder_of_band_files(shop: Any, names: str) -> None:
    values = shop.numbers(3, 40, 50)
    for band, value in zip(("B08", "b02", "B8A"), values, strict=True):
        shop.raster("bands/" + names.format(band), value[None])
    product = open_product(shop.path("bands"))

    assert [band.description for band in product.raster.bands] == ["B2", "B8", "B8A"]
    assert (product.level, product.offset) == (None, None)
    np.testing.assert_array_equal(everything(product.raster), values[[1, 0, 2]])


def test_bands_without_georeference_and_of_different_sizes_are_refused(shop: Any) -> None:
    shop.raster("bands/B02.tif", shop.numbers(1, 40, 40), crs=None)
    shop.raster("bands/B05.tif", shop.numbers(1, 20, 20), crs=None)

    with pytest.raises(InputError, match=r"B05\.tif is 20 x 20 px"):
        open_product(shop.path("bands"))


@pytest.mark.parametrize("sensor", ["LC08_L2SP_193028_20200601_20200825_02_T1_SR", "LE07_L1TP_193028_20000601_01_T1"])
def test_files_of_another_sensor_are_not_taken_for_sentinel_2(shop: Any, sensor: str) -> None:
    for number in (2, 3, 4, 5):
        shop.raster(f"bands/{sensor}_B{number}.TIF", shop.numbers(1, 20, 20))

    with pytest.raises(InputError, match="Landsat"):
        open_product(shop.path("bands"))


def test_a_folder_with_two_images_is_refused(shop: Any) -> None:
    for day in ("20200601", "20200611"):
        shop.raster(f"bands/T32TQM_{day}_B02.tif", shop.numbers(1, 20, 20))

    with pytest.raises(InputError, match=r"2 files for B2: T32TQM_20200601_B02\.tif, T32TQM_20200611_B02\.tif"):
        open_product(shop.path("bands"))


@pytest.mark.parametrize("kind", ["empty", "other files", "zip"])
def test_a_place_without_band_files_is_refused_with_what_was_expected(shop: Any, kind: str) -> None:
    path = shop.folder / "place"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "hello")
    else:
        path.mkdir()
        if kind == "other files":
            (path / "readme.txt").write_text("hello")

    with pytest.raises(InputError, match=r"place holds no band files: names that end in _B02\.jp2.* were expected"):
        open_product(str(path))


def test_a_zip_whose_metadata_is_damaged_is_refused(shop: Any) -> None:
    folder, _ = make_l1c(shop, L1C)
    path = Path(zipped(folder))
    content = path.read_bytes()
    path.write_bytes(content.replace(b'<RADIO_ADD_OFFSET band_id="3">', b'<RADIO_ADD_OFFSET band_id="4">', 1))

    with pytest.raises(UnreadableRaster, match=r"\.zip"):
        open_product(str(path))


def test_a_zip_that_is_cut_off_is_refused(shop: Any) -> None:
    folder, _ = make_l1c(shop, L1C)
    path = Path(zipped(folder))
    path.write_bytes(path.read_bytes()[:-2000])

    with pytest.raises(UnreadableRaster, match=r"\.zip"):
        open_product(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRaster, match=r"missing\.tif .*no such file"):
        open_product(str(tmp_path / "missing.tif"))


@pytest.mark.parametrize(
    ("name", "tags", "day"),
    [
        ("a.tif", {}, None),
        ("S2A_MSIL1C_20200601T100559_N0209.tif", {}, (2020, 6, 1)),
        ("scene_2019-12-31_clip.tif", {}, (2019, 12, 31)),
        ("2021_02_03.tif", {}, (2021, 2, 3)),
        ("20200601100559.tif", {}, (2020, 6, 1)),
        ("tile_20201345.tif", {}, None),
        ("x_120200601.tif", {}, None),
        ("S2_20200230.tif", {}, None),
        ("crop_20481012.tif", {}, None),
        ("a_20200601.tif", {"ACQUISITION_DATE": "2018-05-04T10:00:00Z"}, (2018, 5, 4)),
        ("a.tif", {"datetime": "2018-05-04"}, (2018, 5, 4)),
        ("a.tif", {"PRODUCT_START_TIME": "2017-01-02T10:00:00.000Z", "DATE": "2016-01-01"}, (2017, 1, 2)),
        ("a.tif", {"TIFFTAG_DATETIME": "2024:01:01 00:00:00"}, None),
    ],
)
def test_the_day_comes_from_a_tag_or_else_from_the_name(
    shop: Any, name: str, tags: dict[str, str], day: tuple[int, int, int] | None
) -> None:
    product = open_product(shop.raster(name, shop.numbers(1, 8, 8), tags=tags))

    assert product.day == (datetime.date(*day) if day else None)


def test_a_day_after_an_at(tmp_path: Path) -> None:
    with_at = tmp_path / "b@2020-06-01"
    with_at.write_text("")

    assert split_day("a.tif@2020-06-01") == ("a.tif", datetime.date(2020, 6, 1))
    assert split_day("a.tif") == ("a.tif", None)
    assert split_day(str(with_at)) == (str(with_at), None)
    assert split_day(f"{with_at}@2021-01-01") == (str(with_at), datetime.date(2021, 1, 1))


@pytest.mark.parametrize("spec", ["a.tif@yesterday", "a.tif@2020-13-01", "a.tif@"])
def test_an_at_without_a_day_is_refused(spec: str) -> None:
    with pytest.raises(InputError, match="a date like 2020-06-01 was expected"):
        split_day(spec)
