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
MAX_GAIN = 0.8
"""Of its logarithm."""


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
    gains = _field_gains(optical, bands, rng, 0.2 * amount, 0.08 * amount)
    uneven = np.float32(0.06 * amount) * smooth_field(optical.shape[-2:], rng, int(rng.integers(2, 6)))
    lighter = (0.006 * amount * rng.standard_normal(len(bands))).astype(np.float32)
    noise = rng.random(optical.shape, np.float32)
    for gain, light, grain, ground in zip(gains, lighter, noise, optical, strict=True):
        gain += uneven
        np.exp(np.clip(gain, -MAX_GAIN, MAX_GAIN, out=gain), out=gain)
        gain *= ground
        grain *= np.float32(NOISE * 12**0.5)
        gain += grain
        gain += light - np.float32(NOISE * 3**0.5)
    if rng.random() < 0.4:
        gains = np.roll(gains, tuple(rng.integers(-1, 2, 2)), axis=(-2, -1))
    return np.maximum(gains, 0, out=gains), days if rng.random() < 0.5 else -days


def _field_gains(
    optical: Float, bands: Sequence[str], rng: np.random.Generator, fields: float, all_over: float
) -> Float:
    """Gives (C, H, W) that are alike within a field and change softly between two.

    Args:
        optical: (C, H, W) reflectance.
        bands: Names of the C bands.
        rng: Chooses everything.
        fields: Standard deviation between fields.
        all_over: Standard deviation between bands.
    """
    direction = rng.standard_normal(len(bands), np.float32)
    projected = np.tensordot(direction, optical, 1)
    projected = gaussian_filter(projected, rng.uniform(0.5, 2.0), truncate=2.5)
    mixed = projected / (projected.std() + np.float32(1e-6))
    mixed += np.float32(rng.uniform(0, 0.7)) * smooth_field(projected.shape, rng, 6)
    count = int(rng.integers(3, 10))
    limits = np.quantile(mixed[::4, ::4], np.linspace(0, 1, count + 1)[1:-1])
    field = np.digitize(mixed, limits)
    shares = np.empty((count, *mixed.shape), np.float32)
    for number, share in enumerate(shares):
        np.equal(field, number, out=share)
        _soften(share)
    gains = fields * _spectral_gains(count, bands, rng) + all_over * rng.standard_normal((len(bands), 1))
    every: Float = np.tensordot(gains.astype(np.float32), shares, 1)
    return every


def _soften(share: Float) -> None:
    """Smooths along both axes with weights 0.2, 0.6, 0.2, the outermost pixels but along the edge."""
    for along in (share, share.T):
        middle = along[1:-1] * np.float32(0.6)
        middle += (along[:-2] + along[2:]) * np.float32(0.2)
        along[1:-1] = middle


def _spectral_gains(count: int, bands: Sequence[str], rng: np.random.Generator) -> Float:
    """Gives (C, count): visible, near and short-wave infrared vary together, but not as one."""
    wavelengths = np.array([WAVELENGTH_NM[name] for name in bands])
    region = np.digitize(wavelengths, (720, 1300))
    own = rng.standard_normal((3, count))[region]
    gains: Float = (0.9 * own + 0.3 * rng.standard_normal((len(bands), count))).astype(np.float32)
    return gains
