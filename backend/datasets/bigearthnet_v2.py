"""BigEarthNet v2 (Clasen et al., 2024; CDLA-Permissive 1.0): the patches of v1 with 19 classes and a split by place.

metadata.parquet lists the clear patches with their split, another table the snowy and cloudy ones. The cloudy ones have
no official split: they are divided by tile and acquisition.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from .bigearthnet import BANDS, day_of, read_patch, read_radar
from .place import Place
from .source import Files, listed, nothing_found
from .splits import Split, as_split, by_hash

LAYOUT = "BigEarthNet-S2/<tile>/<patch>/<patch>_B01.tif and so on, metadata.parquet"
CLEAR = "metadata.parquet"
UNCLEAR = "metadata_for_patches_with_snow_cloud_or_shadow.parquet"
CLASSES = (
    "Urban fabric",
    "Industrial or commercial units",
    "Arable land",
    "Permanent crops",
    "Pastures",
    "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation",
    "Agro-forestry areas",
    "Broad-leaved forest",
    "Coniferous forest",
    "Mixed forest",
    "Natural grassland and sparsely vegetated areas",
    "Moors, heathland and sclerophyllous vegetation",
    "Transitional woodland, shrub",
    "Beaches, dunes, sands",
    "Inland wetlands",
    "Coastal wetlands",
    "Inland waters",
    "Marine waters",
)


@dataclass(frozen=True)
class Patch:
    name: str
    radar: str
    """Name of its Sentinel-1 patch."""
    labels: tuple[str, ...]


def open_clear(root: Path, split: Split) -> Files[Patch]:
    """Opens the clear patches."""
    found = ((f"bigearthnet-v2/{patch.name}", as_split(row["split"]), patch) for patch, row in _rows(root, CLEAR))
    return listed(LAYOUT, root, split, found, _reader(root, cloudy=False))


def open_cloudy(root: Path, split: Split) -> Files[Patch]:
    """Opens the cloudy patches. Where their clouds are is not known: none of their pixels counts as clear."""
    found = (
        (f"bigearthnet-v2/{patch.name}", by_hash(_acquisition(patch.name)), patch)
        for patch, row in _rows(root, UNCLEAR)
        if row["contains_cloud_or_shadow"]
    )
    return listed(LAYOUT, root, split, found, _reader(root, cloudy=True))


def _reader(root: Path, cloudy: bool) -> functools.partial[Place]:
    return functools.partial(_read, root, (root / "BigEarthNet-S1").is_dir(), cloudy)


def _rows(root: Path, table: str) -> Iterator[tuple[Patch, dict[str, Any]]]:
    if not (root / table).is_file():
        raise nothing_found(f"{LAYOUT} ({table} is missing)", root)
    for row in _read_table(root / table):
        yield Patch(row["patch_id"], row["s1_name"], tuple(row["labels"])), row


def _read_table(path: Path) -> list[dict[str, Any]]:
    """Reads a parquet file.

    Raises:
        InputError: pyarrow is not installed, or does not read it, or a column is missing.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            f"{path} is a parquet table, which needs pyarrow.", f"Install it: {sys.executable} -m pip install pyarrow"
        ) from error
    second = "split" if path.name == CLEAR else "contains_cloud_or_shadow"
    try:
        table = pyarrow.parquet.read_table(path, columns=["patch_id", "s1_name", "labels", second])
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.", "Get the table again.") from error
    rows: list[dict[str, Any]] = table.to_pylist()
    missing = {"patch_id", "s1_name", "labels", second} - set(table.column_names)
    if missing:
        raise InputError(f"{path} lacks the column(s) {', '.join(sorted(missing))}.", "Get the table again.")
    return rows


def _acquisition(patch: str) -> str:
    return patch.rsplit("_", 2)[0]


def _read(root: Path, with_sar: bool, cloudy: bool, patch: Patch) -> Place:
    tile = _acquisition(patch.name)
    optical = read_patch(root / "BigEarthNet-S2" / tile / patch.name)
    radar = root / "BigEarthNet-S1" / patch.radar.rsplit("_", 3)[0] / patch.radar
    sar = read_radar(radar) if with_sar else None
    group = f"bigearthnet-v2/{tile}"
    name = f"bigearthnet-v2/{patch.name}"
    return Place(name, BANDS, "L2A", [day_of(optical, cloudy)], sar=sar, group=group, labels=patch.labels)
