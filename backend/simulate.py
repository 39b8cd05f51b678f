"""Puts synthetic clouds and shadows on clear images: how light changes on its way through a sky.

Perlin noise is added to all bands "in an adaptive manner", as Grohnfeldt, Schmitt and Zhu (2018) did: every band has
its own transparency and brightness of clouds, and its own depth of shadow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cloudfield import CloudField, Kind, Sky
from .sensors import WAVELENGTH_NM, Float, Level

_LOW_SHAPE = {"B1": 0.91, "B2": 0.92, "B3": 0.90, "B4": 1.0, "B5": 1.03, "B6": 1.06, "B7": 1.09, "B8": 1.08}
_LOW_SHAPE |= {"B8A": 1.12, "B9": 0.62, "B10": 0.02, "B11": 0.86, "B12": 0.73}
"""Reflectance of thick water clouds at the top of the atmosphere relative to red."""
_HIGH_SHAPE = {"B1": 1.0, "B2": 1.0, "B3": 0.97, "B4": 0.97, "B5": 0.98, "B6": 0.98, "B7": 0.98, "B8": 0.97}
_HIGH_SHAPE |= {"B8A": 0.97, "B9": 0.72, "B10": 0.45, "B11": 0.6, "B12": 0.45}
"""The same for cirrus: ice absorbs in the short-wave infrared; B10 sees it as little vapour lies above it."""
_LOW_EXPONENT = 0.3
_HIGH_EXPONENT = 0.45
"""Optical depth falls with wavelength to the power of minus this: thin clouds are clearer in the infrared."""


@dataclass(frozen=True)
class Simulated:
    """A clouded image of C bands and H x W pixels, and the truth about its clouds."""

    optical: Float
    """(C, H, W) reflectance."""
    opacity: Float
    """(H, W) share of the ground's light at 550 nm that is lost on its way up, 0..1."""
    shadow: Float
    """(H, W) share of the direct sunlight that is kept from the ground, 0..1."""
    mask: NDArray[np.uint8]
    """(H, W) 0 clear, 1 cloud, 2 shadow, see cloudfield.CLOUD_OPACITY and SHADOW_DEPTH."""


@dataclass(frozen=True)
class Brightness:
    """How bright clouds are; one for a scene."""

    low: float = 0.75
    """Reflectance in red of thick low clouds."""
    high: float = 0.5
    """Reflectance in red of thick high clouds."""
    slope: float = 0.0
    """Tilt of the spectrum: relative change from 550 to 2190 nm."""

    @staticmethod
    def draw(rng: np.random.Generator) -> Brightness:
        return Brightness(rng.uniform(0.5, 0.95), rng.uniform(0.35, 0.6), rng.uniform(-0.15, 0.15))


def simulate(
    clear: Float,
    bands: Sequence[str],
    cover: float,
    rng: np.random.Generator,
    resolution_m: float = 10.0,
    level: Level = "L1C",
    kind: Kind | None = None,
) -> Simulated:
    """Puts a random sky on a clear image.

    Args:
        clear: (C, H, W) reflectance.
        bands: Names of the C bands, see sensors.NAMES.
        cover: Share of the image that becomes cloud, 0..1; shadows come on top.
        rng: Chooses the sky.
        resolution_m: Side of a pixel.
        level: Of the clear image.
        kind: Kind of clouds; drawn if None.
    """
    height, width = clear.shape[-2:]
    sky = CloudField(int(rng.integers(2**62)), cover, height, width, resolution_m, kind).sky(0, 0, height, width)
    optical = add_clouds(clear, bands, level, sky, Brightness.draw(rng))
    return Simulated(optical, sky.opacity, sky.shadow, sky.mask)


def add_clouds(clear: Float, bands: Sequence[str], level: Level, sky: Sky, brightness: Brightness) -> Float:
    """Shows ground through a sky.

    In each band, with path radiance p, diffuse share d of the light, and transmittances t = exp(-k depth):
    shaded = clear - shadow (1 - d) (clear - p); below the veil = t_low shaded + (1 - t_low) r_low relief;
    cloudy = t_high below + (1 - t_high) r_high. Where depth and shadow are 0, cloudy equals clear exactly.

    Args:
        clear: (C, H, W) reflectance.
        bands: Names of the C bands, see sensors.NAMES.
        level: Top of atmosphere (L1C) has path radiance and water vapour, surface reflectance (L2A) has not.
        sky: Of the same H x W pixels.
        brightness: Of the clouds.

    Returns:
        (C, H, W) reflectance.
    """
    # Thin clouds are darker than thick ones: two-stream albedo saturates with depth.
    top = sky.relief * (np.float32(brightness.low) * (1 - np.float32(0.4) * np.exp(sky.low * np.float32(-0.5))))
    has_low, has_high, has_shadow = (bool(layer.any()) for layer in (sky.low, sky.high, sky.shadow))
    cloudy = np.array(clear, np.float32, order="C")
    spare: tuple[Float, Float] = (np.empty_like(cloudy[0]), np.empty_like(cloudy[0]))
    for ground, band in zip(cloudy, bands, strict=True):
        wavelength = WAVELENGTH_NM[band]
        tilt = 1 + brightness.slope * (wavelength - 550) / (2190 - 550)
        if has_shadow:
            shade(ground, sky.shadow, wavelength, level, spare[0])
        if has_low:
            white = np.multiply(top, np.float32(tilt * _low_shape(band, level)), out=spare[0])
            _veil(ground, sky.low, (550 / wavelength) ** _LOW_EXPONENT, white, spare[1])
        if has_high:
            spare[0].fill(brightness.high * _HIGH_SHAPE[band])
            _veil(ground, sky.high, (550 / wavelength) ** _HIGH_EXPONENT, spare[0], spare[1])
    return cloudy


def shade(ground: Float, shadow: Float, wavelength_nm: float, level: Level, spare: Float) -> None:
    """Takes shadow (1 - d) (ground - p) off the ground (H, W) of one band, in place; see add_clouds."""
    air = path_radiance(wavelength_nm) if level == "L1C" else 0.0
    np.subtract(ground, np.float32(air), out=spare)
    np.maximum(spare, 0, out=spare)
    spare *= np.float32(1 - _diffuse_share(wavelength_nm))
    spare *= shadow
    ground -= spare


def _veil(ground: Float, depth: Float, extinction: float, white: Float, spare: Float) -> None:
    """Turns the share 1 - exp(-extinction depth) of the ground white; exactly nothing where the depth is 0."""
    np.exp(np.multiply(depth, np.float32(-extinction), out=spare), out=spare)
    np.subtract(1, spare, out=spare)
    white -= ground
    white *= spare
    ground += white


def _low_shape(band: str, level: Level) -> float:
    """Level 2A has the absorption by water vapour in B9 removed."""
    return 1.12 if band == "B9" and level == "L2A" else _LOW_SHAPE[band]


def path_radiance(wavelength_nm: float) -> float:
    """Reflectance of clear air over black ground: Rayleigh scattering."""
    return 0.075 * (490 / wavelength_nm) ** 4


def _diffuse_share(wavelength_nm: float) -> float:
    """Share of the light that reaches shaded ground from the sky: bluer than the sun."""
    return 0.05 + 0.28 * (490 / wavelength_nm) ** 2
