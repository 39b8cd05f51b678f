"""AllClear (Zhou et al., 2024): a year of L1C of 23,742 regions with masks of clouds and shadows, and Sentinel-1.

A place is a region over one month; images are cropped to 256 px about their middle. The Sentinel-1 image is that of the
day nearest to the clearest one. The lists train_rois_19k.txt, val_rois_1k.txt and test_rois_3k.txt divide the regions
where they lie in the folder or in its metadata/rois; otherwise the regions are divided by their names.
"""

from __future__ import annotations

import datetime
import functools
import os
import re
from pathlib import Path

import numpy as np

from ..errors import UnreadableSample
from ..sensors import NAMES, Bool
from .files import check_sizes, read_bands, read_optical, read_sar
from .place import Day, Place
from .source import Files, listed
from .splits import Split, by_hash

LAYOUT = "roi<id>/2022_1/{s2_toa,s1,cld_shdw}/roi<id>_s2_toa_2022_1_5_median.tif and so on"
LISTS: dict[str, Split] = {
    "train_rois_19k.txt": "train",
    "val_rois_1k.txt": "validation",
    "test_rois_3k.txt": "test",
}
SIDE_PX = 256
MASK_BANDS = 5
CLOUD, SHADOW = 1, 4
"""Bands of the masks, from 0; NaN where they say nothing."""


def open_allclear(root: Path, split: Split) -> Files[tuple[str, str]]:
    """Opens it; an entry is a region and a month."""
    sides = _listed(root)
    regions = [name for name in os.listdir(root) if re.fullmatch(r"roi\d+", name)] if root.is_dir() else []
    found = (
        (f"allclear/{region}/{month}", sides.get(region) or by_hash(region), (region, month))
        for region in regions
        for month in os.listdir(root / region)
        if re.fullmatch(r"\d{4}_\d{1,2}", month)
    )
    return listed(LAYOUT, root, split, found, functools.partial(_read, root))


def _listed(root: Path) -> dict[str, Split]:
    paths = [(root / place / name, side) for place in (".", "metadata/rois") for name, side in LISTS.items()]
    return {region: side for path, side in paths if path.is_file() for region in path.read_text().split()}


def _read(root: Path, entry: tuple[str, str]) -> Place:
    folder = root / entry[0] / entry[1]
    images = _by_day(folder / "s2_toa")
    days = {str(path): day for number, path in images.items() if (day := _day(path, number)) is not None}
    if not days:
        raise UnreadableSample(str(folder / "s2_toa"), "it holds no image with a measured pixel")
    check_sizes({path: day.optical for path, day in days.items()})
    clearest = max(days.values(), key=lambda day: day.clear.mean())
    radar = _by_day(folder / "s1")
    nearest = min(radar, key=lambda number: abs(number - clearest.day), default=None)
    sar = None if nearest is None else _middle(read_sar(radar[nearest]))
    name = f"allclear/{entry[0]}/{entry[1]}"
    return Place(name, NAMES, "L1C", list(days.values()), sar=sar, group=f"allclear/{entry[0]}")


def _by_day(folder: Path) -> dict[int, Path]:
    """Gives the files of a folder by day, in their order."""
    found = {}
    for name in os.listdir(folder) if folder.is_dir() else ():
        match = re.fullmatch(r"roi\d+_(?:s2_toa|s1)_(\d{4})_(\d{1,2})_(\d{1,2})_median\.tif", name)
        if match:
            found[datetime.date(int(match[1]), int(match[2]), int(match[3])).toordinal()] = folder / name
    return dict(sorted(found.items()))


def _day(path: Path, number: int) -> Day | None:
    """Reads one day; None where it measured nothing here."""
    optical = _middle(read_optical(path, len(NAMES), may_be_empty=True))
    if not optical.any():
        return None
    mask = path.parent.parent / "cld_shdw" / path.name.replace("_s2_toa_", "_cld_shdw_")
    classes = _middle(read_bands(mask, MASK_BANDS))[[CLOUD, SHADOW]]
    check_sizes({str(path): optical, str(mask): classes})
    clear: Bool = (classes == 0).all(axis=0) & optical.any(axis=0)
    return Day(optical, clear, float(number))


def _middle(image: np.ndarray) -> np.ndarray:
    """Crops (C, H, W) to SIDE_PX about the middle."""
    top, left = (max(size // 2 - SIDE_PX // 2, 0) for size in image.shape[-2:])
    return np.ascontiguousarray(image[:, top : top + SIDE_PX, left : left + SIDE_PX])
