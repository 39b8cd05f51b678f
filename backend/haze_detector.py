"""Clouds by rules, for images that s2cloudless cannot take: from blue, green and red, better with infrared.

Clouds are bright, white, and above all bluer than ground of equal red. The haze index B - R / 2 (after the
haze-optimised transform of Zhang, Guindon and Cihlar, 2002) is near 0.01 to 0.03 over plants and soil, about 0 over
sand, up to 0.1 over pale soil and salt, and 0.1 to 0.5 in clouds. The rules work on cells of about 20 m:

1. A *core* is hazy, bright and white, and wide enough not to be a roof.
2. *Thin cloud* is hazier than the clear ground around it and lies near a core.
3. Snow is bright in the visible and dark in short-wave infrared; bare ground and roofs are brighter there than in
   near infrared; water is dark in near infrared. None of them is cloud. Without short-wave infrared, snow is taken
   for cloud.

The figures were tuned on places with hand-drawn labels and on clear ones.
"""

from __future__ import annotations

import numpy as np

from .cells import from_cells, local_mean, to_cells
from .mask_files import CLEAR, CLOUD, NODATA, SHADOW, THRESHOLD, Classes
from .morphology import grow, opened
from .sensors import Bool, Float, Level
from .shadows import find_shadows, margin_cells

CELL_M = 20.0

PATH_REFLECTANCE: dict[Level, dict[str, float]] = {
    "L1C": {"B2": 0.05, "B3": 0.05, "B4": 0.025, "B8": 0.01},
    "L2A": {},
}
"""What clear air adds at the top of the atmosphere. For blue a low value, so that haze is rather seen than missed."""

CORE_HAZE = 0.12
CORE_BRIGHTNESS = 0.12
CORE_COLOUR = 0.3
"""Largest deviation of a band from the mean of the three, as a share of it."""
CORE_RADIUS_M = 40.0
THIN_HAZE = 0.025
THIN_EXCESS = 0.0075
"""Haze above that of the clear ground around."""
THIN_BRIGHTNESS = 0.05
THIN_COLOUR = 0.5
THIN_REACH_M = 500.0
SURROUNDINGS_M = 500.0
OPENING_CELLS = 1
RIM_CELLS = 1
"""By which clouds are grown: their edges are mixed cells."""

WATER_NIR = 0.1
SNOW_NDSI = 0.4
SNOW_SWIR = 0.25
"""Snow has (green - SWIR) / (green + SWIR) above the first and reflects less short-wave infrared than the second."""
GROUND_NIR_TO_SWIR = 0.85


class HazeDetector:
    """The rules above, see clouds.Detector.

    Args:
        bands: Names of the image's bands; B2, B3 and B4 are needed.
        level: Of the processing.
        threshold: 0..1; the haze that makes a cloud is proportional to it, as written above at THRESHOLD.
        resolution_m: Side of a pixel in metres.
    """

    def __init__(self, bands: tuple[str, ...], level: Level, threshold: float, resolution_m: float) -> None:
        self._used: list[str] = [band for band in ("B2", "B3", "B4", "B8", "B11") if band in bands]
        self._indexes = [bands.index(band) for band in self._used]
        self._path = PATH_REFLECTANCE[level]
        self._strictness = threshold / THRESHOLD
        self._cell_px = cell_px(resolution_m)
        self._cell_m = self._cell_px * resolution_m
        self.name = f"rules on haze, brightness and colour ({', '.join(self._used)})"
        self.align_px = self._cell_px
        self.margin_px = (self.cloud_margin_cells + margin_cells(self._cell_m)) * self._cell_px

    def __call__(self, optical: Float, valid: Bool) -> Classes:
        cells, measured = to_cells(optical[self._indexes], valid, self._cell_px)
        ground = {band: cell - self._path.get(band, 0.0) for band, cell in zip(self._used, cells, strict=True)}
        cloud = self.find_clouds(ground, measured)
        shadow = find_shadows(ground, measured, cloud, self._cell_m)
        classes = np.select([cloud, shadow], [np.uint8(CLOUD), np.uint8(SHADOW)], np.uint8(CLEAR))
        return np.where(valid, from_cells(classes, self._cell_px, *valid.shape), np.uint8(NODATA))

    def find_clouds(self, ground: dict[str, Float], valid: Bool) -> Bool:
        """Finds the clouds of cells.

        Args:
            ground: (h, w) surface reflectance for each band's name.
            valid: (h, w)
        """
        blue, green, red = (ground[band] for band in ("B2", "B3", "B4"))
        haze = blue - red / 2
        brightness = (blue + green + red) / 3
        deviation = np.max([np.abs(band - brightness) for band in (blue, green, red)], axis=0)
        possible = valid & _no_other_surface(ground)
        core_haze = CORE_HAZE * self._strictness
        core = possible & (haze > core_haze) & (brightness > CORE_BRIGHTNESS) & (deviation < CORE_COLOUR * brightness)
        core = opened(core, self._core_radius())
        around = local_mean(haze, valid & (haze <= 0.7 * core_haze), self._surroundings())
        usual = np.maximum(THIN_HAZE * self._strictness, around + THIN_EXCESS * self._strictness)
        thin = possible & (haze > usual) & (brightness > THIN_BRIGHTNESS) & (deviation < THIN_COLOUR * brightness)
        thin = opened((thin & grow(core, self._reach())) | core, OPENING_CELLS)
        return grow(thin, RIM_CELLS) & valid

    def _core_radius(self) -> int:
        return round(CORE_RADIUS_M / self._cell_m)

    def _reach(self) -> int:
        return round(THIN_REACH_M / self._cell_m)

    def _surroundings(self) -> int:
        return round(SURROUNDINGS_M / self._cell_m)

    @property
    def cloud_margin_cells(self) -> int:
        """Context on each side that the cloud of a cell depends on."""
        widest = max(self._surroundings(), self._reach() + 2 * self._core_radius())
        return widest + 2 * OPENING_CELLS + RIM_CELLS


def cell_px(resolution_m: float) -> int:
    """Side in pixels of a cell of about CELL_M."""
    return max(1, round(CELL_M / resolution_m))


def snow_or_soil(ground: dict[str, Float]) -> Bool:
    """(H, W) snow or bare ground, as far as short-wave infrared tells; nowhere without it."""
    green = ground["B3"]
    if "B11" not in ground:
        return np.zeros(green.shape, bool)
    swir = ground["B11"]
    found: Bool = (green - swir > SNOW_NDSI * (green + swir)) & (swir < SNOW_SWIR)
    if "B8" in ground:
        found |= ground["B8"] < GROUND_NIR_TO_SWIR * swir
    return found


def _no_other_surface(ground: dict[str, Float]) -> Bool:
    """(H, W) neither snow nor bare ground nor water, as far as the bands tell."""
    other = snow_or_soil(ground)
    if "B8" in ground:
        other |= ground["B8"] < WATER_NIR
    return ~other
