"""Where an acquisition has clouds and shadows: by a detector, its scene classification, or the user's mask."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rasterio.enums import Resampling

from . import clouds
from .errors import InputError, UsageError
from .mask_files import Classes
from .raster import Grid, Raster, Reader, open_raster, read_sample
from .scene import Log, Optical, OpticalReader
from .sensors import Float
from .stored import Pixels
from .tiling import Window

MAX_GROW_PX = 100
SAMPLE_PX = 1024


@dataclass(frozen=True)
class MaskRules:
    """How clouds are found; the fields are those of protocol.RemoveClouds."""

    mask: str = "auto"
    threshold: float | None = None
    grow_px: int | None = None

    def __post_init__(self) -> None:
        if self.grow_px is not None and not 0 <= self.grow_px <= MAX_GROW_PX:
            raise UsageError(
                f"The mask is to grow by {self.grow_px} pixels; 0 to {MAX_GROW_PX} were expected.",
                "Give for example 4.",
            )

    @property
    def own(self) -> bool:
        """Whether the user gave a mask."""
        return self.mask not in ("auto", "all")

    @property
    def growth_px(self) -> int:
        """By how much the mask is grown: a user's mask only if asked."""
        if self.grow_px is not None:
            return self.grow_px
        return 0 if self.own else clouds.GROW_PX


@dataclass(frozen=True)
class Seen:
    """What the classes of a window are made from."""

    window: Window
    outer: Window
    """With the context that the classes depend on."""
    around: Pixels
    """Of the outer window."""
    marks: np.ndarray | None
    """(H, W) of the outer window: values of a mask from a file."""


class Finder:
    """Finds the clouds of one acquisition, window by window.

    Args:
        stack: Closes the files.
        optical: The acquisition.
        grid: Of the windows.
        rules: How clouds are found.
        warped: Whether the acquisition may lie on another grid.
        log: Hears of how clouds are found.
    """

    def __init__(
        self, stack: contextlib.ExitStack, optical: Optical, grid: Grid, rules: MaskRules, warped: bool, log: Log
    ) -> None:
        self._reader = stack.enter_context(OpticalReader(optical, grid, warped))
        self._growth_px = rules.growth_px
        self._margin_px, self._align_px = 0, 1
        self._marks: Reader | None = None
        name = Path(optical.raster.path).name
        if rules.own or optical.product.scl is not None:
            mask, self._kind = _mask_file(optical, grid, rules, log)
            self._threshold = rules.threshold if rules.own else None
            self._marks = stack.enter_context(Reader(mask, grid, Resampling.nearest))
            return
        self._detector = clouds.choose(optical.bands, optical.level, rules.threshold, grid.resolution_m)
        self._margin_px, self._align_px = self._detector.margin_px, self._detector.align_px
        log("info", f"{name}: clouds are found by {self._detector.name}.")

    def read(self, window: Window) -> Seen:
        """Reads a window and its context. Belongs to one thread."""
        outer = window.padded(self._margin_px + self._growth_px, self._align_px)
        marks = self._marks.read(outer)[0][0] if self._marks else None
        return Seen(window, outer, self._reader.read(outer), marks)

    def classify(self, seen: Seen) -> tuple[Float, Classes]:
        """Gives the reflectance (C, H, W) of a window and its grown classes (H, W). Belongs to no thread."""
        around, core = seen.around, seen.window.slices_in(seen.outer)
        if seen.marks is None:
            classes = self._detector(around.reflectance, around.valid)
        else:
            given = clouds.from_user(seen.marks, self._kind, self._threshold)
            classes = np.where(around.valid, given, np.uint8(clouds.NODATA))
        return around.reflectance[:, core[0], core[1]], _grown(classes, self._growth_px)[core]


def open_mask(path: str, optical: Optical, grid: Grid, log: Log) -> tuple[Raster, clouds.Kind]:
    """Opens a mask that a user brings, and says in the log what its values are taken for.

    Raises:
        InputError: It has several bands, its values make no sense, or it shows another place.
    """
    whole = open_raster(path)
    if len(whole.bands) != 1:
        raise InputError(f"The mask {path} has {len(whole.bands)} bands; one was expected.", "Give one with one band.")
    band = whole.bands[0]
    sample = read_sample(band, SAMPLE_PX)
    kind, meaning = clouds.interpret(path, sample, band.nodata, band.description or "")
    log("info", f"{Path(path).name}: {meaning}.")
    mask = whole.placed_on(optical.raster.grid, "mask")
    mask.check_overlap(grid, "mask")
    return mask, kind


def _mask_file(optical: Optical, grid: Grid, rules: MaskRules, log: Log) -> tuple[Raster, clouds.Kind]:
    """Gives the mask that the user brings, else the product's scene classification."""
    if rules.own or optical.product.scl is None:
        return open_mask(rules.mask, optical, grid, log)
    log("info", f"{Path(optical.raster.path).name}: clouds are those of the product's scene classification.")
    return optical.product.scl, "scl"


def _grown(classes: Classes, grow_px: int) -> Classes:
    if grow_px == 0:
        return classes
    cloud = clouds.grow(classes == clouds.CLOUD, grow_px)
    shadow = clouds.grow(classes == clouds.SHADOW, grow_px)
    clear = classes == clouds.CLEAR
    return np.select([clear & cloud, clear & shadow], [np.uint8(clouds.CLOUD), np.uint8(clouds.SHADOW)], classes)
