"""Synthetic clouds and their shadows as pure functions of pixel coordinates and a seed.

A sky has up to two layers of fractal noise: low clouds of water, which cast shadows, and high veils (cirrus, haze).
Where the noise exceeds a threshold, found from the cover that was asked for, it becomes optical depth: little beyond
the threshold is thin cloud, much is thick. Windows of one sky agree to the last bit, so a scene may be made in pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from . import perlin
from .perlin import Coordinates
from .sensors import Float

Kind = Literal["cumulus", "stratus", "cirrus", "mixed"]

CLEAR, CLOUD, SHADOW = 0, 1, 2
CLOUD_OPACITY = 0.05
"""Opacity at 550 nm from which a pixel counts as cloud."""
SHADOW_DEPTH = 0.1
"""Share of the direct sunlight that is lost, from which a pixel counts as shadow."""

BASE_M = (600.0, 2500.0)
"""Height of low clouds above ground."""
_EDGE_DEPTH = float(-np.log(1 - CLOUD_OPACITY))
_LOW_LIMIT = 6.0
"""Largest optical depth of low clouds: 0.25 % of the ground shines through."""
_HIGH_LIMIT = 1.0
"""Largest optical depth of high veils."""
_VEIL_STEP_PX = 4
"""Veils are smooth: they are evaluated at every fourth pixel and interpolated."""
_ABSENT = -1e9
"""The noise of a layer that a kind of sky has not."""
_SAMPLES = 48
"""The cover is measured on a grid of 48 x 48 points of the scene."""


@dataclass(frozen=True)
class Shape:
    """Ranges from which the look of a sky is drawn."""

    cell_m: tuple[float, float]
    """Size of the largest structures of low clouds."""
    steepness: tuple[float, float]
    """Optical depth gained per standard deviation of the noise, low clouds."""
    veil_lag: tuple[float, float] = (0.0, 0.0)
    """By how much the veil's noise is lowered: 0 gives it as much room as the low clouds."""
    has_low: bool = True
    has_veil: bool = False


KINDS: dict[Kind, Shape] = {
    "cumulus": Shape(cell_m=(500, 2500), steepness=(3, 14)),
    "stratus": Shape(cell_m=(2500, 9000), steepness=(1, 6)),
    "cirrus": Shape(cell_m=(2000, 8000), steepness=(1, 2), has_low=False, has_veil=True),
    "mixed": Shape(cell_m=(800, 5000), steepness=(1.5, 10), veil_lag=(-0.3, 0.8), has_veil=True),
}


@dataclass(frozen=True)
class Sun:
    azimuth_deg: float
    """Where the sun stands, clockwise from north."""
    elevation_deg: float
    """Above the horizon."""

    @staticmethod
    def draw(rng: np.random.Generator) -> Sun:
        return Sun(rng.uniform(0, 360), rng.uniform(25, 65))

    def shadow_shift(self, height_m: float, resolution_m: float) -> tuple[int, int]:
        """Gives (rows, columns) in pixels from what is so high above the ground to its shadow.

        Away from the sun by height / tan(elevation); rows count southwards, columns eastwards.
        """
        length_px = height_m / np.tan(np.radians(self.elevation_deg)) / resolution_m
        azimuth = np.radians(self.azimuth_deg)
        return round(length_px * np.cos(azimuth)), round(-length_px * np.sin(azimuth))


@dataclass(frozen=True)
class Sky:
    """What hangs over a window of H x W pixels."""

    low: Float
    """(H, W) optical depth at 550 nm of low clouds."""
    high: Float
    """(H, W) optical depth at 550 nm of cirrus and haze."""
    shadow: Float
    """(H, W) share of the direct sunlight that low clouds keep from the ground, 0..1."""
    relief: Float
    """(H, W) brightness of the cloud tops by their slope towards the sun, about 1."""

    @property
    def opacity(self) -> Float:
        """(H, W) share of the ground's light at 550 nm that is lost on its way up, 0..1: 1 - exp(-low - high)."""
        opacity: Float = 1 - np.exp(-self.low - self.high)
        return opacity

    @property
    def mask(self) -> NDArray[np.uint8]:
        """(H, W) CLEAR, CLOUD or SHADOW; cloud over shadow is cloud."""
        shaded = np.where(self.shadow >= SHADOW_DEPTH, np.uint8(SHADOW), np.uint8(CLEAR))
        # Compared as optical depth and with a little room, so that rounding does not move the rim.
        clouded = self.low + self.high >= _EDGE_DEPTH * (1 - 1e-4)
        classes: NDArray[np.uint8] = np.where(clouded, np.uint8(CLOUD), shaded)
        return classes


class CloudField:
    """The sky over one scene.

    Args:
        seed: Chooses the sky.
        cover: Share of the scene that is cloud, 0..1.
        height: Rows of the scene in pixels.
        width: Columns of the scene in pixels.
        resolution_m: Side of a pixel.
        kind: One of KINDS; None draws it from the seed.
        sun: Drawn from the seed if None.
        base_m: Height of the low clouds above ground; drawn from the seed if None.
    """

    def __init__(
        self,
        seed: int,
        cover: float,
        height: int,
        width: int,
        resolution_m: float = 10.0,
        kind: Kind | None = None,
        sun: Sun | None = None,
        base_m: float | None = None,
    ) -> None:
        rng = np.random.default_rng(seed)
        drawn_kind = list(KINDS)[rng.integers(len(KINDS))]
        self._shape = shape = KINDS[kind or drawn_kind]
        drawn_sun = Sun.draw(rng)
        drawn_base_m = rng.uniform(*BASE_M)
        self.sun = sun or drawn_sun
        self._resolution_m = resolution_m
        self._cell_px = max(4.0, _between(rng, shape.cell_m) / resolution_m)
        self._steepness = _between(rng, shape.steepness)
        self._veil_cell_px = max(8.0, rng.uniform(2000, 9000) / resolution_m)
        self._veil_steepness = _between(rng, (0.08, 0.6))
        self._veil_turn = rng.uniform(0, np.pi)
        self._veil_stretch = rng.uniform(1, 5)
        self._veil_lag = rng.uniform(*shape.veil_lag)
        self._top_m = rng.uniform(60, 200)
        self._low_seed, self._high_seed = (int(value) for value in rng.integers(2**62, size=2))
        self._offset = rng.uniform(0, 64, size=2)
        self.shift = self.sun.shadow_shift(drawn_base_m if base_m is None else base_m, resolution_m)
        """(rows, columns) in pixels from a cloud to its shadow."""
        self._threshold = self._find_threshold(cover, height, width)

    def sky(self, row: int, column: int, height: int, width: int) -> Sky:
        """Gives the sky over a window whose upper left pixel is (row, column); it may reach beyond the scene."""
        low = high = shadow = np.zeros((height, width), np.float32)
        relief = np.ones((height, width), np.float32)
        if self._shape.has_low:
            # One more pixel on each side for the slope.
            tops = self._low_noise(_range(row - 1, height + 2), _range(column - 1, width + 2))
            down, right = self.shift
            casting = self._low_noise(_range(row - down, height), _range(column - right, width))
            low, shadow = self._low_depth(tops[1:-1, 1:-1]), 1 - np.exp(-self._low_depth(casting))
            relief = self._relief(tops)
        if self._shape.has_veil:
            high = self._high_depth(_interpolated(self._high_noise, row, column, height, width))
        return Sky(low, high, shadow, relief)

    def opacity(self, row: int, column: int, height: int, width: int) -> Float:
        """Gives (height, width) opacity at 550 nm, 0..1, of a window, see Sky.opacity."""
        return self.sky(row, column, height, width).opacity

    def _find_threshold(self, cover: float, height: int, width: int) -> float:
        rows, columns = (np.linspace(0, size - 1, min(size, _SAMPLES)).round() for size in (height, width))
        low = self._low_noise(rows, columns)
        high = self._high_noise(rows, columns) - self._veil_lag
        if cover <= 0:
            return np.inf
        densest = np.maximum(low, high)
        if cover >= 1:
            return float(densest.min()) - 1
        return float(np.quantile(densest, 1 - cover))

    def _low_noise(self, rows: Coordinates, columns: Coordinates) -> Float:
        """Broad masses with bulges: the absolute value of noise is round on top and creased between."""
        if not self._shape.has_low:
            return np.full((len(rows), len(columns)), _ABSENT, dtype=np.float32)
        y, x = rows / self._cell_px + self._offset[0], columns / self._cell_px + self._offset[1]
        masses = perlin.fractal(y, x, self._low_seed, octaves=3)
        masses += 0.5 * perlin.noise(y / 4, x / 4, self._low_seed + 90)
        for octave in range(2, perlin.octaves_down_to(self._cell_px)):
            scale = 2.0**octave
            bulges = np.abs(perlin.noise(y * scale, x * scale, self._low_seed + 30 + octave))
            masses += 0.5**octave * (1.6 * bulges - 1.28)
        return masses

    def _high_noise(self, rows: Coordinates, columns: Coordinates) -> Float:
        """Streaks: noise that is turned, stretched and bent."""
        if not self._shape.has_veil:
            return np.full((len(rows), len(columns)), _ABSENT, dtype=np.float32)
        y, x = rows[:, None] / self._veil_cell_px, columns[None, :] / self._veil_cell_px
        along = np.cos(self._veil_turn) * y + np.sin(self._veil_turn) * x + self._offset[0]
        across = np.cos(self._veil_turn) * x - np.sin(self._veil_turn) * y + self._offset[1]
        across = across + 0.25 * perlin.noise_at(along, across, self._high_seed)
        total = perlin.noise_at(along / self._veil_stretch, across, self._high_seed + 1)
        for octave in range(1, 6):
            # Small structures are stretched less than large ones: streaks that fray.
            scale, stretch = 2.0**octave, self._veil_stretch ** (1 - octave / 8)
            seed = self._high_seed + 1 + octave
            total += 0.55**octave * perlin.noise_at(along * scale / stretch, across * scale, seed)
        return total

    def _low_depth(self, noise: Float) -> Float:
        return _depth(noise - np.float32(self._threshold), self._steepness, _LOW_LIMIT)

    def _high_depth(self, noise: Float) -> Float:
        return _depth(noise - np.float32(self._veil_lag + self._threshold), self._veil_steepness, _HIGH_LIMIT)

    def _relief(self, noise: Float) -> Float:
        """Brightness 1 + 0.3 tanh(slope towards the sun / tan(elevation)); the noise has a margin of one pixel."""
        metres = np.float32(self._top_m / (2 * self._resolution_m))
        south = (noise[2:, 1:-1] - noise[:-2, 1:-1]) * metres  # rise of the tops towards the south
        east = (noise[1:-1, 2:] - noise[1:-1, :-2]) * metres
        azimuth, elevation = np.radians(self.sun.azimuth_deg), np.radians(self.sun.elevation_deg)
        rise = south * np.float32(-np.cos(azimuth)) + east * np.float32(np.sin(azimuth))
        relief: Float = 1 - np.float32(0.3) * np.tanh(rise * np.float32(1 / np.tan(elevation)))
        return relief


def _depth(excess: Float, steepness: float, limit: float) -> Float:
    """Optical depth: _EDGE_DEPTH at the threshold, rising with the excess, levelling off at the limit."""
    depth = np.maximum(excess * np.float32(steepness) + np.float32(_EDGE_DEPTH), 0)
    levelled: Float = np.float32(limit) * np.tanh(depth / np.float32(limit))
    return levelled


def _interpolated(
    field: Callable[[Coordinates, Coordinates], Float], row: int, column: int, height: int, width: int
) -> Float:
    """Evaluates a field at every _VEIL_STEP_PX-th pixel of the scene and interpolates bilinearly in a window."""
    rows, top, lower = _coarse(row, height)
    columns, left, right = _coarse(column, width)
    values = field(rows, columns)
    across: Float = values[:, left] * (1 - right) + values[:, left + 1] * right
    window: Float = across[top] * (1 - lower)[:, None] + across[top + 1] * lower[:, None]
    return window


def _coarse(start: int, length: int) -> tuple[Coordinates, NDArray[np.intp], Float]:
    """Gives the coarse positions round a window, the index of the one before each pixel, and the weight of the next."""
    pixels = np.arange(start, start + length)
    first = start // _VEIL_STEP_PX
    before = pixels // _VEIL_STEP_PX
    positions = np.arange(first, before[-1] + 2) * float(_VEIL_STEP_PX)
    return positions, before - first, ((pixels % _VEIL_STEP_PX) / _VEIL_STEP_PX).astype(np.float32)


def _range(start: int, length: int) -> Coordinates:
    return np.arange(start, start + length, dtype=np.float64)


def _between(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """Draws a number between two, evenly in its logarithm."""
    return float(np.exp(rng.uniform(*np.log(limits))))
