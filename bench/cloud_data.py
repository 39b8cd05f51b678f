"""What the cloud network learns from: images of UNCLOUDED_DATA with labels, good and weak, and clear ground.

All in cells of about 20 m, as ground reflectance of B2, B3, B4 and B8. Labels are drawn by hand (cloud_labels), come
with the data (series_minicubes; series_worldcereal, whose scene classification is weak), or are what s2cloudless and
the clear day of a pair agree on (sen12ms-cr, triples). Clear ground of the places of train gets simulated clouds and
real ones taken off their ground, with shadows, or stays as it is. Snow is left out: four bands cannot tell it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unclouded.backend.cells import to_cells
from unclouded.backend.datasets.clear import chips, cities, landscapes, with_sar
from unclouded.backend.datasets.collection import split_of
from unclouded.backend.datasets.development import pairs
from unclouded.backend.datasets.pairs import Veil, take_veil, veil_of
from unclouded.backend.datasets.place import Place, opened, read_image, read_split
from unclouded.backend.mask_files import CLEAR, CLOUD, SHADOW, THRESHOLD
from unclouded.backend.network_detector import BANDS
from unclouded.backend.probability_detector import ProbabilityDetector
from unclouded.backend.sensors import NAMES, Bool, Float, Level

Codes = np.ndarray
NOT_CLOUD, UNKNOWN = 3, 255
"""Beside CLEAR, CLOUD and SHADOW: clear or shadow, and no label."""
SNOW = (
    "clear_l2a/25630",
    "clear_l2a/286743",
    "clear_l2a/770287",
    "sar_optical/609U",
    "sen12ms-cr/1158",
    "sen12ms-cr/1970_fall_136",
)
"""Places whose clear day is none to learn from: snow, and one in haze."""
SNOWY_PAIR = "sen12ms-cr/1158"
CHIP = 32
"""Cells on a side of a chip of l2a_chips."""
THIN, THICK = 0.15, 0.35
"""Opacity against the clear day that is cloud where s2cloudless agrees, and where it need not."""


@dataclass(frozen=True)
class Labelled:
    """An image with labels, in cells."""

    kind: str
    """drawn, cube, fields or pair."""
    name: str
    split: str
    level: Level
    optical: Float
    """(4, h, w) reflectance, 0 where not valid."""
    valid: Bool
    codes: Codes
    """(h, w)"""


@dataclass(frozen=True)
class Ground:
    """A clear image in cells."""

    name: str
    level: Level
    optical: Float
    """(4, h, w)"""
    valid: Bool


def read_labelled(root: Path) -> list[Labelled]:
    """Reads all images with labels, of both splits."""
    return [*_drawn(root), *_cubes(root), *_fields(root), *_pairs(root)]


def _drawn(root: Path) -> Iterator[Labelled]:
    splits = read_split(root)
    for folder in sorted((root / "cloud_labels").iterdir()):
        optical = read_image(folder / "optical.tif")[1]
        label = read_image(folder / "label.tif", scale=1.0)[1][0] > 0
        cells, valid = to_cells(optical, optical.any(axis=0), 2)
        codes = _halved(np.where(label, np.uint8(CLOUD), np.uint8(NOT_CLOUD)))
        name = f"cloud_labels/{folder.name}"
        yield Labelled("drawn", name, split_of(name, splits), "L2A", cells, valid, codes)


def _cubes(root: Path) -> Iterator[Labelled]:
    """GreenEarthNet's mask: 0 clear, 1 cloud, 2 thin cloud, 3 shadow; pixels are 20 m wide."""
    for file in sorted((root / "series_minicubes").glob("*.nc")):
        layers = [_layer(file, f"s2_{name}") for name in ("B02", "B03", "B04", "B8A")]
        optical = np.stack([values * scale + offset for values, scale, offset in layers])
        measured = np.all([values > -32767 for values, _, _ in layers], axis=0)
        mask = _layer(file, "s2_dlmask")[0]
        meaning = np.array([CLEAR, CLOUD, CLOUD, SHADOW], np.uint8)
        for day in range(len(mask)):
            valid = measured[day] & (mask[day] >= 0) & (mask[day] < len(meaning))
            if valid.mean() < 0.5 or not optical[:, day][:, valid].any():
                continue
            codes = np.where(valid, meaning[np.where(valid, mask[day], 0).astype(int)], np.uint8(UNKNOWN))
            cells = (optical[:, day] * valid).astype(np.float32)
            yield Labelled("cube", f"series_minicubes/{file.stem}", "train", "L2A", cells, valid, codes)


def _fields(root: Path) -> Iterator[Labelled]:
    """The scene classification: cloud, cirrus, shadow, plants, soil and water; the rest is unknown."""
    folder = next((root / "series_worldcereal").iterdir())
    fine, coarse = next(folder.glob("S2_L2A_10m_*")), next(folder.glob("S2_L2A_20m_*"))
    optical = np.stack([_layer(fine, name)[0] * np.float32(1e-4) for name in ("B02", "B03", "B04", "B08")])
    for day, scene in enumerate(_layer(coarse, "SCL")[0]):
        valid = optical[0, day] > 0
        if valid.mean() < 0.9 or (scene == 11).mean() > 0.1:
            continue
        cells, measured = to_cells(optical[:, day] * valid, valid, 2)
        codes = np.full(scene.shape, UNKNOWN, np.uint8)
        for classes, code in (((4, 5, 6), CLEAR), ((8, 9, 10), CLOUD), ((3,), SHADOW)):
            codes[np.isin(scene, classes) & measured] = code
        yield Labelled("fields", "series_worldcereal", "train", "L2A", cells, measured, codes)


def _layer(file: Path, name: str) -> tuple[np.ndarray, np.float32, np.float32]:
    """Gives (T, H, W) of a NetCDF's variable, its scale and its offset."""
    with opened(f"netcdf:{file}:{name}") as dataset:
        return dataset.read(), np.float32(dataset.scales[0]), np.float32(dataset.offsets[0])


def _pairs(root: Path) -> Iterator[Labelled]:
    """Where the clear day is snow or in haze, what s2cloudless says counts alone."""
    splits = read_split(root)
    for place in pairs(root):
        if place.name.startswith(SNOWY_PAIR):
            continue
        clear, cloudy = place.days
        seen = cloudy.optical.any(axis=0)
        loose, strict = (
            ProbabilityDetector(NAMES, limit, 10.0)(cloudy.optical, seen) == CLOUD for limit in (0.2, THRESHOLD)
        )
        codes = np.full(seen.shape, UNKNOWN, np.uint8)
        if place.name.startswith(SNOW):
            codes[~loose] = NOT_CLOUD
            codes[strict] = CLOUD
        else:
            opacity = take_veil(place.name, cloudy.optical, clear.optical, NAMES).opacity
            codes[cloudy.clear & ~loose] = CLEAR
            codes[(opacity > THICK) | ((opacity > THIN) & strict)] = CLOUD
        codes[~seen] = UNKNOWN
        cells, valid = to_cells(_four(place, cloudy.optical), seen, 2)
        yield Labelled("pair", place.name, split_of(place.name, splits), "L1C", cells, valid, _halved(codes))


def read_ground(root: Path) -> tuple[list[Ground], list[Ground], list[Veil]]:
    """Reads the clear ground of train: images, the chips of l2a_chips, and clouds taken off their ground."""
    splits = read_split(root)
    images, small, veils = [], [], []
    for place in itertools.chain(cities(root), landscapes(root), with_sar(root), chips(root), pairs(root)):
        if split_of(place.name, splits) != "train" or place.name.startswith(SNOW):
            continue
        whole = np.s_[..., CHIP:-CHIP, CHIP:-CHIP] if place.name.startswith("l2a_chips") else np.s_[...]
        day = place.days[0]
        cells, valid = to_cells(_four(place, day.optical)[whole], day.clear[whole], 2)
        if valid.mean() > 0.9:
            (small if place.name.startswith("l2a_chips") else images).append(
                Ground(place.name, place.level, cells, valid)
            )
        veil = veil_of(place) if len(place.days) > 1 else None
        if veil is not None:
            veils.append(_coarser(veil))
    return images, small, veils


def _coarser(veil: Veil) -> Veil:
    whole = np.ones(veil.opacity.shape, bool)
    return Veil(veil.name, to_cells(veil.opacity[None], whole, 2)[0][0], to_cells(veil.path, whole, 2)[0])


def _four(place: Place, optical: Float) -> Float:
    return np.ascontiguousarray(optical[[place.bands.index(band) for band in BANDS]])


def _halved(codes: Codes) -> Codes:
    """Labels of cells of 2 x 2 pixels; a cell of different ones is unknown."""
    height, width = (side // 2 * 2 for side in codes.shape)
    four = np.stack([codes[i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)])
    return np.where((four == four[0]).all(axis=0), four[0], np.uint8(UNKNOWN))
