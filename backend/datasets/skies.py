"""Puts a sky over clear ground: simulated or taken from a real image, with a mask as good or bad as real ones are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion

from ..cloudfield import BASE_M, Kind, Sun
from ..errors import InputError
from ..sensors import NAMES, WAVELENGTH_NM, Bool, Float, Level
from ..simulate import shade, simulate
from .choices import Choices
from .pairs import Veil
from .view import turned

THICK: tuple[Kind, ...] = ("cumulus", "stratus", "mixed")
"""Skies with low clouds."""
MASK_LIMITS = (0.05, 0.05, 0.1, 0.15, 0.25)
"""Opacities from which detectors see a cloud."""
SHADOW_LIMIT = 0.15
MAX_GROW_PX = 7
SIMULATED_SHARE = 0.6
MAX_HAZE = 0.25
SHADOW_SHARE = 0.7
RESOLUTION_M = 10.0


@dataclass(frozen=True)
class Clouded:
    optical: Float
    """(C, H, W) reflectance."""
    mask: Bool
    """(H, W) what a detector would take for cloud or shadow."""


def clouded(
    clear: Float, bands: Sequence[str], level: Level, veils: Sequence[Veil], rng: np.random.Generator, choices: Choices
) -> Clouded:
    """Clouds clear ground at random.

    Args:
        clear: (C, H, W) reflectance.
        bands: Names of the C bands.
        level: Of the image.
        veils: Real clouds to choose from; may be empty.
        rng: Chooses everything.
        choices: Which clouds, and how often.

    Raises:
        InputError: Real clouds shall be transplanted, and there are none.
    """
    if _simulated(veils, rng, choices):
        kind: Kind = "cirrus" if rng.random() < choices.thin else THICK[rng.integers(len(THICK))]
        result = simulate(clear, bands, rng.uniform(*choices.cover), rng, level=level, kind=kind)
        optical, opacity, shadow = result.optical, result.opacity, result.shadow
    else:
        optical, opacity, shadow = transplant(clear, bands, level, veils[int(rng.integers(len(veils)))], rng)
    if rng.random() < choices.haze:
        optical = hazed(optical, bands, rng)
    return Clouded(optical, detected(opacity, shadow, rng))


def _simulated(veils: Sequence[Veil], rng: np.random.Generator, choices: Choices) -> bool:
    if choices.clouds == "transplanted":
        if not veils:
            raise InputError(
                "Real clouds shall be transplanted, but the data hold no cloudy image with a clear one beside it.",
                "Add such pairs, or choose clouds: simulated or mixed.",
            )
        return False
    return choices.clouds == "simulated" or not veils or rng.random() < SIMULATED_SHARE


def transplant(
    clear: Float,
    bands: Sequence[str],
    level: Level,
    veil: Veil,
    rng: np.random.Generator,
    resolution_m: float = RESOLUTION_M,
) -> tuple[Float, Float, Float]:
    """Lays a real cloud, turned and mirrored, over clear ground, often with its shadow.

    The cloud lies at some height under some sun, and darkens the ground away from it as simulated clouds do; beyond its
    image it goes on mirrored.

    Returns:
        Reflectance (C, H, W), opacity and shadow (H, W).
    """
    way = int(rng.integers(8))
    whole = turned(veil.opacity, way)
    row, column = (
        int(rng.integers(max(have - need, 0) + 1)) for have, need in zip(whole.shape, clear.shape[-2:], strict=True)
    )
    opacity = _mirrored(whole, row, column, clear.shape[-2:])
    shadow = np.zeros_like(opacity)
    if rng.random() < SHADOW_SHARE:
        down, right = Sun.draw(rng).shadow_shift(rng.uniform(*BASE_M), resolution_m)
        shadow = _mirrored(whole, row - down, column - right, clear.shape[-2:]) * np.float32(rng.uniform(0.4, 0.9))
    brightness = np.float32(rng.uniform(0.85, 1.15))
    clouded = np.array(clear, np.float32, order="C")
    below, spare = 1 - opacity, np.empty_like(opacity)
    for ground, name in zip(clouded, bands, strict=True):
        shade(ground, shadow, WAVELENGTH_NM[name], level, spare)
        ground *= below
        path = turned(veil.path[NAMES.index(name)], way)
        ground += np.multiply(_mirrored(path, row, column, clear.shape[-2:]), brightness, out=spare)
    return clouded, opacity, shadow


def _mirrored(array: Float, row: int, column: int, shape: tuple[int, ...]) -> Float:
    """Cuts a window out of an array (H, W) that goes on mirrored on all sides."""
    if 0 <= row <= array.shape[0] - shape[0] and 0 <= column <= array.shape[1] - shape[1]:
        return np.ascontiguousarray(array[row : row + shape[0], column : column + shape[1]])
    steps = []
    for start, length, side in zip((row, column), shape, array.shape, strict=True):
        step = np.arange(start, start + length) % (2 * side)
        steps.append(np.minimum(step, 2 * side - 1 - step))
    return np.ascontiguousarray(array[steps[0]][:, steps[1]])


def hazed(optical: Float, bands: Sequence[str], rng: np.random.Generator, most: float = MAX_HAZE) -> Float:
    """Adds a thin smooth veil that no mask shows, bluer than clouds."""
    field = np.clip(np.float32(0.6) + np.float32(0.4) * smooth_field(optical.shape[-2:], rng, 4), 0, 1)
    field *= np.float32(rng.uniform(0, most))
    exponent, white = rng.uniform(0.5, 2.0), np.float32(rng.uniform(0.3, 0.7))
    veiled: Float = optical.copy()
    for ground, name in zip(veiled, bands, strict=True):
        if name != "B10":  # the vapour above the haze is opaque there
            depth = (490 / max(WAVELENGTH_NM[name], 490)) ** exponent
            ground += field * np.float32(depth) * (white - ground)
    return veiled


def detected(opacity: Float, shadow: Float, rng: np.random.Generator) -> Bool:
    """Gives the mask that an imperfect detector would give: it misses thin cloud, and grows what it finds."""
    limit = rng.choice(MASK_LIMITS)
    mask = (opacity > limit) | (shadow > SHADOW_LIMIT)
    mask = binary_erosion(mask, border_value=1)  # no single pixels
    grow_px = int(rng.integers(MAX_GROW_PX + 1))
    grown: Bool = binary_dilation(mask, iterations=grow_px) if grow_px else mask
    return grown


def smooth_field(shape: tuple[int, ...], rng: np.random.Generator, cells: int) -> Float:
    """Gives a smooth random field (H, W) of mean about 0 and deviation about 1."""
    rows, columns = (_weights(size, cells + 1) for size in shape)
    field: Float = rows @ (rng.standard_normal((cells + 1, cells + 1), np.float32) @ columns.T)
    return field


@lru_cache(maxsize=64)
def _weights(size: int, cells: int) -> Float:
    """Gives (size, cells): how much each of so many even cells counts for a pixel, bilinearly between their middles."""
    position = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
    weights: Float = np.maximum(1 - np.abs(position[:, None] - np.arange(cells)), 0).astype(np.float32)
    return weights
