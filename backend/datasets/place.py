"""One place, seen on one day or several: what all data sets give."""

from __future__ import annotations

import contextlib
import csv
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from ..sensors import NAMES, Bool, Float, Level

SCALE = 1e-4
FORGOTTEN_OFFSET = 0.09
"""Reflectance above which all pixels lie where the offset was not taken off."""


@dataclass(frozen=True)
class Day:
    """One acquisition of a place."""

    optical: Float
    """(C, H, W) reflectance as measured, cloud and all; 0 where it was not measured."""
    clear: Bool
    """(H, W) shows the ground: measured, and neither cloud nor shadow."""
    day: float
    """In days from an arbitrary one."""

    @property
    def is_truth(self) -> bool:
        """Whether it is clear enough to learn from."""
        return bool(self.clear.mean() > 0.75)


@dataclass(frozen=True)
class Place:
    """One place on one grid of about 10 m."""

    name: str
    """Data set, place, and what follows behind it, divided by slashes; split.csv has its beginning."""
    bands: tuple[str, ...]
    level: Level
    days: list[Day]
    """Of places that were seen only through clouds none is_truth."""
    sar: Float | None = None
    """(2, H, W) VV and VH in dB."""
    weight: float = 1.0
    """How often it is drawn."""
    group: str = field(default="")
    """Images of the same group show the same ground."""
    labels: tuple[str, ...] = ()
    """Classes of the land, in data sets for classification."""


def read_split(root: Path) -> dict[str, str]:
    """Reads which place belongs to `train` and which to `validation`."""
    with (root / "split.csv").open(newline="") as file:
        return {row["place"].removesuffix(".tif"): row["split"] for row in csv.DictReader(file)}


@contextlib.contextmanager
def opened(path: str) -> Iterator[rasterio.DatasetReader]:
    """Opens a raster of which only the pixels matter: many of these have no georeference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as dataset:
            yield dataset


def read_image(path: Path, scale: float = SCALE) -> tuple[tuple[str, ...], np.ndarray]:
    """Reads an image and the names of its bands.

    Returns:
        Names, and (C, H, W) digital number * scale.
    """
    with opened(str(path)) as dataset:
        values = dataset.read().astype(np.float32) * np.float32(scale)
        return tuple(dataset.descriptions), values


def clear_day(optical: Float, day: float = 0.0) -> Day:
    """Gives an acquisition that is known to be clear wherever it was measured."""
    measured: Bool = np.any(optical, axis=0)
    return Day(optical, measured, day)


def without_offset(optical: Float) -> Float:
    """Takes off the offset of 1000 where it was forgotten: nothing on Earth is as bright as that in every band."""
    if np.percentile(optical, 0.1) > FORGOTTEN_OFFSET:
        optical = optical - np.float32(0.1)
    return optical


def mirrored(array: np.ndarray, size: int) -> np.ndarray:
    """Grows the last two axes to `size` by mirroring."""
    height, width = array.shape[-2:]
    rows = (size - height) // 2, size - height - (size - height) // 2
    columns = (size - width) // 2, size - width - (size - width) // 2
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + [rows, columns], mode="symmetric")


def in_order(bands: tuple[str, ...], optical: Float) -> tuple[tuple[str, ...], Float]:
    """Sorts bands by wavelength."""
    order = sorted(range(len(bands)), key=lambda index: NAMES.index(bands[index]))
    return tuple(bands[index] for index in order), optical[order]
