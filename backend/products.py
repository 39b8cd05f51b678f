"""What a path holds: one raster, a Sentinel-2 product (.SAFE or a zip of it), or a folder with a file for each band."""

from __future__ import annotations

import datetime
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import InputError, UnreadableRaster
from .raster import Raster, open_raster
from .sensors import NAMES, Level

BAND_FILE = re.compile(r"(?:^|[_.-])(B\d{1,2}A?|SCL)(?:_(\d\d)m)?\.(?:jp2|tiff?)$", re.IGNORECASE)
METADATA_FILE = re.compile(r"MTD_MSI(L1C|L2A)\.xml$")
OFFSET_TAG = re.compile(r"<(?:BOA|RADIO)_ADD_OFFSET[^>]*>\s*(-?\d+)")
DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_:]?(0[1-9]|1[0-2])[-_:]?(0[1-9]|[12]\d|3[01])(?!\d{3})")
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
    if place.is_dir():
        names = [str(name.relative_to(place)) for name in place.rglob("*") if name.is_file()]
        return _from_files(path, path, names)
    if zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as archive:
            names = archive.namelist()
        return _from_files(path, f"/vsizip/{place.resolve()}", names)
    if not place.exists() and "/" in path and not path.startswith(("/vsi", "SENTINEL2_")) and ":" not in path:
        raise UnreadableRaster(path, "there is no such file")
    raster = open_raster(path)
    return Product(raster, day=_day_of(raster.tags, path))


def split_day(spec: str) -> tuple[str, datetime.date | None]:
    """Splits `FILE@2020-06-01` into the file and the day.

    Raises:
        InputError: What follows the last @ of a file that does not exist is no day.
    """
    path, at, day = spec.rpartition("@")
    if not at or Path(spec).exists():
        return spec, None
    try:
        return path, datetime.date.fromisoformat(day)
    except ValueError as error:
        raise InputError(
            f"{spec} names no day after the @: a date like 2020-06-01 was expected, {day!r} came.",
            "Write FILE@YEAR-MONTH-DAY.",
        ) from error


def _from_files(path: str, root: str, names: list[str]) -> Product:
    finest: dict[str, tuple[int, str]] = {}
    for name in sorted(names):
        match = BAND_FILE.search(name)
        if match and "QI_DATA" not in name:
            band, resolution_m = match[1].upper(), int(match[2] or 0)
            band = band if band == "SCL" or band[1:].endswith("A") else f"B{int(band[1:])}"
            finest[band] = min(finest.get(band, (resolution_m, name)), (resolution_m, name))
    bands = [band for band in NAMES if band in finest]
    if not bands:
        raise InputError(
            f"{path} holds no band files: names that end in _B02.jp2, _B02_10m.jp2 or _B02.tif were expected, "
            f"{len(names)} other file(s) are there.",
            "Give the .SAFE folder, its zip, or a folder with one file for each band.",
        )
    rasters = {band: open_raster(f"{root}/{name}") for band, (_, name) in finest.items()}
    optical = Raster(
        path, tuple(replace(rasters[band].bands[0], description=band) for band in bands), rasters[bands[0]].tags
    )
    metadata = next((name for name in names if METADATA_FILE.search(name)), None)
    level, offset = _from_metadata(root, metadata) if metadata else (None, None)
    return Product(
        optical, rasters.get("SCL"), level, offset, _day_of(optical.tags, metadata or "", path, *finest[bands[0]][1:])
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
    with zipfile.ZipFile(root.removeprefix("/vsizip/")) as archive:
        return archive.read(name).decode(errors="replace")


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
