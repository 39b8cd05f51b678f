"""A user's own images: a folder with optical/, clear/, sar/ and mask/ and equal names in them, or a CSV of paths.

    optical and clear        a cloudy and a clear image of each place
    clear alone              clear images; clouds are simulated over them
    optical alone            images with clouds here and there, which mask/ or a detector finds

sar/ and mask/ may be left out. Where they are there, each image needs its file: a missing one is an error. In a CSV
(columns optical, clear, sar, mask, split; paths from where it lies) cells may stay empty. split.csv beside the folders
(columns place, split) says who trains, otherwise one image in ten validates and one tests.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from .cuts import Cut, Images, open_cuts
from .source import Files, nothing_found
from .splits import Split, as_split

LAYOUT = "optical/, clear/, sar/, mask/ with equal names (optical or clear is needed), or a CSV with these columns"
KINDS = ("optical", "clear", "sar", "mask")
RASTER = re.compile(r"\.(tiff?|jp2|png|jpe?g|vrt|img|safe|zip)$", re.IGNORECASE)


def open_folder(root: Path, split: Split) -> Files[Cut]:
    """Opens a folder, or the CSV that `root` is."""
    every, sides = _from_csv(root) if root.is_file() else (list(_from_folders(root)), split_file(root, "folder"))
    if not every:
        raise nothing_found(LAYOUT, root)
    return open_cuts(LAYOUT, root, split, every, sides)


def split_file(root: Path, data_set: str) -> dict[str, Split]:
    """Reads split.csv, which may be missing."""
    if not (root / "split.csv").is_file():
        return {}
    return {
        f"{data_set}/{RASTER.sub('', row['place'])}": as_split(row["split"])
        for row in _rows(root / "split.csv", {"place", "split"})
    }


def rasters(folder: Path) -> dict[str, Path]:
    """Gives the images of a folder by their names without endings."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return {RASTER.sub("", path.name): path for path in paths if RASTER.search(path.name)}


def _from_folders(root: Path) -> Iterator[Images]:
    found = {kind: rasters(root / kind) for kind in KINDS}
    for name in sorted(found["optical"] | found["clear"]):
        files = {
            kind: str(found[kind].get(name, root / kind / f"{name}.tif")) for kind in KINDS if (root / kind).is_dir()
        }
        yield Images(f"folder/{name}", **files)


def _from_csv(path: Path) -> tuple[list[Images], dict[str, Split]]:
    every: list[Images] = []
    sides: dict[str, Split] = {}
    for row in _rows(path, set()):
        cells = {kind: (row.get(kind) or "").strip() for kind in KINDS}
        leading = cells["clear"] or cells["optical"]
        if not leading:
            raise InputError(f"{path} has the row {row} without an optical and a clear image.", "Give one of them.")
        name = f"folder/{RASTER.sub('', leading)}"
        every.append(Images(name, **{kind: str(path.parent / cell) if cell else "" for kind, cell in cells.items()}))
        if (row.get("split") or "").strip():
            sides[name] = as_split(row["split"].strip())
    if not every:
        raise InputError(f"{path} has no row below its columns.", "Add a row for each image.")
    return every, sides


def _rows(path: Path, needed: set[str]) -> list[dict[str, str]]:
    """Reads a table with a header."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns, rows = set(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table: {error}.", "Save it as CSV in UTF-8.") from error
    if not (needed <= columns if needed else {"optical", "clear"} & columns):
        expected = ", ".join(sorted(needed)) or f"{', '.join(KINDS)}, split (optical or clear is needed)"
        raise InputError(
            f"{path} has the columns {', '.join(sorted(columns)) or 'of nothing'}; {expected} were expected.",
            "Begin the table with a line of these names, separated by commas.",
        )
    return rows
