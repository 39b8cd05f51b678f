"""How far a pixel sees through a network that works at several resolutions."""

from __future__ import annotations

from typing import Literal

Step = tuple[Literal["near", "coarser", "finer"], int]
"""near: a neighbourhood of so many pixels on each side; coarser, finer: cells of so many pixels become one, or back."""
Path = list[Step]
"""The way from a network's output back to its input that reaches farthest."""


def radius_px(path: Path, stride_px: int) -> int:
    """Gives the largest distance from an output to an input that it depends on, over all places in the stride."""
    radius = 0
    for pixel in range(stride_px):
        first = last = pixel
        for kind, size in path:
            if kind == "near":
                first, last = first - size, last + size
            elif kind == "coarser":
                first, last = first // size, last // size
            else:
                first, last = first * size, last * size + size - 1
        radius = max(radius, pixel - first, last - pixel)
    return radius
