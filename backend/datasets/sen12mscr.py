"""SEN12MS-CR (Ebel et al., 2020; CC BY 4.0): a cloudy and a clear image of one season, with Sentinel-1.

Its folders, and the flat variant that DSen2-CR was trained with (Meraner et al., 2020). Where the folders of Sentinel-1
are missing altogether the places come without it.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from ..sensors import NAMES
from . import rois
from .files import check_sizes, read_optical, read_sar
from .pairs import pair_days
from .place import Place, clear_day
from .source import Files, listed
from .splits import Split

LAYOUT = (
    "ROIs1158_spring_{s1,s2,s2_cloudy}/s2_106/ROIs1158_spring_s2_106_p30.tif and so on, "
    "or s1/, s2_cloudFree/ and s2_cloudy/ with equal names"
)
LIST = "datasetfilelist.csv"
LISTED: dict[str, Split] = {"1": "train", "2": "validation", "3": "test"}


def open_sen12mscr(root: Path, split: Split) -> Files[rois.Patch] | Files[str]:
    """Opens either layout; an entry of the flat one is the name of its files."""
    if (root / "s2_cloudFree").is_dir():
        return listed(LAYOUT, root, split, _flat(root), functools.partial(_read_flat, root, (root / "s1").is_dir()))
    found = (
        (f"sen12ms-cr/{patch.region}/p{patch.number}", rois.side_of(patch.season, patch.scene), patch)
        for patch in rois.patches(root, "s2", "s2_cloudy")
    )
    return listed(LAYOUT, root, split, found, functools.partial(_read_folders, root, rois.has(root, "s1")))


def _flat(root: Path) -> Iterator[tuple[str, Split, str]]:
    sides: dict[str, Split] = {}
    for file, listed_side in _listed_names(root):
        season, scene, number = _parts(file)
        region = f"sen12ms-cr/{season}_{scene}"
        side = listed_side or rois.side_of(season, scene)
        if sides.setdefault(region, side) != side:
            raise InputError(
                f"{LIST} in {root} puts patches of {region} into {sides[region]} and into {side}, and patches overlap.",
                "Give each scene to one split, or take the list away: the official scenes count then.",
            )
        yield f"{region}/p{number}", side, file


def _parts(file: str) -> tuple[str, int, int]:
    """Gives season, scene and patch of a file of the flat variant."""
    match = re.fullmatch(r"ROIs(\d+_[a-z]+)_(\d+)_p?(\d+)\.tif", file)
    if match is None:
        raise InputError(f"{file} has no scene in its name.", "Expected is a name like ROIs1158_spring_106_0.tif.")
    return match[1], int(match[2]), int(match[3])


def _listed_names(root: Path) -> Iterator[tuple[str, Split | None]]:
    """Gives the names and splits of the list, or without one all names."""
    if not (root / LIST).is_file():
        names = {path.name for kind in ("s2_cloudFree", "s2_cloudy") for path in (root / kind).glob("*.tif")}
        yield from ((name, None) for name in sorted(names))
        return
    with (root / LIST).open(newline="") as file:
        for row in csv.reader(file, delimiter="\t"):
            if len(row) != 5 or row[0].strip() not in LISTED:
                raise InputError(
                    f"{root / LIST} has the row {row}; split (1, 2, 3), three folders and a name were expected.",
                    "Separate them by tabs.",
                )
            yield row[4].strip(), LISTED[row[0].strip()]


def _read_folders(root: Path, with_sar: bool, patch: rois.Patch) -> Place:
    clear, cloudy, sar = (patch.path(root, kind) for kind in ("s2", "s2_cloudy", "s1"))
    return _read(patch.region, patch.number, clear, cloudy, sar if with_sar else None)


def _read_flat(root: Path, with_sar: bool, file: str) -> Place:
    season, scene, number = _parts(file)
    sar = root / "s1" / file if with_sar else None
    return _read(f"{season}_{scene}", number, root / "s2_cloudFree" / file, root / "s2_cloudy" / file, sar)


def _read(region: str, number: int, clear: Path, cloudy: Path, sar: Path | None) -> Place:
    images = {str(path): read_optical(path, len(NAMES)) for path in (clear, cloudy)}
    backscatter = None if sar is None else read_sar(sar)
    check_sizes(images if backscatter is None else images | {str(sar): backscatter})
    days = pair_days(images[str(cloudy)], clear_day(images[str(clear)]), NAMES)
    name = f"sen12ms-cr/{region}/p{number}"
    return Place(name, NAMES, "L1C", days, sar=backscatter, group=f"sen12ms-cr/{region}")
