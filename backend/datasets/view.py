"""How a sample looks at a place: where it is cut out, how it is turned, which bands it keeps, and in which light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..sensors import BY_COUNT, WAVELENGTH_NM, Bool, Float
from ..simulate import path_radiance
from .choices import Choices
from .place import Day, Place

RGB = ("B2", "B3", "B4")
SUBSETS: tuple[tuple[tuple[str, ...], float], ...] = (
    (BY_COUNT[13], 0.5),
    (BY_COUNT[12], 0.15),
    (BY_COUNT[10], 0.15),
    (BY_COUNT[4], 0.15),
    (RGB, 0.05),
)
"""Bands that users bring; those that a place lacks are left out."""
CORNERS = 8
"""Windows among which the clearest is chosen."""


@dataclass(frozen=True)
class View:
    """A square part of a place as a sample shows it."""

    bands: tuple[str, ...]
    index: list[int]
    """Of the bands in the place."""
    rows: slice
    columns: slice
    way: int
    """One of eight, see turned."""
    gain: Float
    """(C,) factor of each band."""
    offset: Float
    """(C,) reflectance added to each band after the gain."""

    def mask(self, mask: Bool) -> Bool:
        """Shows a mask (H, W) of the place."""
        return np.ascontiguousarray(turned(mask[self.rows, self.columns], self.way))

    def sar(self, sar: Float) -> Float:
        """Shows the place's SAR (2, H, W)."""
        return np.ascontiguousarray(turned(sar[:, self.rows, self.columns], self.way), np.float32)

    def day(self, day: Day) -> Day:
        """Shows a day: its optical is 0 where it was not measured."""
        part = day.optical[:, self.rows, self.columns]
        optical = np.empty((len(self.index), *turned(part[0], self.way).shape), np.float32)
        for out, index, gain, offset in zip(optical, self.index, self.gain, self.offset, strict=True):
            np.multiply(turned(part[index], self.way), gain, out=out)
            if offset:
                np.maximum(out + offset, 0, out=out)
        if self.offset.any():
            optical = blanked(optical, turned(measured(part), self.way))
        return Day(optical, self.mask(day.clear), day.day)


def draw_view(place: Place, rng: np.random.Generator, choices: Choices) -> View:
    """Draws where to look and how: the same for all days of a sample."""
    height, width = place.days[0].clear.shape
    row, column = (int(rng.integers(max(size - choices.scene_px, 0) + 1)) for size in (height, width))
    return view_at(place, row, column, choices.scene_px, rng, choices)


def clearest_view(place: Place, day: Day, size: int, rng: np.random.Generator, choices: Choices) -> View:
    """Draws where to look, of a few windows the one that a day shows best."""
    height, width = day.clear.shape
    corners = [tuple(int(rng.integers(max(side - size, 0) + 1)) for side in (height, width)) for _ in range(CORNERS)]
    row, column = max(corners, key=lambda at: day.clear[at[0] : at[0] + size, at[1] : at[1] + size].mean())
    return view_at(place, row, column, size, rng, choices)


def view_at(place: Place, row: int, column: int, size: int, rng: np.random.Generator, choices: Choices) -> View:
    """Draws how to look at a part of a place."""
    bands = _bands(place.bands, rng, choices.bands)
    air = rng.normal(0, choices.level_jitter) * np.array([path_radiance(WAVELENGTH_NM[name]) for name in bands])
    way = int(rng.integers(8)) if choices.turns else 0
    gain = np.full(len(bands), rng.normal(0, choices.gain))
    offset = air + rng.normal(0, choices.offset_jitter, len(bands))
    if choices.tint:
        gain += rng.normal(0, choices.tint, len(bands))
    return View(
        bands=bands,
        index=[place.bands.index(name) for name in bands],
        rows=slice(row, row + size),
        columns=slice(column, column + size),
        way=way,
        gain=np.exp(gain).astype(np.float32),
        offset=offset.astype(np.float32),
    )


def measured(optical: Float) -> Bool:
    """(H, W) where any band of (C, H, W) is not 0."""
    found: Bool = optical[0] != 0
    return found if found.all() else (optical != 0).any(axis=0)


def blanked(optical: Float, seen: Bool) -> Float:
    """Makes (C, H, W) 0 where it was not measured."""
    return optical if seen.all() else optical * seen


def grown(array: np.ndarray, size: int) -> np.ndarray:
    """Mirrors the last two axes at their ends where they are shorter than size."""
    short = [(0, max(size - side, 0)) for side in array.shape[-2:]]
    if not any(after for _, after in short):
        return array
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + short, mode="symmetric")


def turned(array: np.ndarray, way: int) -> np.ndarray:
    """Turns and mirrors the last two axes in one of eight ways."""
    result = np.rot90(array, way % 4, axes=(-2, -1))
    return result[..., ::-1] if way >= 4 else result


def _bands(have: Sequence[str], rng: np.random.Generator, fixed: tuple[str, ...] | None) -> tuple[str, ...]:
    index = int(rng.choice(len(SUBSETS), p=[share for _, share in SUBSETS]))
    wanted = fixed or SUBSETS[index][0]
    return tuple(name for name in wanted if name in have) or tuple(have)
