"""SEN12MS-CR (Ebel et al., 2020; CC BY 4.0): a cloudy and a clear image of one season, with Sentinel-1.

Its folders, and the flat variant that DSen2-CR was trained with (Meraner et al., 2020). Where the folders of Sentinel-1
are missing altogether the places come without it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Triple:
    """The files of one place."""

    name: str
    region: str
    clear: Path
    cloudy: Path
    sar: Path | None


def open_sen12mscr(root: Path, split: Split) -> Files[Triple]:
    """Opens either layout."""
    flat = (root / "s2_cloudFree").is_dir()
    found = _flat(root) if flat else _folders(root)
    return listed(LAYOUT, root, split, ((triple.name, side, triple) for triple, side in found), _read)


def _folders(root: Path) -> Iterator[tuple[Triple, Split]]:
    with_sar = rois.has(root, "s1")
    for patch in rois.patches(root, "s2", "s2_cloudy"):
        region = f"sen12ms-cr/{patch.region}"
        files = (patch.path(root, "s2"), patch.path(root, "s2_cloudy"), patch.path(root, "s1") if with_sar else None)
        yield Triple(f"{region}/p{patch.number}", region, *files), rois.side_of(patch.season, patch.scene)


def _flat(root: Path) -> Iterator[tuple[Triple, Split]]:
    with_sar = (root / "s1").is_dir()
    sides: dict[str, Split] = {}
    for name, side in _listed_names(root):
        match = re.fullmatch(r"ROIs(\d+_[a-z]+)_(\d+)_p?(\d+)\.tif", name)
        if match is None:
            raise InputError(f"{name} in {root} has no scene in its name.", "Expected is ROIs1158_spring_106_0.tif.")
        region = f"sen12ms-cr/{match[1]}_{match[2]}"
        side = side or rois.side_of(match[1], int(match[2]))
        if sides.setdefault(region, side) != side:
            raise InputError(
                f"{LIST} in {root} puts patches of {region} into {sides[region]} and into {side}, and patches overlap.",
                "Give each scene to one split, or take the list away: the official scenes count then.",
            )
        files = (root / "s2_cloudFree" / name, root / "s2_cloudy" / name, root / "s1" / name if with_sar else None)
        yield Triple(f"{region}/p{match[3]}", region, *files), side


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


def _read(triple: Triple) -> Place:
    clear, cloudy = (read_optical(path, len(NAMES)) for path in (triple.clear, triple.cloudy))
    sar = None if triple.sar is None else read_sar(triple.sar)
    images = {str(triple.clear): clear, str(triple.cloudy): cloudy}
    check_sizes(images if sar is None else images | {str(triple.sar): sar})
    days = pair_days(cloudy, clear_day(clear), NAMES)
    return Place(triple.name, NAMES, "L1C", days, sar=sar, group=triple.region)
