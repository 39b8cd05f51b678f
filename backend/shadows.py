"""Shadows of clouds: ground that is much darker than its surroundings in near and short-wave infrared, near a cloud.

Where the sun stands is not known here, so a shadow may lie on any side of its cloud. Blue light from the sky fills
shadows, infrared does not; water is dark in infrared too, and is told apart by its green. Without a near-infrared band
shadows cannot be told from dark ground and are not sought.
"""

from __future__ import annotations

import numpy as np

from .cells import local_mean
from .morphology import grow, opened
from .sensors import Bool, Float

REACH_M = 1200.0
"""How far from its cloud a shadow is sought: a cloud top at 1200 m with the sun at 45 degrees."""
SURROUNDINGS_M = 600.0
"""Radius within which the ground's usual brightness is measured."""
OPENING_CELLS = 1

NIR_RATIO = 0.8
SWIR_RATIO = 0.85
"""A shadow is darker than these shares of its surroundings' mean."""
NIR_RANGE = (0.035, 0.2)
"""Reflectance of shaded land in near infrared: what is darker is taken for water."""
WATER_NDWI = -0.2
"""(green - NIR) / (green + NIR) above which dark ground is taken for water. Shaded plants and soil lie below."""


def margin_cells(cell_m: float) -> int:
    """Context on each side that a cell's class depends on, beyond that of the clouds."""
    return max(_cells(REACH_M, cell_m), _cells(SURROUNDINGS_M, cell_m) + 2 * OPENING_CELLS)


def find_shadows(ground: dict[str, Float], valid: Bool, cloud: Bool, cell_m: float) -> Bool:
    """Finds the shadows that clouds cast.

    Args:
        ground: (H, W) surface reflectance for each band's name; B3 and B8 are needed, B11 helps.
        valid: (H, W)
        cloud: (H, W)
        cell_m: Side of a cell in metres.

    Returns:
        (H, W) shadow; nowhere cloud, all False without the bands.
    """
    free = valid & ~cloud
    if not {"B3", "B8"} <= ground.keys() or not cloud.any():
        return np.zeros_like(cloud)
    green, nir = ground["B3"], ground["B8"]
    radius = _cells(SURROUNDINGS_M, cell_m)
    dark = free & (nir > NIR_RANGE[0]) & (nir < NIR_RANGE[1]) & (nir < NIR_RATIO * local_mean(nir, free, radius))
    if "B11" in ground:
        dark &= ground["B11"] < SWIR_RATIO * local_mean(ground["B11"], free, radius)
    dark &= ~is_water(green, nir)
    return opened(dark, OPENING_CELLS) & grow(cloud, _cells(REACH_M, cell_m))


def is_water(green: Float, nir: Float) -> Bool:
    """(H, W) what is taken for water rather than for shaded land."""
    water: Bool = green - nir > WATER_NDWI * (green + nir)
    return water


def _cells(length_m: float, cell_m: float) -> int:
    return round(length_m / cell_m)
