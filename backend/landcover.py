"""What grounds of synthetic landscapes look like: spectra in Sentinel-2, backscatter in Sentinel-1, the year of crops.

Spectra are typical surface reflectances of the 13 bands, put together by us; no measured spectrum was copied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .sensors import NAMES, WAVELENGTH_NM, Float
from .simulate import path_radiance

SPECTRA: dict[str, tuple[float, ...]] = {
    # B1, B2, B3, B4, B5, B6, B7, B8, B8A, B9, B10, B11, B12
    "water": (0.030, 0.035, 0.032, 0.016, 0.012, 0.008, 0.008, 0.007, 0.006, 0.006, 0.003, 0.003, 0.002),
    "river": (0.040, 0.052, 0.068, 0.045, 0.036, 0.022, 0.021, 0.018, 0.015, 0.012, 0.003, 0.004, 0.003),
    "broadleaf": (0.014, 0.018, 0.042, 0.021, 0.065, 0.225, 0.300, 0.320, 0.335, 0.335, 0.1, 0.155, 0.070),
    "conifer": (0.012, 0.015, 0.029, 0.018, 0.042, 0.130, 0.165, 0.182, 0.190, 0.190, 0.06, 0.090, 0.042),
    "grass": (0.028, 0.038, 0.078, 0.055, 0.120, 0.265, 0.315, 0.335, 0.345, 0.345, 0.1, 0.235, 0.135),
    "sand": (0.140, 0.180, 0.245, 0.295, 0.315, 0.330, 0.345, 0.360, 0.370, 0.375, 0.1, 0.450, 0.420),
    "asphalt": (0.070, 0.078, 0.088, 0.096, 0.102, 0.110, 0.115, 0.120, 0.124, 0.126, 0.05, 0.140, 0.130),
    "track": (0.075, 0.100, 0.140, 0.175, 0.195, 0.220, 0.235, 0.250, 0.260, 0.262, 0.1, 0.310, 0.260),
    "red roof": (0.058, 0.075, 0.105, 0.185, 0.205, 0.222, 0.240, 0.255, 0.265, 0.270, 0.1, 0.290, 0.265),
    "grey roof": (0.110, 0.122, 0.132, 0.140, 0.145, 0.150, 0.155, 0.160, 0.165, 0.166, 0.05, 0.190, 0.180),
    "white roof": (0.300, 0.350, 0.375, 0.385, 0.390, 0.392, 0.395, 0.400, 0.400, 0.400, 0.1, 0.380, 0.340),
    "dark soil": (0.042, 0.052, 0.072, 0.094, 0.104, 0.114, 0.124, 0.134, 0.142, 0.148, 0.06, 0.205, 0.180),
    "light soil": (0.065, 0.090, 0.130, 0.178, 0.198, 0.218, 0.238, 0.258, 0.275, 0.282, 0.1, 0.355, 0.315),
    "green crop": (0.018, 0.026, 0.062, 0.030, 0.095, 0.330, 0.425, 0.450, 0.465, 0.465, 0.1, 0.200, 0.095),
    "ripe crop": (0.058, 0.085, 0.140, 0.190, 0.225, 0.265, 0.290, 0.315, 0.330, 0.335, 0.1, 0.375, 0.265),
    "flowers": (0.028, 0.038, 0.145, 0.150, 0.200, 0.370, 0.430, 0.450, 0.460, 0.460, 0.1, 0.225, 0.120),
}
BACKSCATTER_DB: dict[str, tuple[float, float]] = {
    # VV, VH
    "water": (-21.0, -28.0),
    "river": (-19.5, -27.0),
    "broadleaf": (-9.2, -14.8),
    "conifer": (-9.8, -15.6),
    "grass": (-12.2, -19.0),
    "sand": (-15.5, -24.0),
    "asphalt": (-14.5, -22.5),
    "track": (-13.0, -20.5),
    "red roof": (-4.0, -12.5),
    "grey roof": (-3.0, -12.0),
    "white roof": (-1.5, -11.0),
    "dark soil": (-12.0, -20.5),
    "light soil": (-13.5, -22.0),
    "green crop": (-10.8, -16.8),
    "ripe crop": (-13.5, -19.5),
    "flowers": (-10.2, -15.0),
}


@dataclass(frozen=True)
class Crop:
    """The year of a crop, in days of the year."""

    emerges: float
    green: float
    ripens: float
    harvest: float
    flowers: tuple[float, float] = (0.0, 0.0)


CROPS: dict[str, Crop] = {
    "wheat": Crop(emerges=60, green=110, ripens=160, harvest=205),
    "barley": Crop(emerges=55, green=100, ripens=145, harvest=180),
    "rapeseed": Crop(emerges=50, green=90, ripens=170, harvest=200, flowers=(110, 145)),
    "maize": Crop(emerges=130, green=190, ripens=250, harvest=275),
    "beet": Crop(emerges=115, green=165, ripens=290, harvest=300),
    "fallow": Crop(emerges=366, green=367, ripens=368, harvest=369),
}
VARIANTS = 8
"""Fields of one crop differ in soil, vigour and a few days of growth."""
FIXED = ("water", "river", "broadleaf", "conifer", "grass", "sand", "asphalt", "track")
ROOFS = ("red roof", "grey roof", "white roof")
GROUNDS = (*FIXED, *ROOFS, *(f"{crop} {variant}" for crop in CROPS for variant in range(VARIANTS)))
"""Names of the grounds; a map of a landscape holds their indices."""
CODE = {name: index for index, name in enumerate(GROUNDS)}


def surface(day: float) -> tuple[Float, Float]:
    """Gives how each ground looks on a day of the year.

    Returns:
        (N, 13) surface reflectance and (N, 2) VV and VH in dB of the N GROUNDS.
    """
    mixes = [_mix(name, day) for name in GROUNDS]
    reflectance = [sum(share * np.array(SPECTRA[part]) for part, share in mix.items()) for mix in mixes]
    power = [sum(share * 10 ** (np.array(BACKSCATTER_DB[part]) / 10) for part, share in mix.items()) for mix in mixes]
    return np.array(reflectance, dtype=np.float32), (10 * np.log10(np.array(power))).astype(np.float32)


def top_of_atmosphere(surface_reflectance: Float) -> Float:
    """Gives (13, H, W) reflectance at the top of a clear atmosphere: path + transmittance * surface.

    Water vapour swallows most of B9 and nearly all of B10.
    """
    seen = np.empty_like(surface_reflectance)
    for band, ground, out in zip(NAMES, surface_reflectance, seen, strict=True):
        path = path_radiance(WAVELENGTH_NM[band])
        transmittance = {"B9": 0.38, "B10": 0.006}.get(band, 0.97 - 1.6 * path)
        out[...] = path + transmittance * ground
    return seen


def _mix(name: str, day: float) -> dict[str, float]:
    """Gives the shares of the spectra that make up a ground."""
    crop, _, variant = name.rpartition(" ")
    if crop not in CROPS:
        return {name: 1.0}
    number = int(variant)
    year, day = CROPS[crop], day + (number * 5) % VARIANTS * 3 - 10
    light = 0.15 + 0.7 * (number % 4) / 3
    vigour = 0.75 + 0.25 * (number * 3 % VARIANTS) / (VARIANTS - 1)
    cover = vigour * _rise(day, year.emerges, year.green) * (1 - 0.8 * _rise(day, year.harvest, year.harvest + 4))
    ripe = _rise(day, year.ripens, year.harvest)
    first, last = year.flowers
    bloom = 0.85 * _rise(day, first, first + 8) * (1 - _rise(day, last - 8, last))
    return {
        "dark soil": (1 - cover) * (1 - light),
        "light soil": (1 - cover) * light,
        "green crop": cover * (1 - ripe) * (1 - bloom),
        "ripe crop": cover * ripe,
        "flowers": cover * (1 - ripe) * bloom,
    }


def _rise(day: float, start: float, end: float) -> float:
    """Climbs from 0 at start to 1 at end."""
    share = min(max((day - start) / max(end - start, 1e-6), 0.0), 1.0)
    return share * share * (3 - 2 * share)
