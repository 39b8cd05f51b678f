"""Synthetic landscapes for demonstrations and tests: relief, water, forests, fields, roads and towns.

A landscape is a map of grounds (see landcover.py), laid layer upon layer by the functions below; each scene of it is
that map rendered for a day of the year, so that scenes of different days differ as fields do through the year.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from . import landcover, perlin
from .landcover import CODE, CROPS, VARIANTS
from .sensors import NAMES, SENTINEL2, VH_DB, VV_DB, Float

Map = NDArray[np.int16]
Positions = NDArray[np.float64]

RESOLUTION_M = 10.0
_LOOKS = 4.4
"""Equivalent number of looks of Sentinel-1 GRD images."""
SUN_AZIMUTH_DEG, SUN_ELEVATION_DEG = 155.0, 55.0
_CROP_SHARES = {"wheat": 0.30, "barley": 0.14, "rapeseed": 0.11, "maize": 0.21, "beet": 0.15, "fallow": 0.09}


@dataclass(frozen=True)
class Landscape:
    """One place of H x W pixels of 10 m."""

    seed: int
    ground: Map
    """(H, W) indices of landcover.GROUNDS."""
    texture: Float
    """(H, W) brightness by canopies and soils, about 1; the same on all days."""
    elevation_m: Float
    """(H, W)"""

    def optical(self, day: float) -> Float:
        """Gives (13, H, W) clear reflectance at the top of the atmosphere on a day of the year."""
        spectra, _ = landcover.surface(day)
        light = self.texture * _sunlight(self.elevation_m)
        weather = np.random.default_rng([self.seed, int(day)])
        scene = np.empty((len(NAMES), *self.ground.shape), dtype=np.float32)
        for number, band in enumerate(SENTINEL2):
            sharp = spectra[:, number][self.ground] * light
            # What a pixel sees reaches beyond it: more so in bands of 20 m and 60 m, which are resampled to 10 m.
            scene[number] = ndimage.gaussian_filter(sharp, 0.055 * band.resolution_m)
        scene = landcover.top_of_atmosphere(scene)
        scene *= weather.normal(1, 0.02) * weather.normal(1, 0.01, size=(len(NAMES), 1, 1)).astype(np.float32)
        scene += weather.standard_normal(scene.shape, dtype=np.float32) * np.float32(0.0008)
        return np.clip(scene, 0.0005, 1, out=scene)

    def sar(self, day: float) -> Float:
        """Gives (2, H, W) VV and VH in dB, speckled, on a day of the year."""
        _, backscatter_db = landcover.surface(day)
        rng = np.random.default_rng([self.seed, int(day), 1])
        eastward = np.gradient(self.elevation_m, RESOLUTION_M, axis=1)
        relief_db = np.float32(6) * np.clip(eastward, -0.5, 0.5)  # slopes that face the radar in the west are brighter
        patches_db = np.float32(0.5) * _field(self.ground.shape, 14, self.seed + 70, octaves=2)
        scene = np.empty((2, *self.ground.shape), dtype=np.float32)
        for number, (low, high) in enumerate((VV_DB, VH_DB)):
            power = 10 ** ((backscatter_db[:, number][self.ground] + relief_db + patches_db) / 10)
            power = ndimage.gaussian_filter(power, 0.6) * rng.gamma(_LOOKS, 1 / _LOOKS, size=power.shape)
            scene[number] = np.clip(10 * np.log10(np.maximum(power, 1e-9)), low, high)
        return scene


def landscape(height: int, width: int, seed: int) -> Landscape:
    """Makes up a place.

    Args:
        height: Rows in pixels of 10 m.
        width: Columns in pixels of 10 m.
        seed: Chooses the place.
    """
    rng = np.random.default_rng(seed)
    shape = (height, width)
    river = _river_distance(shape, rng, seed)
    elevation = _elevation(shape, river, seed)
    ground, patchwork = _fields(shape, rng, seed)
    _grow_forests(ground, elevation, river, seed)
    towns = _place_towns(shape, river, rng)
    _lay_roads(ground, towns, rng)
    roads = ground == CODE["asphalt"]
    for town in towns:
        _build_town(ground, town, seed)
    _flood(ground, river, elevation, seed)
    ground[roads & (ground == CODE["river"])] = CODE["asphalt"]  # bridges
    return Landscape(seed, ground, _texture(ground, patchwork, seed), elevation)


def _field(shape: tuple[int, ...], cell_px: float, seed: int, octaves: int = 1) -> Float:
    """Noise over the whole map, standard deviation 1."""
    rows, columns = (np.arange(size) / cell_px for size in shape)
    return perlin.fractal(rows + 0.5, columns + 0.5, seed, octaves)


def _turned_field(shape: tuple[int, int], cell_px: float, seed: int, octaves: int) -> Float:
    """The same with each octave turned, as light on slopes would show the directions of a common lattice."""
    y, x = np.mgrid[: shape[0], : shape[1]] / cell_px
    total = np.zeros(shape, dtype=np.float32)
    for octave in range(octaves):
        along, across = _turned(y, x, np.float64(0.6 + octave))
        total += 0.5**octave * perlin.noise_at(across * 2.0**octave, along * 2.0**octave, seed + octave)
    total *= np.float32(np.sqrt(3 / 4))  # the variances of the octaves add up to 4/3
    return total


def _elevation(shape: tuple[int, int], river: Float, seed: int) -> Float:
    """Hills of about 400 m that sink towards the river."""
    hills = 200 + 100 * _turned_field(shape, 420, seed + 1, octaves=6)
    ridges = 150 * (1 - np.abs(_turned_field(shape, 300, seed + 11, octaves=5)))
    valley = 1 - np.exp(-((river / 170) ** 2))
    elevation: Float = np.maximum((hills + ridges) * valley, 0).astype(np.float32)
    return elevation


def _river_distance(shape: tuple[int, int], rng: np.random.Generator, seed: int) -> Float:
    """Distance in pixels to a winding river that crosses the map from north to south."""
    height, width = shape
    rows = np.arange(height, dtype=np.float64)
    line = np.array([rng.uniform(0, 1)])
    middle = width * rng.uniform(0.35, 0.65) + (rows - height / 2) * rng.uniform(-0.4, 0.4)
    for cell_px, swing_px in ((380, 75.0), (120, 22.0), (45, 5.0)):
        middle = middle + swing_px * perlin.noise(rows / cell_px, line, seed + cell_px)[:, 0]
    slant = np.sqrt(1 + np.gradient(middle) ** 2)
    distance = np.abs(np.arange(width)[None, :] - middle[:, None]) / slant[:, None]
    return distance.astype(np.float32)


def _fields(shape: tuple[int, int], rng: np.random.Generator, seed: int) -> tuple[Map, Float]:
    """Parcels in quarters of common direction; gives the map and the brightness of each parcel's rows."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    bent_y = y + 14 * _field(shape, 90, seed + 2, octaves=3)
    bent_x = x + 14 * _field(shape, 90, seed + 3, octaves=3)
    quarters = max(4, shape[0] * shape[1] // 130**2)
    centres = rng.uniform((0, 0), shape, size=(quarters, 2))
    distances, nearest = spatial.cKDTree(centres).query(np.stack([bent_y, bent_x], axis=-1), k=2)
    quarter = nearest[..., 0]
    angle = rng.uniform(0, np.pi, quarters)[quarter]
    strip_px = rng.uniform(9, 26, quarters)[quarter]
    along, across = _turned(y, x, angle)
    strip = np.floor(across / strip_px).astype(np.int64)
    length_px = strip_px * (1.5 + 2.5 * _uniform(seed + 4, quarter, strip))
    along = along + 1000 * _uniform(seed + 5, quarter, strip)
    plot = np.floor(along / length_px).astype(np.int64)
    ground = _sow(_uniform(seed + 6, quarter, strip, plot), _uniform(seed + 7, quarter, strip, plot))
    margin_px = np.minimum(_edge(across, strip_px), _edge(along, length_px))
    ground[margin_px < 0.55] = CODE["grass"]
    gap_px = np.hypot(*np.moveaxis(centres[nearest[..., 1]] - centres[quarter], -1, 0))
    border_px = (distances[..., 1] ** 2 - distances[..., 0] ** 2) / (2 * gap_px)
    ground[border_px < 0.7] = CODE["track"]
    rows = 1 + 0.025 * np.sin(across * 2.4) + 0.05 * (_uniform(seed + 8, quarter, strip, plot) - 0.5)
    return ground, rows.astype(np.float32)


def _sow(choice: Positions, variant: Positions) -> Map:
    """Turns random numbers 0..1 of each parcel into grounds: crops, meadows and a few woods."""
    ground = np.full(choice.shape, CODE["grass"], dtype=np.int16)
    ground[choice > 0.96] = CODE["broadleaf"]
    limits = 0.82 * np.cumsum([_CROP_SHARES[crop] for crop in CROPS])
    crop = np.searchsorted(limits, choice)
    is_crop = crop < len(CROPS)
    number = np.minimum((variant * VARIANTS).astype(np.int16), VARIANTS - 1)
    ground[is_crop] = (CODE["wheat 0"] + crop.astype(np.int16) * VARIANTS + number)[is_crop]
    return ground


def _grow_forests(ground: Map, elevation: Float, river: Float, seed: int) -> None:
    """Forests on the hills, conifers higher up, and trees along the river."""
    wooded = _field(ground.shape, 170, seed + 20, octaves=6) + (elevation - 215) / 125
    conifers = _field(ground.shape, 90, seed + 21, octaves=4) + (elevation - 350) / 130
    trees = wooded > 1.0
    ground[trees] = np.where(conifers > 0.3, CODE["conifer"], CODE["broadleaf"])[trees]
    ground[(river < 16) & (_field(ground.shape, 24, seed + 22, octaves=3) > 0.2)] = CODE["broadleaf"]


def _flood(ground: Map, river: Float, elevation: Float, seed: int) -> None:
    """The river with its gravel banks, and lakes in hollows beside it."""
    lake = _field(ground.shape, 110, seed + 30, octaves=4) - elevation / 30
    ground[lake > 1.15] = CODE["grass"]
    ground[lake > 1.2] = CODE["water"]
    width_px = 5.5 + 1.6 * _field(ground.shape, 130, seed + 31)
    gravel = _field(ground.shape, 30, seed + 32, octaves=2) > 0.9
    ground[(river < width_px + 2.5) & gravel] = CODE["sand"]
    ground[river < width_px] = CODE["river"]


@dataclass(frozen=True)
class _Town:
    row: float
    column: float
    radius_px: float
    angle: float


def _place_towns(shape: tuple[int, int], river: Float, rng: np.random.Generator) -> list[_Town]:
    """One large town near the river, small ones elsewhere, none close to another."""
    towns: list[_Town] = []
    wanted = max(1, round(shape[0] * shape[1] / 330**2))
    for _ in range(60 * wanted):
        row, column = rng.uniform((0.06, 0.06), (0.94, 0.94)) * shape
        radius_px = rng.uniform(20, 38) if towns else min(85.0, min(shape) / 6)
        near = river[int(row), int(column)] < radius_px + 25
        apart = all(np.hypot(row - t.row, column - t.column) > 1.5 * (t.radius_px + radius_px) + 30 for t in towns)
        if apart and (near or towns):
            towns.append(_Town(row, column, radius_px, rng.uniform(0, np.pi / 2)))
        if len(towns) == wanted:
            break
    return towns


def _lay_roads(ground: Map, towns: list[_Town], rng: np.random.Generator) -> None:
    """Roads from each town to the nearest of those before it, and one that leaves the map on both sides."""
    height, width = ground.shape
    ends = np.array([[rng.uniform(0.2, 0.8) * height, -20.0], [rng.uniform(0.2, 0.8) * height, width + 20.0]])
    places = np.array([[town.row, town.column] for town in towns])
    for number in range(1, len(places)):
        nearest = places[np.argmin(np.hypot(*(places[:number] - places[number]).T))]
        _draw_road(ground, places[number], nearest, rng, width_px=1)
    for end in ends[: 2 if len(places) else 0]:
        _draw_road(ground, places[0], end, rng, width_px=2)


def _draw_road(ground: Map, start: Positions, end: Positions, rng: np.random.Generator, width_px: int) -> None:
    """Draws an arc with a gentle bend."""
    span = end - start
    share = np.linspace(0, 1, 4 * int(np.hypot(*span)) + 2)[:, None]
    bend = np.array([-span[1], span[0]]) * rng.uniform(-0.14, 0.14)
    sway = np.array([-span[1], span[0]]) * rng.uniform(-0.03, 0.03)
    line = start + share * span + np.sin(np.pi * share) * bend + np.sin(3 * np.pi * share) * sway
    for offset in range(width_px):
        rows, columns = np.round(line + offset).astype(int).T
        inside = (rows >= 0) & (rows < ground.shape[0]) & (columns >= 0) & (columns < ground.shape[1])
        ground[rows[inside], columns[inside]] = CODE["asphalt"]


def _build_town(ground: Map, town: _Town, seed: int) -> None:
    """Streets in a grid with houses and gardens between, denser towards the middle, and halls at one side."""
    y, x = np.mgrid[: ground.shape[0], : ground.shape[1]].astype(np.float32)
    reach = np.hypot(y - town.row, x - town.column) / town.radius_px + 0.22 * _field(ground.shape, 22, seed + 40, 3)
    inside = reach < 1
    along, across = _turned(y - town.row, x - town.column, np.full(y.shape, town.angle + 0.15 * np.sin(reach * 3)))
    street = (_edge(across, 8.0) < 0.6) | (_edge(along, 13.0) < 0.6)
    house = (np.floor(along / 2.3).astype(np.int64), np.floor(across / 2.3).astype(np.int64))
    draw, roof = _uniform(seed + 41, *house), _uniform(seed + 42, *house)
    tiled = 0.72 + 0.12 * _field(ground.shape, 26, seed + 44)
    built = np.where(roof < tiled, CODE["red roof"], np.where(roof < 0.97, CODE["grey roof"], CODE["white roof"]))
    garden = np.where(roof < 0.25, CODE["broadleaf"], CODE["grass"])
    quarter = np.where(draw < 1.1 - 0.7 * reach, built, garden)
    hall = (np.floor(along / 6.5).astype(np.int64), np.floor(across / 8).astype(np.int64))
    industry = (along > 0.35 * town.radius_px) & (across > 0) & (town.radius_px > 30)
    halls = np.where(_uniform(seed + 43, *hall) < 0.6, CODE["grey roof"], CODE["white roof"])
    halls = np.where(_edge(along, 6.5) < 1.2, CODE["asphalt"], halls)
    quarter = np.where(industry, halls, quarter)
    ground[inside] = np.where(street, CODE["asphalt"], quarter)[inside]


def _texture(ground: Map, patchwork: Float, seed: int) -> Float:
    shape = ground.shape
    soil = 1 + 0.045 * _field(shape, 55, seed + 50, octaves=5)
    canopy = 1 + 0.09 * _field(shape, 5, seed + 51, octaves=2) + 0.05 * _field(shape, 60, seed + 52, octaves=3)
    water = 1 + 0.05 * _field(shape, 120, seed + 53, octaves=3)
    rough = 1 + 0.08 * _field(shape, 2.7, seed + 54)
    texture = soil * patchwork
    for texture_of, names in (
        (canopy, ("broadleaf", "conifer")),
        (water, ("water", "river")),
        (rough, landcover.ROOFS),
        (soil, ("asphalt", "sand", "grass", "track")),
    ):
        chosen = np.isin(ground, [CODE[name] for name in names])
        texture[chosen] = texture_of[chosen]
    clipped: Float = np.clip(texture, 0.5, 1.6).astype(np.float32)
    return clipped


def _sunlight(elevation_m: Float) -> Float:
    """Light on a slope relative to flat ground, two thirds of it direct."""
    south, east = np.gradient(elevation_m, RESOLUTION_M)
    azimuth, elevation = np.radians(SUN_AZIMUTH_DEG), np.radians(SUN_ELEVATION_DEG)
    rise = -south * np.cos(azimuth) + east * np.sin(azimuth)  # of the ground towards the sun
    direct = (1 - rise / np.tan(elevation)) / np.sqrt(1 + south**2 + east**2)
    light: Float = np.clip(1 / 3 + 2 / 3 * direct, 0.3, 1.6).astype(np.float32)
    return light


def _turned(y: Float | Positions, x: Float | Positions, angle: Positions | np.float64) -> tuple[Positions, Positions]:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(x * cosine + y * sine, np.float64), np.asarray(y * cosine - x * sine, np.float64)


def _edge(position: Positions, period: float | Positions) -> Positions:
    """Distance to the nearest multiple of the period."""
    rest: Positions = position % period
    return np.minimum(rest, period - rest)


def _uniform(seed: int, *keys: NDArray[np.int64]) -> Positions:
    """One random number 0..1 for each combination of keys."""
    numbers: Positions = perlin.scramble(seed, *keys) / 2.0**64
    return numbers
