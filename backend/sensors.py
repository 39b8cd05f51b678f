"""Sentinel-2 and Sentinel-1 as numbers: band names, wavelengths, digital number to reflectance and back.

Facts: specs of ESA's Sentinel-2 Products Specification Document; reflectance = (DN + offset) / 10000.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, UnknownBands

Level = Literal["L1C", "L2A"]
Float = NDArray[np.float32]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Band:
    name: str
    wavelength_nm: int
    resolution_m: int
    colour: str = ""
    """The common name (STAC `eo:common_name`), where it is unambiguous."""


SENTINEL2: tuple[Band, ...] = (
    Band("B1", 443, 60, "coastal"),
    Band("B2", 490, 10, "blue"),
    Band("B3", 560, 10, "green"),
    Band("B4", 665, 10, "red"),
    Band("B5", 705, 20, "rededge1"),
    Band("B6", 740, 20, "rededge2"),
    Band("B7", 783, 20, "rededge3"),
    Band("B8", 842, 10, "nir"),
    Band("B8A", 865, 20, "nir08"),
    Band("B9", 945, 60, "nir09"),
    Band("B10", 1375, 60, "cirrus"),
    Band("B11", 1610, 20, "swir16"),
    Band("B12", 2190, 20, "swir22"),
)
"""The 13 bands in physical order."""

NAMES = tuple(band.name for band in SENTINEL2)
WAVELENGTH_NM = {band.name: band.wavelength_nm for band in SENTINEL2}

BY_COUNT: dict[int, tuple[str, ...]] = {
    13: NAMES,
    12: tuple(name for name in NAMES if name != "B10"),
    10: ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"),
    4: ("B2", "B3", "B4", "B8"),
    3: ("B4", "B3", "B2"),
}
"""What an unnamed stack of so many bands is taken for; the log says so."""

VV_DB = (-25.0, 0.0)
VH_DB = (-32.5, 0.0)
