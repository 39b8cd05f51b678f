"""BigEarthNet v1 (Sumbul et al., 2019; CDLA-Permissive 1.0): L2A patches with land cover, clear or cloudy, unpaired.

Of the 590,326 patches 9,280 are cloudy and the rest without seasonal snow is clear, by lists of the data set. The lists
train.csv, val.csv and test.csv divide the clear patches where they lie beside them; all others are divided by their
acquisition (satellite and time), since names do not tell the tile.
"""

from __future__ import annotations

import csv
import functools
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, UnreadableSample
from ..sensors import BY_COUNT, Float
from .files import check_sizes, read_bands, read_optical
from .place import Day, Place, clear_day
from .source import Files, listed
from .splits import Split, by_hash

LAYOUT = "BigEarthNet-v1.0/<patch>/<patch>_B01.tif and so on, patches_with_cloud_and_shadow.csv"
CLOUDY = "patches_with_cloud_and_shadow.csv"
SNOWY = "patches_with_seasonal_snow.csv"
LISTS: dict[str, Split] = {"train.csv": "train", "val.csv": "validation", "test.csv": "test"}
BANDS = BY_COUNT[12]
SIDE_PX = 120
CLASSES = (
    "Continuous urban fabric",
    "Discontinuous urban fabric",
    "Industrial or commercial units",
    "Road and rail networks and associated land",
    "Port areas",
    "Airports",
    "Mineral extraction sites",
    "Dump sites",
    "Construction sites",
    "Green urban areas",
    "Sport and leisure facilities",
    "Non-irrigated arable land",
    "Permanently irrigated land",
    "Rice fields",
    "Vineyards",
    "Fruit trees and berry plantations",
    "Olive groves",
    "Pastures",
    "Annual crops associated with permanent crops",
    "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation",
    "Agro-forestry areas",
    "Broad-leaved forest",
    "Coniferous forest",
    "Mixed forest",
    "Natural grassland",
    "Moors and heathland",
    "Sclerophyllous vegetation",
    "Transitional woodland/shrub",
    "Beaches, dunes, sands",
    "Bare rock",
    "Sparsely vegetated areas",
    "Burnt areas",
    "Inland marshes",
    "Peatbogs",
    "Salt marshes",
    "Salines",
    "Intertidal flats",
    "Water courses",
    "Water bodies",
    "Coastal lagoons",
    "Estuaries",
    "Sea and ocean",
)
"""Land cover of CORINE, level 3, as its files name it."""


def open_clear(root: Path, split: Split) -> Files[str]:
    """Opens the clear patches; an entry is the name of a patch."""
    return _open(root, split, cloudy=False)


def open_cloudy(root: Path, split: Split) -> Files[str]:
    """Opens the cloudy patches. Where their clouds are is not known: none of their pixels counts as clear."""
    return _open(root, split, cloudy=True)


def _open(root: Path, split: Split, cloudy: bool) -> Files[str]:
    folder, radar = root / "BigEarthNet-v1.0", root / "BigEarthNet-S1-v1.0"
    patches = set(os.listdir(folder)) if folder.is_dir() else set()
    if patches:
        under_cloud = _listed(root / CLOUDY, needed=True)
        patches = patches & under_cloud if cloudy else patches - under_cloud - _listed(root / SNOWY)
    sides = {} if cloudy else {patch: side for file, side in LISTS.items() for patch in _listed(root / file)}
    found = ((f"bigearthnet-v1/{name}", sides.get(name) or by_hash(_acquisition(name)), name) for name in patches)
    read = functools.partial(_read, folder, _radar_by_place(radar), radar, cloudy)
    return listed(LAYOUT, root, split, found, read)


def _listed(path: Path, needed: bool = False) -> set[str]:
    """Gives the first column of a list."""
    if not path.is_file():
        if needed:
            raise InputError(
                f"{path} is missing: it tells the cloudy patches from the clear ones.",
                "It is published with the data set (bigearth.net).",
            )
        return set()
    with path.open(newline="") as file:
        return {row[0].strip() for row in csv.reader(file) if row}


def _acquisition(patch: str) -> str:
    return patch.rsplit("_", 2)[0]


def _radar_by_place(folder: Path) -> dict[str, list[str]]:
    """Gives the Sentinel-1 patches by row and column of the tile, as only their files tell the Sentinel-2 patch."""
    found: dict[str, list[str]] = {}
    for name in os.listdir(folder) if folder.is_dir() else ():
        found.setdefault("_".join(name.rsplit("_", 2)[1:]), []).append(name)
    return found


def _read(folder: Path, radar: dict[str, list[str]], radar_folder: Path, cloudy: bool, patch: str) -> Place:
    optical = read_patch(folder / patch)
    labels = tuple(_facts(folder / patch)["labels"])
    sar = read_radar(_radar_of(patch, radar, radar_folder)) if radar else None
    group = f"bigearthnet-v1/{_acquisition(patch)}"
    return Place(
        f"bigearthnet-v1/{patch}", BANDS, "L2A", [day_of(optical, cloudy)], sar=sar, group=group, labels=labels
    )


def day_of(optical: Float, cloudy: bool) -> Day:
    """Gives the day of a patch; of a cloudy one no pixel is known to be clear."""
    return Day(optical, np.zeros(optical.shape[-2:], bool), 0.0) if cloudy else clear_day(optical)


def _radar_of(patch: str, radar: dict[str, list[str]], folder: Path) -> Path:
    """Finds the Sentinel-1 patch that belongs to a Sentinel-2 patch, those of the nearest days first."""
    day = int(re.findall(r"_(\d{8})T", patch)[0])
    candidates = radar.get("_".join(patch.rsplit("_", 2)[1:]), [])
    for name in sorted(candidates, key=lambda name: abs(int(re.findall(r"_(\d{8})T", name)[0]) - day)):
        if _facts(folder / name).get("corresponding_s2_patch") == patch:
            return folder / name
    raise UnreadableSample(str(folder), f"it holds no patch that belongs to {patch}")


def _facts(folder: Path) -> dict[str, Any]:
    path = folder / f"{folder.name}_labels_metadata.json"
    try:
        facts: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UnreadableSample(str(path), str(error)) from error
    return facts


def read_patch(folder: Path) -> Float:
    """Reads the 12 bands of a patch, one file each; those of 20 and 60 m are repeated.

    Returns:
        (12, 120, 120) reflectance.
    """
    optical = np.empty((len(BANDS), SIDE_PX, SIDE_PX), np.float32)
    for out, band in zip(optical, BANDS, strict=True):
        path = folder / f"{folder.name}_B{band[1:].zfill(2)}.tif"
        values = read_optical(path, 1, may_be_empty=True)[0]
        times = SIDE_PX // values.shape[0]
        if values.shape[0] != values.shape[1] or times * values.shape[0] != SIDE_PX:
            raise UnreadableSample(str(path), f"120, 60 or 20 px were expected, it is {values.shape[1]} px wide")
        out[:] = values.repeat(times, axis=0).repeat(times, axis=1)
    if not optical.any():
        raise UnreadableSample(str(folder), "it holds no measured pixel")
    return optical


def read_radar(folder: Path) -> Float:
    """Reads VV and VH in dB, (2, 120, 120)."""
    images = {
        str(path): read_bands(path, 1)[0] for path in (folder / f"{folder.name}_{way}.tif" for way in ("VV", "VH"))
    }
    check_sizes({"Sentinel-2": np.empty((SIDE_PX, SIDE_PX)), **images})
    sar = np.stack(list(images.values())).astype(np.float32)
    sar[:, ~np.isfinite(sar).all(axis=0)] = np.nan
    return sar
