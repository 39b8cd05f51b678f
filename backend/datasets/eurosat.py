"""EuroSAT (Helber et al., 2019; MIT): 27,000 clear chips of 64 px in ten classes, 13 bands (L1C) or RGB in 8 bits.

In the files of 13 bands B8A comes last; here the bands have their usual order. The RGB images are stretched for the
screen: 0..255 is taken for reflectance 0..1. A folder or a zip is read. There is no official split and RGB images have
no position: chips are divided by their names, so both forms agree, but neighbours may fall on different sides.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from ..errors import InputError
from ..sensors import NAMES
from .files import RGB, read_optical, read_rgb
from .place import Place, clear_day, in_order
from .source import Files, listed
from .splits import Split, by_hash

LAYOUT = "<Class>/<Class>_1.{suffix} and so on, or a zip of it"
FILE_ORDER = (*(name for name in NAMES if name != "B8A"), "B8A")
CLASSES = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)
SHOWN_RANGE = 0.275
"""Reflectance that the RGB images show as 1: the published means of the 13 bands are 10.77 digital numbers for each
step of those of the RGB images."""


def open_bands(root: Path, split: Split) -> Files[str]:
    """Opens the chips of 13 bands; an entry is a path that GDAL reads."""
    return listed(LAYOUT.format(suffix="tif"), root, split, find(root, "tif"), _read_bands)


def open_rgb(root: Path, split: Split) -> Files[str]:
    """Opens the RGB chips; an entry is a path that GDAL reads."""
    return listed(LAYOUT.format(suffix="jpg"), root, split, find(root, "jpg"), _read_rgb)


def find(root: Path, suffix: str) -> list[tuple[str, Split, str]]:
    """Gives name, split and path of each chip, in any order."""
    found = {}
    for path in _paths(root, suffix):
        match = re.search(rf"(?:^|/)([A-Za-z]+)/(\1_\d+)\.{suffix}$", path)
        if match and match[1] in CLASSES:
            found[match[2]] = (f"eurosat/{match[2]}", by_hash(match[2]), path)
    return list(found.values())


def _paths(root: Path, suffix: str) -> list[str]:
    """Gives all files of a folder, or of its zips where it holds no other."""
    if root.is_file():
        return _zipped(root)
    return [str(path) for path in root.rglob(f"*.{suffix}")] or [
        path for archive in sorted(root.rglob("*.zip")) for path in _zipped(archive)
    ]


def _zipped(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as opened:
            return [f"/vsizip/{archive.resolve()}/{name}" for name in opened.namelist()]
    except zipfile.BadZipFile as error:
        raise InputError(f"{archive} is no zip: {error}.", "Give the folder or the zip of EuroSAT.") from error


def _read_bands(path: str) -> Place:
    bands, optical = in_order(FILE_ORDER, read_optical(path, len(FILE_ORDER)))
    name = Path(path).stem
    return Place(f"eurosat/{name}", bands, "L1C", [clear_day(optical)], labels=(class_of(name),))


def _read_rgb(path: str) -> Place:
    name = Path(path).stem
    return Place(f"eurosat/{name}", RGB, "L1C", [clear_day(read_rgb(path))], labels=(class_of(name),))


def class_of(name: str) -> str:
    """Gives the class of a chip, which its name begins with."""
    return name.rsplit("_", 1)[0]
