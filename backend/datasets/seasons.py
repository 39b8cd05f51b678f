"""Shows a place on another day: light, season and crops change, and not all of it in the same way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from ..sensors import WAVELENGTH_NM, Float
from .skies import smooth_field

MAX_DAYS = 700.0
SEASON_DAYS = 60.0
NOISE = 0.004


def another_day(optical: Float, bands: Sequence[str], rng: np.random.Generator) -> tuple[Float, float]:
    """Changes an image into one of another day: the farther away, the more.

    Fields (patches of like spectrum) get gains of their own in the visible, near and short-wave infrared; everything
    gets a gain for each band, an uneven illumination, up to a pixel of misregistration, and noise.

    Args:
        optical: (C, H, W) reflectance.
        bands: Names of the C bands.
        rng: Chooses everything.

    Returns:
        The image, and the days between.
    """
    days = float(np.exp(rng.uniform(np.log(2.0), np.log(MAX_DAYS))))
    amount = (0.25 + 0.75 * (1 - np.exp(-days / SEASON_DAYS))) * rng.uniform(0.4, 2.0)
    gains = amount * (0.2 * _field_gains(optical, bands, rng) + 0.06 * _illumination(optical, rng))
    gains += (amount * 0.08 * rng.standard_normal(len(bands)))[:, None, None]
    changed = optical * np.exp(np.clip(gains, -0.8, 0.8)) + amount * 0.006 * rng.standard_normal((len(bands), 1, 1))
    if rng.random() < 0.4:
        changed = np.roll(changed, tuple(rng.integers(-1, 2, 2)), axis=(-2, -1))
    changed += NOISE * rng.standard_normal(changed.shape, np.float32)
    return np.clip(changed, 0, None).astype(np.float32), days if rng.random() < 0.5 else -days


def _field_gains(optical: Float, bands: Sequence[str], rng: np.random.Generator) -> Float:
    """Gives (C, H, W) of deviation 1 that are alike within a field."""
    direction = rng.standard_normal(len(bands)).astype(np.float32)
    projected = np.tensordot(direction, optical, 1)
    projected = gaussian_filter(projected, rng.uniform(0.5, 2.0))
    mixed = projected / (projected.std() + 1e-6) + rng.uniform(0, 0.7) * smooth_field(projected.shape, rng, 6)
    count = int(rng.integers(3, 10))
    limits = np.quantile(mixed[::4, ::4], np.linspace(0, 1, count + 1)[1:-1])
    gains = _spectral_gains(count, bands, rng)
    soft: Float = gaussian_filter(gains[:, np.digitize(mixed, limits)], (0, 0.7, 0.7)).astype(np.float32)
    return soft


def _spectral_gains(count: int, bands: Sequence[str], rng: np.random.Generator) -> Float:
    """Gives (C, count): visible, near and short-wave infrared vary together, but not as one."""
    wavelengths = np.array([WAVELENGTH_NM[name] for name in bands])
    region = np.digitize(wavelengths, (720, 1300))
    own = rng.standard_normal((3, count))[region]
    gains: Float = (0.9 * own + 0.3 * rng.standard_normal((len(bands), count))).astype(np.float32)
    return gains


def _illumination(optical: Float, rng: np.random.Generator) -> Float:
    return smooth_field(optical.shape[-2:], rng, int(rng.integers(2, 6)))
