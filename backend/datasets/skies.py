"""Puts a sky over clear ground: simulated or taken from a real image, with a mask as good or bad as real ones are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion, zoom

from ..cloudfield import Kind
from ..errors import InputError
from ..sensors import NAMES, WAVELENGTH_NM, Bool, Float, Level
from ..simulate import simulate
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
MAX_SHADOW_SHIFT_PX = 40


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
        optical, opacity, shadow = transplant(clear, bands, veils[int(rng.integers(len(veils)))], rng)
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


def transplant(clear: Float, bands: Sequence[str], veil: Veil, rng: np.random.Generator) -> tuple[Float, Float, Float]:
    """Lays a real cloud, turned and mirrored, over clear ground, often with a simulated shadow.

    Returns:
        Reflectance (C, H, W), opacity and shadow (H, W).
    """
    height, width = clear.shape[-2:]
    layers = np.concatenate([veil.opacity[None], veil.path[[NAMES.index(name) for name in bands]]])
    layers = turned(layers, int(rng.integers(8)))
    row, column = (
        rng.integers(max(have - need, 0) + 1) for have, need in zip(layers.shape[1:], (height, width), strict=True)
    )
    layers = layers[:, row : row + height, column : column + width]
    short = height - layers.shape[1], width - layers.shape[2]
    layers = np.pad(layers, ((0, 0), (0, short[0]), (0, short[1])), mode="symmetric")
    opacity, path = layers[0], layers[1:] * np.float32(rng.uniform(0.85, 1.15))
    shadow = np.zeros_like(opacity)
    if rng.random() < SHADOW_SHARE:
        shift = rng.integers(-MAX_SHADOW_SHIFT_PX, MAX_SHADOW_SHIFT_PX + 1, 2)
        shadow = np.roll(opacity, tuple(shift), axis=(0, 1)) * np.float32(rng.uniform(0.4, 0.9))
    diffuse = np.array([0.05 + 0.28 * (WAVELENGTH_NM[name] / 490) ** -2.0 for name in bands], np.float32)
    shaded = clear * (1 - shadow * (1 - diffuse[:, None, None]))
    return (1 - opacity) * shaded + path, opacity, shadow


def hazed(optical: Float, bands: Sequence[str], rng: np.random.Generator) -> Float:
    """Adds a thin smooth veil that no mask shows, bluer than clouds."""
    field = smooth_field(optical.shape[-2:], rng, 4)
    field = rng.uniform(0, MAX_HAZE) * np.clip(0.6 + 0.4 * field, 0, 1)
    exponent = rng.uniform(0.5, 2.0)
    depth = np.array([(490 / max(WAVELENGTH_NM[name], 490)) ** exponent for name in bands], np.float32)
    opacity = depth[:, None, None] * field
    veiled: Float = optical * (1 - opacity) + opacity * np.float32(rng.uniform(0.3, 0.7))
    return veiled


def detected(opacity: Float, shadow: Float, rng: np.random.Generator) -> Bool:
    """Gives the mask that an imperfect detector would give: it misses thin cloud, and grows what it finds."""
    limit = rng.choice(MASK_LIMITS)
    mask = (opacity > limit) | (shadow > SHADOW_LIMIT)
    mask = binary_erosion(mask)  # no single pixels
    grow_px = int(rng.integers(MAX_GROW_PX + 1))
    grown: Bool = binary_dilation(mask, iterations=grow_px) if grow_px else mask
    return grown


def smooth_field(shape: tuple[int, ...], rng: np.random.Generator, cells: int) -> Float:
    """Gives a smooth random field (H, W) of mean about 0 and deviation about 1."""
    coarse = rng.standard_normal((cells + 1, cells + 1)).astype(np.float32)
    factors = [size / (cells + 1) for size in shape]
    field: Float = zoom(coarse, factors, order=1, mode="nearest", grid_mode=True)
    return field
