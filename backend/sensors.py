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

from .errors import InputError, UncalibratedSar, UnknownBands

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

TOLERANCE_NM = 25
_BAND_NAME = re.compile(r"(?:^|[^a-z0-9])b(?:and)?[ _]?0?(\d{1,2}a?)(?![0-9a-z])", re.IGNORECASE)
_NANOMETRES = re.compile(r"(\d{3,4}(?:\.\d+)?)\s*nm", re.IGNORECASE)


def band_name(description: str) -> str | None:
    """Gives the band that a description names: `B02`, `B2, central wavelength 490 nm`, `blue`, `842 nm`, or None."""
    match = _BAND_NAME.search(description)
    if match and f"B{match[1].upper()}" in NAMES:
        return f"B{match[1].upper()}"
    for band in SENTINEL2:
        if description.strip().lower() == band.colour:
            return band.name
    wavelength = _NANOMETRES.search(description)
    if wavelength:
        nearest = min(SENTINEL2, key=lambda band: abs(band.wavelength_nm - float(wavelength[1])))
        if abs(nearest.wavelength_nm - float(wavelength[1])) <= TOLERANCE_NM:
            return nearest.name
    return None


def name_bands(
    path: str, descriptions: Sequence[str | None], asked: Sequence[str] | None
) -> tuple[tuple[str, ...], str]:
    """Names the bands of a file: as the user says, else from their descriptions, else from their number.

    Args:
        path: Named in errors.
        descriptions: One for each band; None where the file has none.
        asked: The user's names in file order.

    Returns:
        The names, and a sentence on where they come from.

    Raises:
        UnknownBands: No rule gives each band a name of its own.
    """
    count = len(descriptions)
    if asked is not None:
        names = [band_name(name) for name in asked]
        source = "the bands are named as asked"
        problem = f"{count} names were expected, got {', '.join(asked)}"
    elif any(descriptions):
        names = [band_name(description or "") for description in descriptions]
        source = "the bands are named by their descriptions"
        problem = f"the descriptions {', '.join(repr(d) for d in descriptions)} do not name each a different band"
    else:
        names = list(BY_COUNT.get(count, ()))
        source = f"the {count} bands have no names and are taken for {', '.join(BY_COUNT.get(count, ()))}"
        problem = f"they have no names, and stacks of {', '.join(map(str, BY_COUNT))} bands only can be told by number"
    found = tuple(name for name in names if name)
    if len(found) != count or len(set(found)) != count:
        raise UnknownBands(path, count, problem, NAMES)
    return found, source


def level_of(bands: Sequence[str]) -> Level:
    """Tells the processing level by the cirrus band, which L2A products do not have."""
    return "L1C" if "B10" in bands else "L2A"


@dataclass(frozen=True)
class Scaling:
    """Digital number to reflectance and back: reflectance = DN * scale + shift, for each band."""

    scale: Float
    """(C,)"""
    shift: Float
    """(C,) in reflectance"""

    @classmethod
    def uniform(cls, bands: int, scale: float, shift: float = 0.0) -> Scaling:
        """The same scale and shift for each of so many bands."""
        return cls(np.full(bands, scale, np.float32), np.full(bands, shift, np.float32))

    def to_reflectance(self, digital_numbers: np.ndarray) -> Float:
        """(C, H, W) digital numbers of any type to float32 reflectance."""
        values = digital_numbers.astype(np.float32)
        values *= self.scale[:, None, None]
        values += self.shift[:, None, None]
        return values

    def to_digital_numbers(self, reflectance: Float, dtype: np.dtype, nodata: float | None) -> np.ndarray:
        """(C, H, W) reflectance to digital numbers: rounded and clipped to the type, and never nodata."""
        values = (reflectance - self.shift[:, None, None]) / self.scale[:, None, None]
        if not np.issubdtype(dtype, np.integer):
            numbers = values.astype(dtype)
            if nodata is not None:
                numbers[numbers == nodata] = np.nextafter(dtype.type(nodata), dtype.type(np.inf))
            return numbers
        limits = np.iinfo(dtype)
        wide = values.astype(np.float64) if limits.bits > 16 else values  # float32 cannot tell the largest of 32 bits
        numbers = np.clip(np.rint(wide), limits.min, limits.max).astype(dtype)
        if nodata is not None:
            numbers[numbers == nodata] = nodata + 1 if nodata < limits.max else nodata - 1
        return numbers


def find_scaling(
    dtype: np.dtype, tags: Sequence[tuple[float, float]], offset: float | None, typical: float
) -> tuple[Scaling, str]:
    """Finds how digital numbers become reflectance.

    Args:
        dtype: The file's data type.
        tags: GDAL's scale and offset of each band; (1, 0) where there are none.
        offset: Added to the digital numbers before the division by 10000, as product or user say; None if neither does.
        typical: A high percentile of the values, which tells reflectance from digital numbers in float files.

    Returns:
        The scaling and a sentence for the log.
    """
    count = len(tags)
    if offset is not None:
        return Scaling.uniform(count, 1e-4, offset * 1e-4), f"reflectance = (DN {offset:+g}) / 10000"
    if any(tag != (1.0, 0.0) for tag in tags):
        scale, shift = np.array(tags, dtype=np.float32).T
        return Scaling(scale, shift), f"reflectance = DN * {scale[0]:g} {shift[0]:+g}, from the file's scale and offset"
    if dtype == np.uint8:
        return Scaling.uniform(count, 1 / 255), "8 bit: a display image, taken as 0..255 for reflectance 0..1"
    if np.issubdtype(dtype, np.floating) and typical <= 5:
        return Scaling.uniform(count, 1.0), "floating point: taken as reflectance"
    return Scaling.uniform(
        count, 1e-4
    ), "reflectance = DN / 10000, no offset (none is stated; --offset -1000 if it is missing)"


UNHANDLED_OFFSET = (0.09, 0.125)
"""Where the darkest clear pixels lie when the offset -1000 of baseline 04.00 was not applied."""


def sar_decibels(path: str, values: Float, median: float) -> Float:
    """Gives Sentinel-1 backscatter in dB, from dB or linear power, told apart by the median.

    Args:
        path: Named in errors.
        values: (2, H, W) VV and VH; NaN where missing.
        median: Of the whole file.

    Raises:
        UncalibratedSar: The values are neither.
    """
    if median < 0:
        return values
    if median > 2:
        raise UncalibratedSar(
            path,
            f"its median is {median:.4g}, where dB lies near -11 (VV) and -18 (VH) and linear power between 0 and 1",
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels: Float = (10 * np.log10(np.where(values > 0, values, np.nan))).astype(np.float32)
    return decibels


def sar_bands(path: str, descriptions: Sequence[str | None]) -> tuple[int, int]:
    """Finds VV and VH among the bands of a file, by description, else by order.

    Returns:
        The indexes of VV and VH, from 0.

    Raises:
        InputError: The file has fewer than two bands.
    """
    upper = [(description or "").upper() for description in descriptions]
    found = [next((i for i, text in enumerate(upper) if name in text), None) for name in ("VV", "VH")]
    if found[0] is not None and found[1] is not None:
        return found[0], found[1]
    if len(descriptions) < 2:
        raise InputError(
            f"The SAR file {path} has {len(descriptions)} band; VV and VH were expected.",
            "Give a file with both polarisations, VV first.",
        )
    return 0, 1
