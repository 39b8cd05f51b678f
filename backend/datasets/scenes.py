"""A folder of large scenes, or a text file with one path a line, cut on the fly into places.

Beside SCENE.tif lie, if there are any, SCENE_sar.tif (VV and VH) and SCENE_mask.tif (its clouds). A scene is any image
that a job takes: a raster, a .SAFE folder or its zip. split.csv (columns place, split) says which scene trains;
otherwise one in ten validates and one tests, and fewer than three scenes are divided by columns of cuts.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError
from .cuts import Cut, Images, open_cuts
from .folder import RASTER, rasters, split_file
from .source import Files, Root, nothing_found
from .splits import Split

LAYOUT = "scenes (GeoTIFF, .SAFE, ...) with SCENE_sar.tif and SCENE_mask.tif beside them, or be a list of paths"
BESIDE = re.compile(r"_(sar|s1|mask)$", re.IGNORECASE)


def open_scenes(root: Root, split: Split) -> Files[Cut]:
    """Opens a folder of scenes, the list that `root` is, or files that a user says are clear."""
    paths = root if isinstance(root, tuple) else _listed(root) if root.is_file() else tuple(rasters(root).values())
    trusted = isinstance(root, tuple)
    every = [_images(path, trusted) for path in paths if not BESIDE.search(RASTER.sub("", path.name))]
    if not every:
        raise nothing_found(LAYOUT, root)
    folder = None if isinstance(root, tuple) else root if root.is_dir() else root.parent
    return open_cuts(LAYOUT, root, split, every, split_file(folder, "scenes") if folder else {})


def _listed(path: Path) -> tuple[Path, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except ValueError as error:
        raise InputError(f"{path} is no text: {error}.", "Give a folder, or a list with one path a line.") from error
    return tuple(path.parent / line.strip() for line in lines if line.strip())


def _images(path: Path, trusted: bool) -> Images:
    name, beside = RASTER.sub("", path.name), rasters(path.parent)
    sar, mask = beside.get(f"{name}_sar", beside.get(f"{name}_s1", "")), beside.get(f"{name}_mask", "")
    leading = {"clear" if trusted else "optical": str(path)}
    return Images(f"scenes/{name}", **leading, sar=str(sar), mask=str(mask))
