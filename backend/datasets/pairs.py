"""What a cloudy and a clear image of one place tell of each other: where the ground shows, and what the cloud is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from ..morphology import grow, opened
from ..sensors import NAMES, WAVELENGTH_NM, Bool, Float
from .place import Day, Place

DAYS_APART = 15.0
"""Taken for the days of a pair where they are not known."""
HAZE = 0.01
"""Difference in the blue bands that is no cloud."""
WHITE = 0.35
"""Blue reflectance that a thick cloud has at least."""
WHITEST = 0.99
"""The share of the pixels beyond which the brightest cloud is sought."""
VISIBLE = 0.06
GROW_PX = 6
BRIGHT = 0.3
"""Blue reflectance of snow, on which clouds cannot be measured."""
CLOUDY = 0.95
"""A day whose clear share is smaller is a cloudy one."""
MAX_DAYS_APART = 30.0
"""Between a cloudy day and the one that shows its ground, for a cloud to be taken."""
MIN_MEASURABLE = 0.9
MIN_VEIL = 0.1
MIN_DENSE = 0.02
"""Shares of the image: of ground that is not bright, of cloud and of dense cloud, that a veil needs."""
THIN, DENSE = 0.2, 0.5
"""Opacity up to which the change of the ground hides what the cloud adds, and from which it does not."""
SHADED = 0.65
"""Infrared that is left in a shadow, as a share of the clear day's."""
SHADOW_GROUND = 0.1
"""Near infrared of the clear day below which ground is too dark to show a shadow."""
SHADOW_OPENING_PX = 1
SHADOW_GROW_PX = 2


@dataclass(frozen=True)
class Veil:
    """A real cloud, taken off its ground: cloudy = (1 - opacity) ground + path."""

    name: str
    opacity: Float
    """(H, W) 0..1."""
    path: Float
    """(13, H, W) reflectance that the cloud adds; bands that its image lacks are interpolated."""


def pair_days(cloudy: Float, clear: Day, bands: Sequence[str], apart: float = DAYS_APART) -> list[Day]:
    """Gives the clear day and the cloudy one, which is clear where it shows the same ground.

    Args:
        cloudy: (C, H, W) reflectance.
        clear: The clear day.
        bands: Names of the C bands.
        apart: Days from the clear to the cloudy day.
    """
    return [clear, Day(cloudy, shows_ground(cloudy, clear, bands), clear.day + apart)]


def shows_ground(cloudy: Float, clear: Day, bands: Sequence[str]) -> Bool:
    """Compares a day with a clear one.

    Returns:
        (H, W) measured, and neither cloud nor shadow; nowhere where the clear day cannot tell: in its own clouds and
        on snow.
    """
    ground = clear.optical
    covered = grow(_opacity(cloudy, ground, bands) > VISIBLE, GROW_PX)
    covered |= _shaded(cloudy, ground, bands)
    known: Bool = clear.clear & cloudy.any(axis=0) & (_blue(ground, bands) < BRIGHT)
    known &= ~covered
    return known


def take_veil(name: str, cloudy: Float, clear: Float, bands: Sequence[str]) -> Veil:
    """Takes the cloud off its ground, the clear day standing for it.

    In the blue bands opacity = (cloudy - clear) / (white - clear), white being the brightest cloud of the image; path =
    cloudy - (1 - opacity) clear in every band. Between the days the ground changes too: what thin cloud adds is taken
    to be what the same opacity of the image's dense cloud adds.

    Args:
        name: Of the place.
        cloudy: (C, H, W) reflectance.
        clear: (C, H, W) reflectance.
        bands: Names of the C bands.
    """
    opacity = _opacity(cloudy, clear, bands)
    opacity *= np.clip(opacity / VISIBLE, 0, 1)
    path = np.clip(cloudy - (1 - opacity) * clear, 0, None)
    dense = opacity > DENSE
    spectrum = path[:, dense].sum(axis=1) / max(float(opacity[dense].sum()), 1e-6)
    share = np.clip((opacity - THIN) / (DENSE - THIN), 0, 1)
    path = share * path + (1 - share) * opacity * spectrum[:, None, None]
    return Veil(name, opacity, _all_bands(path.astype(np.float32), bands))


def veil_of(place: Place) -> Veil | None:
    """Takes the cloud of the cloudiest day off the ground of the clear day next to it.

    Returns:
        None if no day is cloudy, none next to it is clear, or the ground is too bright to measure clouds on.
    """
    cloudy = min(place.days, key=lambda day: float(day.clear.mean()))
    clear = min((day for day in place.days if day.is_truth), key=lambda day: abs(day.day - cloudy.day), default=cloudy)
    if cloudy.clear.mean() > CLOUDY or clear is cloudy or abs(clear.day - cloudy.day) > MAX_DAYS_APART:
        return None
    if (_blue(clear.optical, place.bands) < BRIGHT).mean() < MIN_MEASURABLE:
        return None
    veil = take_veil(place.name, cloudy.optical, clear.optical, place.bands)
    is_cloud = (veil.opacity > 0.1).mean() > MIN_VEIL and (veil.opacity > DENSE).mean() > MIN_DENSE
    return veil if is_cloud else None


def _opacity(cloudy: Float, clear: Float, bands: Sequence[str]) -> Float:
    """(H, W) 0..1, see take_veil."""
    over, under = _blue(cloudy, bands), _blue(clear, bands)
    rank = int(WHITEST * (over.size - 1))
    white = max(WHITE, float(np.partition(over, rank, axis=None)[rank]))
    opacity = np.clip((over - under - HAZE) / np.maximum(white - under, 0.1), 0, 1)
    smooth: Float = gaussian_filter(opacity, 1.0).astype(np.float32)
    return smooth


def _blue(optical: Float, bands: Sequence[str]) -> Float:
    """(H, W) mean of the bands that show clouds best."""
    mean: Float = optical[[bands.index(name) for name in ("B1", "B2", "B3") if name in bands]].mean(axis=0)
    return mean


def _shaded(cloudy: Float, clear: Float, bands: Sequence[str]) -> Bool:
    """(H, W) much darker than on the clear day in all of near and short-wave infrared that there is."""
    infrared = [bands.index(name) for name in ("B8", "B11") if name in bands]
    if "B8" not in bands:
        return np.zeros(cloudy.shape[-2:], bool)
    dark: Bool = (cloudy[infrared] < SHADED * clear[infrared]).all(axis=0) & (clear[infrared[0]] > SHADOW_GROUND)
    return grow(opened(dark, SHADOW_OPENING_PX), SHADOW_GROW_PX)


def _all_bands(path: Float, bands: Sequence[str]) -> Float:
    """(C, H, W) to (13, H, W): bands that are missing are interpolated by wavelength."""
    if tuple(bands) == NAMES:
        return path
    order = np.argsort([WAVELENGTH_NM[name] for name in bands])
    known = [WAVELENGTH_NM[bands[index]] for index in order]
    wanted = [WAVELENGTH_NM[name] for name in NAMES]
    shares = np.array([np.interp(wanted, known, unit) for unit in np.eye(len(known))], np.float32)  # (C, 13)
    filled: Float = np.tensordot(shares.T, path[order], 1)
    return filled
