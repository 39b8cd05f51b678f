"""SEN1-2 (Schmitt et al., 2018): red, green and blue of clear Sentinel-2 and VV of Sentinel-1, in 8 bits.

0..255 is taken for reflectance 0..1 and for the range VV_DB: the stretch that its makers chose is not undone. VH is
NaN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..sensors import VV_DB, Float
from . import rois
from .files import RGB, check_sizes, read_bands, read_rgb
from .place import Place, clear_day
from .source import Files, listed
from .splits import Split

LAYOUT = "ROIs1158_spring/s1_0/ROIs1158_spring_s1_0_p1.png and ROIs1158_spring/s2_0/ROIs1158_spring_s2_0_p1.png"


def open_sen12(root: Path, split: Split) -> Files[Path]:
    """Opens it; an entry is the optical image."""
    return listed(LAYOUT, root, split, _find(root), _read)


def _find(root: Path) -> Iterator[tuple[str, Split, Path]]:
    for season in rois.SEASONS:
        for file in sorted((root / f"ROIs{season}").glob("s2_*/*.png")):
            match = re.fullmatch(rf"ROIs{season}_s2_(\d+)_p(\d+)", file.stem)
            if match:
                region, scene = f"sen1-2/{season}_{match[1]}", int(match[1])
                yield f"{region}/p{match[2]}", rois.side_of(season, scene), file


def _read(path: Path) -> Place:
    season, scene, patch = re.findall(r"ROIs(\w+)_s2_(\d+)_p(\d+)", path.stem)[0]
    sar = path.parent.parent / f"s1_{scene}" / path.name.replace("_s2_", "_s1_")
    optical, backscatter = read_rgb(path), _decibels(sar)
    check_sizes({str(path): optical, str(sar): backscatter})
    region = f"sen1-2/{season}_{scene}"
    return Place(f"{region}/p{patch}", RGB, "L1C", [clear_day(optical)], sar=backscatter, group=region)


def _decibels(path: Path) -> Float:
    """Gives (2, H, W) VV and VH."""
    stored = read_bands(path, 1)[0].astype(np.float32)
    low, high = VV_DB
    return np.stack([low + stored * np.float32((high - low) / 255), np.full_like(stored, np.nan)])
