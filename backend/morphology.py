"""Shapes of masks: growing, shrinking, opening, and the soft inner rim on which two images blend."""

from __future__ import annotations

import math

import numpy as np

from .sensors import Bool, Float


def grow(mask: Bool, px: int) -> Bool:
    """Grows a mask by a round element: a pixel is set where the mask has one at a distance of at most px.

    The disc is a stack of rows, so growing takes 4 px shifts of the whole array, whatever the mask looks like.

    Args:
        mask: (H, W)
        px: Radius in pixels; 0 gives a copy.

    Returns:
        (H, W)
    """
    grown = np.zeros_like(mask)
    row = mask.copy()
    width = 0
    for dy in range(px, -1, -1):
        while width < math.isqrt(px * px - dy * dy):
            width += 1
            row[:, width:] |= mask[:, :-width]
            row[:, :-width] |= mask[:, width:]
        if dy == 0:
            grown |= row
        else:
            grown[dy:] |= row[:-dy]
            grown[:-dy] |= row[dy:]
    return grown


def shrink(mask: Bool, px: int) -> Bool:
    """Shrinks a mask by a round element; beyond the array it counts as not set.

    Args:
        mask: (H, W)
        px: Radius in pixels.

    Returns:
        (H, W)
    """
    outside = grow(np.pad(~mask, px, constant_values=True), px)
    height, width = mask.shape
    return ~outside[px : px + height, px : px + width]


def opened(mask: Bool, px: int) -> Bool:
    """Drops what is too thin to hold a disc of radius px. Shape (H, W)."""
    return grow(shrink(mask, px), px)


def feather(replace: Bool, px: int) -> Float:
    """Weights of what replaces the image: soft on the rim of the replaced pixels, on their inner side only.

    With d the distance in pixels to the nearest pixel that is not replaced, the weight is d / (px + 1) up to d = px
    and 1 deeper. Beyond the array nothing is known, so its edge is no rim.

    Args:
        replace: (H, W) what is replaced at all.
        px: Width of the rim in pixels; 0 for a hard one.

    Returns:
        (H, W) weights 0..1, 0 exactly where not replaced.
    """
    squared = np.where(replace, np.float32(np.inf), np.float32(0))
    for axis in (0, 1):
        squared = _nearest_squared(squared, px, axis)
    distance = np.sqrt(squared)
    return np.where(distance <= px, distance / np.float32(px + 1), replace.astype(np.float32))


def _nearest_squared(squared: Float, px: int, axis: int) -> Float:
    """One of the two passes of the squared distance transform, for distances up to px."""
    source = np.moveaxis(squared, axis, 0)
    nearest = source.copy()
    for step in range(1, min(px, len(source) - 1) + 1):
        np.minimum(nearest[step:], source[:-step] + step * step, out=nearest[step:])
        np.minimum(nearest[:-step], source[step:] + step * step, out=nearest[:-step])
    return np.moveaxis(nearest, 0, axis)
