"""All data sets by name; docs/datasets.md says how each is laid out, divided and licensed. Each is one line here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..errors import InputError, UsageError
from . import bigearthnet, bigearthnet_v2, eurosat, sen12ms
from .allclear import open_allclear
from .collection import VARIABLE, Collection, collect, data_root, load, read_shared
from .folder import open_folder
from .mosaic import open_mosaics
from .rice import open_rice
from .scenes import open_scenes
from .sen2mtc import open_sen2mtc
from .sen12 import open_sen12
from .sen12mscr import open_sen12mscr
from .sen12mscrts import open_sen12mscrts
from .source import OnBadFile, Root, Source, Tolerant
from .splits import Split, as_split

Reader = Callable[[Path, Split], Source]

DATASETS: Mapping[str, Reader] = {
    "shared": read_shared,
    "sen12ms-cr": open_sen12mscr,
    "sen12ms-cr-ts": open_sen12mscrts,
    "sen12ms": sen12ms.open_sen12ms,
    "sen1-2": open_sen12,
    "bigearthnet-v1": bigearthnet.open_clear,
    "bigearthnet-v1-cloudy": bigearthnet.open_cloudy,
    "bigearthnet-v2": bigearthnet_v2.open_clear,
    "bigearthnet-v2-cloudy": bigearthnet_v2.open_cloudy,
    "eurosat": eurosat.open_bands,
    "eurosat-rgb": eurosat.open_rgb,
    "eurosat-mosaic": open_mosaics,
    "rice": open_rice,
    "allclear": open_allclear,
    "sen2-mtc": open_sen2mtc,
    "folder": open_folder,
    "scenes": open_scenes,
}

CLASSES: Mapping[str, tuple[str, ...]] = {
    "sen12ms": sen12ms.IGBP,
    "bigearthnet-v1": bigearthnet.CLASSES,
    "bigearthnet-v2": bigearthnet_v2.CLASSES,
    "eurosat": eurosat.CLASSES,
    "eurosat-rgb": eurosat.CLASSES,
    "eurosat-mosaic": eurosat.CLASSES,
}
"""The labels that a place of the data set can have, in the order that classifiers give them."""

SHOWN_RANGES: Mapping[str, float] = {"eurosat-rgb": eurosat.SHOWN_RANGE}
"""Data sets whose reader takes the brightness of the screen for reflectance, and the reflectance that is shown as 1."""

LAND_COVER = "landcover"
"""Folder of the development data that holds labelled images."""


def open_source(name: str, root: Root, split: str) -> Source:
    """Opens one split of a data set.

    Args:
        name: One of DATASETS.
        root: Its folder; for `scenes` also files that are known to be clear.
        split: train, validation or test.

    Raises:
        UsageError: There is no such data set or split.
        InputError: The folder does not hold it, or no place of the split.
    """
    _check_name(name)
    if isinstance(root, Path):
        return DATASETS[name](root, as_split(split))
    if name != "scenes":
        raise UsageError(f"{name} is read from a folder; single files were given.", "Name the data set scenes.")
    return open_scenes(root, as_split(split))


def open_collection(name: str, root: Root, split: str, on_bad_file: OnBadFile) -> Collection:
    """Opens one split and looks at enough of it for what all samples need.

    Raises:
        UsageError: As open_source.
        InputError: As open_source; or a file is bad and on_bad_file is `stop`.
    """
    if name == "shared" and isinstance(root, Path):
        return load(root, as_split(split))
    return collect(Tolerant(open_source(name, root, split), on_bad_file))


def root_of(name: str, folder: str | None) -> Path:
    """Gives the folder of a data set: the given one, else that of its name in UNCLOUDED_DATA, else UNCLOUDED_DATA.

    Raises:
        UsageError: There is no such data set.
        InputError: No folder is given and UNCLOUDED_DATA is not set.
    """
    _check_name(name)
    if folder is not None:
        return Path(folder)
    if name == "shared":
        return data_root()
    if VARIABLE not in os.environ:
        raise InputError(
            f"No folder of the data set {name} was given.", f"Give it, or set {VARIABLE} to the folder that holds it."
        )
    root = Path(os.environ[VARIABLE])
    return root / name if (root / name).is_dir() else root


def labelled_root_of(name: str, folder: str | None) -> Path:
    """Gives the folder of labelled images: that of root_of, or the one inside it where the development data hold them.

    Raises:
        UsageError: As root_of.
        InputError: As root_of.
    """
    root = root_of(name, folder)
    return root / LAND_COVER if (root / LAND_COVER).is_dir() else root


def files(paths: Sequence[str]) -> Root:
    """Gives what open_source takes for images that a user names one by one."""
    return tuple(Path(path) for path in paths)


def _check_name(name: str) -> None:
    if name not in DATASETS:
        raise UsageError(f"There is no data set {name!r}.", f"Known: {', '.join(DATASETS)}.")
