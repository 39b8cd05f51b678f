"""SEN12MS-CR: a cloudy and a clear image of one place on two days, some with SAR; and clouds taken out of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from ..sensors import NAMES, Bool, Float
from .place import Day, Place, clear_day, read_image

DAYS_APART = 15.0
"""The two days of a pair lie in one season; which days is not known."""
HAZE = 0.01
"""Difference in the blue bands that is no cloud."""
WHITE = 0.35
"""Blue reflectance that a thick cloud has at least."""
VISIBLE = 0.06
GROW_PX = 6
SNOW = "1158_spring_26"
"""Its clear images are snow, on which clouds cannot be measured."""


@dataclass(frozen=True)
class Veil:
    """A real cloud, taken off its ground: cloudy = (1 - opacity) ground + path."""

    name: str
    opacity: Float
    """(H, W) 0..1."""
    path: Float
    """(13, H, W) reflectance that the cloud adds."""


@dataclass(frozen=True)
class Pair:
    name: str
    cloudy: Float
    """(13, H, W)"""
    clear: Float
    """(13, H, W)"""
    sar: Float | None
    weight: float


def pairs(root: Path) -> Iterator[Pair]:
    """Reads sen12ms-cr and triples; names are those of split.csv and, for sen12ms-cr, a patch behind it."""
    for path in sorted((root / "sen12ms-cr").glob("*_s2/*/*.tif")):
        season, scene, patch = re.findall(r"ROIs(\w+?)_s2_(\d+)_(p\d+)", path.name)[0]
        name = f"{season}_{scene}"
        cloudy = root / "sen12ms-cr" / f"ROIs{season}_s2_cloudy" / f"s2_cloudy_{scene}"
        cloudy = cloudy / f"ROIs{season}_s2_cloudy_{scene}_{patch}.tif"
        yield Pair(f"sen12ms-cr/{name}/{patch}", read_image(cloudy)[1], read_image(path)[1], None, 0.14 / 16)
    for folder in sorted((root / "triples").iterdir()):
        cloudy_image, clear_image = (read_image(folder / f"{name}.tif")[1] for name in ("cloudy", "clear"))
        sar = read_image(folder / "s1.tif", scale=1.0)[1]
        yield Pair(f"triples/{folder.name}", cloudy_image, clear_image, sar, 0.22 / 7)


def as_place(pair: Pair) -> Place:
    """Gives the clear day as truth and the cloudy day as another date, where it is clear."""
    days = [clear_day(pair.clear)]
    if SNOW not in pair.name:
        seen = day_clear(pair)
        days.append(Day(pair.cloudy * seen, seen, DAYS_APART))
    return Place(pair.name, NAMES, "L1C", days, sar=pair.sar, weight=pair.weight)


def day_clear(pair: Pair) -> Bool:
    """(H, W) where the cloudy day shows the ground."""
    opacity = take_veil(pair).opacity
    clear: Bool = ~binary_dilation(opacity > VISIBLE, iterations=GROW_PX)
    return clear


def take_veil(pair: Pair) -> Veil:
    """Takes the cloud off its ground, the clear day standing for it.

    In the blue bands opacity = (cloudy - clear) / (white - clear), white being the brightest cloud of the image;
    path = cloudy - (1 - opacity) clear in every band.
    """
    blue = [NAMES.index(name) for name in ("B1", "B2", "B3")]
    cloudy, clear = pair.cloudy[blue].mean(axis=0), pair.clear[blue].mean(axis=0)
    white = max(WHITE, float(np.percentile(cloudy, 99)))
    opacity = np.clip((cloudy - clear - HAZE) / np.maximum(white - clear, 0.1), 0, 1)
    opacity = gaussian_filter(opacity, 1.0).astype(np.float32)
    path = np.clip(pair.cloudy - (1 - opacity) * pair.clear, 0, None) * np.clip(opacity / VISIBLE, 0, 1)
    return Veil(pair.name, opacity, path.astype(np.float32))
