"""SEN12MS (Schmitt et al., 2019; CC BY 4.0): clear Sentinel-2 with Sentinel-1 and land cover, without clouds."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from ..sensors import NAMES
from . import rois
from .files import check_sizes, read_bands, read_optical, read_sar
from .place import Place, clear_day
from .source import Files, listed
from .splits import Split

LAYOUT = "ROIs1158_spring_{lc,s1,s2}/s2_146/ROIs1158_spring_s2_146_p202.tif and so on"
LAND_COVER_BANDS = 4
IGBP = (
    "evergreen needleleaf forest",
    "evergreen broadleaf forest",
    "deciduous needleleaf forest",
    "deciduous broadleaf forest",
    "mixed forest",
    "closed shrubland",
    "open shrubland",
    "woody savanna",
    "savanna",
    "grassland",
    "wetland",
    "cropland",
    "urban",
    "cropland mosaic",
    "snow and ice",
    "barren",
    "water",
)
"""Classes 1 to 17 of the first band of the land cover."""


def open_sen12ms(root: Path, split: Split) -> Files[rois.Patch]:
    """Opens it; without the folders lc the places have no labels, without s1 no SAR."""
    found = (
        (f"sen12ms/{patch.region}/p{patch.number}", rois.side_of(patch.season, patch.scene), patch)
        for patch in rois.patches(root, "s2")
    )
    read = functools.partial(_read, root, rois.has(root, "s1"), rois.has(root, "lc"))
    return listed(LAYOUT, root, split, found, read)


def _read(root: Path, with_sar: bool, with_labels: bool, patch: rois.Patch) -> Place:
    optical = read_optical(patch.path(root, "s2"), len(NAMES))
    sar = read_sar(patch.path(root, "s1")) if with_sar else None
    if sar is not None:
        check_sizes({str(patch.path(root, "s2")): optical, str(patch.path(root, "s1")): sar})
    region = f"sen12ms/{patch.region}"
    labels = _most_frequent(patch.path(root, "lc")) if with_labels else ()
    return Place(f"{region}/p{patch.number}", NAMES, "L1C", [clear_day(optical)], sar=sar, group=region, labels=labels)


def _most_frequent(path: Path) -> tuple[str, ...]:
    """Gives the class that covers most of the patch; none where the land cover is unknown."""
    counts = np.bincount(read_bands(path, LAND_COVER_BANDS)[0].astype(int).ravel(), minlength=len(IGBP) + 1)
    known = counts[1 : len(IGBP) + 1]
    return (IGBP[int(known.argmax())],) if known.any() else ()
