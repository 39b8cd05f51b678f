"""SEN12MS-CR-TS (Ebel et al., 2022; CC BY 4.0): 30 days of one year of each region, with Sentinel-1 of about each day.

A place is a patch over ten of its days, so that one sample does not wait for 60 files. It has no masks: ground.py finds
where the ground shows. The Sentinel-1 image is that of the clearest day.
"""

from __future__ import annotations

import datetime
import functools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UnreadableSample
from ..sensors import NAMES
from .files import check_sizes, read_optical, read_sar
from .ground import series_clear
from .place import Day, Place
from .source import Files, listed
from .splits import Split

LAYOUT = "ROIs2017/146/{S1,S2}/0/s2_ROIs2017_146_ImgNo_0_2018-01-06_patch_0.tif and so on"
SEEDS = ("1158", "1868", "1970", "2017")
DAYS = 10
TEST = frozenset(
    {("1868", 119), ("1970", 139), ("2017", 108), ("2017", 63), ("1158", 106), ("1868", 73), ("2017", 32)}
    | {("1868", 100), ("1970", 132), ("2017", 103), ("1868", 142), ("1970", 20), ("2017", 140)}
)
VALIDATION = frozenset({("2017", 22), ("1970", 65), ("2017", 117), ("1868", 127), ("1868", 17)})


@dataclass(frozen=True)
class Visit:
    """All patches of a region on one day."""

    number: int
    sar: str
    """Beginning of the names of its files; empty where there are none."""
    optical: str


@dataclass(frozen=True)
class Part:
    """A patch over some of its days."""

    seed: str
    scene: int
    patch: int
    visits: tuple[Visit, ...]

    @property
    def region(self) -> str:
        return f"sen12ms-cr-ts/{self.seed}_{self.scene}"

    @property
    def name(self) -> str:
        return f"{self.region}/p{self.patch}/{self.visits[0].number}-{self.visits[-1].number}"

    def path(self, root: Path, visit: Visit, kind: str) -> Path:
        """Where it lies as `S1` or `S2`."""
        file = f"{visit.sar if kind == 'S1' else visit.optical}{self.patch}.tif"
        return root / f"ROIs{self.seed}" / str(self.scene) / kind / str(visit.number) / file


def side_of(seed: str, scene: int) -> Split:
    """Gives the official split."""
    return "test" if (seed, scene) in TEST else "validation" if (seed, scene) in VALIDATION else "train"


def open_sen12mscrts(root: Path, split: Split) -> Files[Part]:
    """Opens it; without the folders S1 the places have no SAR."""
    found = ((part.name, side_of(part.seed, part.scene), part) for part in _parts(root))
    return listed(LAYOUT, root, split, found, functools.partial(_read, root))


def _parts(root: Path) -> Iterator[Part]:
    for seed in SEEDS:
        for region in (root / f"ROIs{seed}").glob("*/"):
            if region.name.isdigit() and (region / "S2").is_dir():
                yield from _parts_of(region, seed)


def _parts_of(region: Path, seed: str) -> Iterator[Part]:
    numbers = sorted(int(folder.name) for folder in (region / "S2").iterdir() if folder.name.isdigit())
    patches: set[int] = set()
    visits = []
    for number in numbers:
        begin, seen = _named(region / "S2" / str(number))
        patches |= seen
        if seen:
            sar = _named(region / "S1" / str(number))[0] or begin.replace("s2_", "s1_", 1)
            visits.append(Visit(number, sar if (region / "S1").is_dir() else "", begin))
    for patch in sorted(patches):
        for first in range(0, len(visits), DAYS):
            yield Part(seed, int(region.name), patch, tuple(visits[first : first + DAYS]))


def _named(folder: Path) -> tuple[str, set[int]]:
    """Gives the beginning that all names of a day have in common, and the patches."""
    found = [re.fullmatch(r"(s[12]_ROIs.*_patch_)(\d+)\.tif", name) for name in sorted(_names(folder))]
    matches = [match for match in found if match]
    return (matches[0][1] if matches else ""), {int(match[2]) for match in matches}


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


def _read(root: Path, part: Part) -> Place:
    images = {visit: read_optical(part.path(root, visit, "S2"), len(NAMES), may_be_empty=True) for visit in part.visits}
    check_sizes({str(part.path(root, visit, "S2")): optical for visit, optical in images.items()})
    seen = {visit: optical for visit, optical in images.items() if optical.any()}
    if not seen:
        raise UnreadableSample(str(part.path(root, part.visits[0], "S2")), "it and its other days hold nothing")
    clear = series_clear(list(seen.values()), NAMES, "L1C")
    days = [Day(optical, mask, _day(visit.optical)) for (visit, optical), mask in zip(seen.items(), clear, strict=True)]
    clearest = list(seen)[int(np.argmax([mask.mean() for mask in clear]))]
    sar = read_sar(part.path(root, clearest, "S1")) if clearest.sar else None
    return Place(part.name, NAMES, "L1C", days, sar=sar, group=part.region)


def _day(name: str) -> float:
    return float(datetime.date.fromisoformat(re.findall(r"\d{4}-\d\d-\d\d", name)[0]).toordinal())
