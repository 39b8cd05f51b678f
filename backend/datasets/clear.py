"""Clear images of one day or two: Onera's cities (L1C), SatCLIP's places, chips and places with SAR."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import zoom

from ..sensors import NAMES, Float
from .place import Place, clear_day, in_order, mirrored, read_image, without_offset

CHIP_PX = 64
MIRRORED_PX = 128
YEARS_APART_DAYS = 600.0


def cities(root: Path) -> Iterator[Place]:
    """Reads clear_l1c: 13 bands at their own resolutions; `_1` and `_2` are two dates of one city."""
    images = {folder.name: _city(folder, index) for index, folder in enumerate(sorted((root / "clear_l1c").iterdir()))}
    for name, optical in images.items():
        city, _, number = name.rpartition("_")
        other = images.get(f"{city}_{3 - int(number)}") if number.isdigit() else None
        days = [clear_day(optical)]
        if other is not None and other.shape == optical.shape:
            days.append(clear_day(other, YEARS_APART_DAYS))
        yield Place(f"clear_l1c/{name}", NAMES, "L1C", days, weight=0.28 / 18, group=f"clear_l1c/{city}")


def _city(folder: Path, index: int) -> Float:
    """Every second city is interpolated, the others repeat pixels: users' stacks come in both ways."""
    order = index % 2
    names: tuple[str, ...] = ()
    layers = []
    for resolution, factor in (("10m", 1), ("20m", 2), ("60m", 6)):
        bands, optical = read_image(folder / f"{resolution}.tif")
        names += bands
        layers.append(zoom(optical, (1, factor, factor), order=order, mode="nearest", grid_mode=True))
    height, width = (min(layer.shape[axis] for layer in layers) for axis in (-2, -1))
    return in_order(names, np.concatenate([layer[:, :height, :width] for layer in layers]))[1]


def landscapes(root: Path) -> Iterator[Place]:
    """Reads clear_l2a: 12 bands."""
    for path in sorted((root / "clear_l2a").glob("*.tif")):
        bands, optical = read_image(path)
        yield Place(f"clear_l2a/{path.stem}", bands, "L2A", [clear_day(without_offset(optical))], weight=0.24 / 13)


def chips(root: Path) -> Iterator[Place]:
    """Reads l2a_chips: 200 unrelated chips of 64x64 px, laid side by side."""
    bands, optical = read_image(root / "l2a_chips" / "chips_64px_20x10.tif")
    rows, columns = (size // CHIP_PX for size in optical.shape[-2:])
    cut = optical.reshape(len(bands), rows, CHIP_PX, columns, CHIP_PX).transpose(1, 3, 0, 2, 4)
    for index, chip in enumerate(cut.reshape(-1, len(bands), CHIP_PX, CHIP_PX)):
        day = clear_day(mirrored(chip, MIRRORED_PX))
        yield Place(f"l2a_chips/{index}", bands, "L2A", [day], weight=0.07 / 200)


def with_sar(root: Path) -> Iterator[Place]:
    """Reads sar_optical: S1, L1C and L2A of the same place. Some L1C carry the offset of 1000."""
    for folder in sorted((root / "sar_optical").iterdir()):
        sar = read_image(folder / "s1.tif", scale=1.0)[1]
        for level, file in (("L1C", "l1c.tif"), ("L2A", "l2a.tif")):
            bands, optical = read_image(folder / file)
            yield Place(
                f"sar_optical/{folder.name}/{level}",
                bands,
                "L1C" if level == "L1C" else "L2A",
                [clear_day(without_offset(optical))],
                sar=sar,
                weight=0.14 / 8,
                group=f"sar_optical/{folder.name}",
            )
