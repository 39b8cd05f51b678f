"""The regions of the SEN12 family (SEN1-2, SEN12MS, SEN12MS-CR, SEN12MS-CR-TS) and how they are divided.

A region is a seed with its season, and the number of a scene. Patches of a scene overlap by half, so scenes are
divided, never patches; and numbers are compared as numbers: loaders in circulation look for `s1_1` in the path, find it
in `s1_106`, and train on 6 of the 10 test scenes of SEN12MS-CR.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .splits import Split

SEASONS = ("1158_spring", "1868_summer", "1970_fall", "2017_winter")
TEST = {
    "1158_spring": frozenset({106, 123, 140, 31, 44}),
    "1868_summer": frozenset({119, 73}),
    "1970_fall": frozenset({139}),
    "2017_winter": frozenset({108, 63}),
}
VALIDATION = {
    "1158_spring": frozenset({17}),
    "1868_summer": frozenset({19, 80, 127, 17}),
    "1970_fall": frozenset({65}),
    "2017_winter": frozenset({22, 107, 130, 84}),
}


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch of the folders ROIs<season>_<kind>/<kind>_<scene>/ROIs<season>_<kind>_<scene>_p<patch>."""

    season: str
    """With its seed, as 1158_spring."""
    scene: int
    number: int

    @property
    def region(self) -> str:
        return f"{self.season}_{self.scene}"

    def path(self, root: Path, kind: str) -> Path:
        """Where it lies as `s1`, `s2`, `s2_cloudy` or `lc`."""
        file = f"ROIs{self.season}_{kind}_{self.scene}_p{self.number}.tif"
        return root / f"ROIs{self.season}_{kind}" / f"{kind}_{self.scene}" / file


def side_of(season: str, scene: int) -> Split:
    """Gives the official split of SEN12MS-CR; the older sets of the family follow it, as they show the same regions."""
    if scene in TEST.get(season, ()):
        return "test"
    return "validation" if scene in VALIDATION.get(season, ()) else "train"


def patches(root: Path, *kinds: str) -> set[Patch]:
    """Finds all patches that have an image of one of these kinds, by their names alone."""
    return {patch for season in SEASONS for kind in kinds for patch in _of_kind(root, season, kind)}


def _of_kind(root: Path, season: str, kind: str) -> Iterator[Patch]:
    for folder in (root / f"ROIs{season}_{kind}").glob(f"{kind}_*"):
        for file in os.listdir(folder):
            match = re.fullmatch(rf"ROIs{season}_{kind}_(\d+)_p(\d+)\.tif", file)
            if match and folder.name == f"{kind}_{match[1]}":
                yield Patch(season, int(match[1]), int(match[2]))


def has(root: Path, kind: str) -> bool:
    """Tells whether a kind of images was downloaded at all."""
    return any((root / f"ROIs{season}_{kind}").is_dir() for season in SEASONS)
