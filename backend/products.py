"""What a path holds: one raster, a Sentinel-2 product (.SAFE or a zip of it), or a folder with a file for each band."""

from __future__ import annotations

import datetime
import os
import re
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import InputError, UnreadableRaster
from .raster import Raster, open_raster
from .sensors import NAMES, Level

BAND_FILE = re.compile(r"(?:^|[_./\\-])(B\d{1,2}A?|SCL)(?:_(\d\d)m)?\.(?:jp2|tiff?)$", re.IGNORECASE)
LANDSAT_FILE = re.compile(r"^L[COTEM]\d\d_")
METADATA_FILE = re.compile(r"MTD_MSI(L1C|L2A)\.xml$")
OFFSET_TAG = re.compile(r"<(?:BOA|RADIO)_ADD_OFFSET[^>]*>\s*(-?\d+)")
DAY = re.compile(r"(?<!\d)(19[789]\d|20[0-3]\d)[-_:]?(0[1-9]|1[0-2])[-_:]?(0[1-9]|[12]\d|3[01])(?=(?:\d\d){0,3}(?!\d))")
DAY_TAGS = (
    "PRODUCT_START_TIME",
    "DATATAKE_1_DATATAKE_SENSING_START",
    "SENSING_TIME",
    "ACQUISITION_DATE",
    "datetime",
    "DATE",
)


@dataclass(frozen=True)
class Product:
    """An optical image and what its metadata says of it."""

    raster: Raster
    scl: Raster | None = None
    """The scene classification of an L2A product."""
    level: Level | None = None
    offset: float | None = None
    """Added to digital numbers before the division by 10000."""
    day: datetime.date | None = None


def open_product(path: str) -> Product:
    """Opens an optical image: a raster, a .SAFE folder, a zip of one, or a folder of band files.

    Raises:
        UnreadableRaster: Nothing readable lies there.
        InputError: The folder or zip has no band files.
    """
    place = Path(path)
    if os.path.isdir(place):
        names = [str(name.relative_to(place)) for name in place.rglob("*") if os.path.isfile(name)]
        return _from_files(path, path, names)
    if zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as archive:
            names = archive.namelist()
        return _from_files(path, f"/vsizip/{place.resolve()}", names)
    if not os.path.exists(place) and "/" in path and not path.startswith(("/vsi", "SENTINEL2_")) and ":" not in path:
        raise UnreadableRaster(path, "there is no such file, or it may not be read")
    raster = open_raster(path)
    return Product(raster, day=_day_of(raster.tags, path))


def split_day(spec: str) -> tuple[str, datetime.date | None]:
    """Splits `FILE@2020-06-01` into the file and the day.

    Raises:
        InputError: What follows the last @ of a file that does not exist is no day.
    """
    path, at, day = spec.rpartition("@")
    if not at or os.path.exists(spec):
        return spec, None
    try:
        return path, datetime.date.fromisoformat(day)
    except ValueError as error:
        raise InputError(
            f"{spec} names no day after the @: a date like 2020-06-01 was expected, {day!r} came.",
            "Write FILE@YEAR-MONTH-DAY.",
        ) from error


def _from_files(path: str, root: str, names: list[str]) -> Product:
    files = _band_files(path, names)
    rasters = {band: open_raster(f"{root}/{name}") for band, name in files.items()}
    bands = [band for band in NAMES if band in files]
    for band in bands:
        _check_place(rasters[band], rasters[bands[0]])
    optical = Raster(
        path, tuple(replace(rasters[band].bands[0], description=band) for band in bands), rasters[bands[0]].tags
    )
    metadata = next((name for name in names if METADATA_FILE.search(name)), None)
    level, offset = _from_metadata(root, metadata) if metadata else (None, None)
    return Product(
        optical, rasters.get("SCL"), level, offset, _day_of(optical.tags, metadata or "", path, files[bands[0]])
    )


def _band_files(path: str, names: list[str]) -> dict[str, str]:
    """Gives the finest file of each band, and of the scene classification."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        match = BAND_FILE.search(name)
        if match and "QI_DATA" not in name:
            _refuse_landsat(path, Path(name).name)
            band = match[1].upper()
            band = band if band == "SCL" or band.endswith("A") else f"B{int(band[1:])}"
            found.setdefault(band, []).append((int(match[2] or 0), name))
    if not any(band in NAMES for band in found):
        raise InputError(
            f"{path} holds no band files: names that end in _B02.jp2, _B02_10m.jp2 or _B02.tif were expected, "
            f"{len(names)} other file(s) are there.",
            "Give the .SAFE folder, its zip, or a folder with one file for each band.",
        )
    for band, files in found.items():
        finest = sorted(name for resolution_m, name in files if resolution_m == min(files)[0])
        if len(finest) > 1:
            raise InputError(
                f"{path} holds {len(finest)} files for {band}: {finest[0]}, {finest[1]}; one was expected.",
                "Give a folder that holds one image.",
            )
    return {band: min(files)[1] for band, files in found.items()}


def _refuse_landsat(path: str, name: str) -> None:
    if LANDSAT_FILE.search(name):
        raise InputError(
            f"{path} holds Landsat's {name}: its numbers are not those of Sentinel-2's bands.",
            "Stack the bands into one file and name each by the band of Sentinel-2 with its wavelength.",
        )


def _check_place(raster: Raster, first: Raster) -> None:
    """Refuses a band file of another size where no georeference tells how they lie on each other."""
    size, expected = (raster.grid.width, raster.grid.height), (first.grid.width, first.grid.height)
    if size != expected and (raster.grid.crs is None or first.grid.crs is None):
        raise InputError(
            f"{raster.path} is {size[0]} x {size[1]} px, {first.path} {expected[0]} x {expected[1]} px, "
            "and one of them has no georeference.",
            "Give both a coordinate reference system, or the same size.",
        )


def _from_metadata(root: str, name: str) -> tuple[Level | None, float]:
    text = _read_text(root, name)
    offsets = {float(value) for value in OFFSET_TAG.findall(text)}
    if len(offsets) > 1:
        raise InputError(f"{root}/{name} states different offsets for its bands: {sorted(offsets)}.", "Give --offset.")
    level: Level = "L1C" if "L1C" in Path(name).name else "L2A"
    return level, offsets.pop() if offsets else 0.0


def _read_text(root: str, name: str) -> str:
    if not root.startswith("/vsizip/"):
        return (Path(root) / name).read_text(errors="replace")
    path = root.removeprefix("/vsizip/")
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name).decode(errors="replace")
    except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, zlib.error) as error:
        raise UnreadableRaster(path, str(error)) from error


def _day_of(tags: dict[str, str], *names: str) -> datetime.date | None:
    """The first day found in the tags, then in the names."""
    texts = [tags[key] for key in DAY_TAGS if key in tags] + [Path(name).name for name in names]
    for text in texts:
        match = DAY.search(text)
        if match:
            try:
                return datetime.date(int(match[1]), int(match[2]), int(match[3]))
            except ValueError:
                continue
    return None
