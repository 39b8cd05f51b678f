"""From a scene and its survey to tiles: which hold cloud, and what is known of each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rasterio.enums import Resampling

from . import clouds
from .findings import Findings
from .mask_files import Classes
from .observation import Method, Observation
from .raster import Reader
from .scene import Scene, open_readers
from .sensors import Bool, Float
from .stored import Pixels, StoredDate, StoredObservation
from .tiling import Window, tiles


@dataclass(frozen=True)
class Tile:
    """One tile of the area as it was read."""

    area: Window
    """In the area's pixels."""
    digital_numbers: np.ndarray
    """(C, H, W) as stored."""
    classes: Classes
    """(H, W) of clouds.py."""
    replaced: Float
    """(H, W) 0 where the tile keeps its pixels, 1 where they are reconstructed, between on the rim."""
    observation: Observation | None
    """With the method's context round the tile; None where nothing is reconstructed."""
    core: tuple[slice, slice]
    """Where the tile lies in the observation."""


@dataclass(frozen=True)
class TilePlan:
    """How the area is read.

    Args:
        scene: What to read.
        found: Masks and background, of all the tiles that are read.
        method: Tells tile size, context and alignment.
        whole: Reconstruct every measured pixel, clear ones too.
        feather_px: Width of the rim on which reconstruction and measurement blend.
    """

    scene: Scene
    found: Findings
    method: Method
    whole: bool
    feather_px: int

    def windows(self) -> list[Window]:
        """All tiles of the area, in its pixels."""
        return list(tiles(self.scene.area.height, self.scene.area.width, self.method.tile_px))

    def clouded(self) -> list[bool]:
        """For each tile whether something in it is reconstructed."""
        with Reader(self.found.masks[0], self.scene.grid, Resampling.nearest) as masks:
            return [bool(self.to_replace(self._classes(masks, window)).any()) for window in self.windows()]

    def read(self, windows: Sequence[Window] | None = None) -> Iterator[Tile]:
        """Reads the tiles, or some of them, in order, with their context where something is reconstructed."""
        with contextlib.ExitStack() as stack:
            images = _Images(stack, self.scene, self.found)
            for window in self.windows() if windows is None else windows:
                inner = self._in_scene(window)
                classes = self._classes(images.mask, window)
                if self.to_replace(classes).any():
                    yield self._clouded_tile(images, window, inner)
                else:
                    numbers = images.optical.read(inner).digital_numbers
                    yield Tile(
                        window, numbers, classes, np.zeros(classes.shape, np.float32), None, inner.slices_in(inner)
                    )

    def to_replace(self, classes: Classes) -> Bool:
        """Tells by the classes (H, W) what is reconstructed."""
        replace: Bool = (classes == clouds.CLOUD) | (classes == clouds.SHADOW)
        return classes != clouds.NODATA if self.whole else replace

    def _clouded_tile(self, images: _Images, window: Window, inner: Window) -> Tile:
        outer = self._with_context(inner)
        core = inner.slices_in(outer)
        numbers, classes, observation = images.observe(outer)
        replaced = self._share(classes)
        return Tile(window, numbers[..., core[0], core[1]], classes[core], replaced[core], observation, core)

    def context(self, windows: Sequence[Window]) -> Window:
        """Gives the smallest window of the scene that holds all that tiles of the area are reconstructed from."""
        outer = [self._with_context(self._in_scene(window)) for window in windows]
        top, left = min(window.row for window in outer), min(window.column for window in outer)
        bottom = max(window.row + window.height for window in outer)
        right = max(window.column + window.width for window in outer)
        return Window(top, left, bottom - top, right - left)

    def _with_context(self, inner: Window) -> Window:
        outer = inner.padded(max(self.method.overlap_px, self.feather_px), self.method.align_px)
        if self.method.beyond_scene:
            return outer
        return outer.clipped(self.scene.grid.height, self.scene.grid.width) or outer

    def _share(self, classes: Classes) -> Float:
        """Feathers towards clear pixels only, not towards the border of the scene or nodata."""
        replace = self.to_replace(classes)
        feather_px = 0 if self.whole else self.feather_px
        return clouds.feather(replace | (classes == clouds.NODATA), feather_px) * replace

    def _in_scene(self, window: Window) -> Window:
        return window.shifted(self.scene.area.row, self.scene.area.column)

    def _classes(self, masks: Reader, window: Window) -> Classes:
        classes: Classes = masks.read(self._in_scene(window))[0][0]
        return classes


class _Images:
    """All open files of a scene, and what the survey says of them. Belongs to one thread."""

    def __init__(self, stack: contextlib.ExitStack, scene: Scene, found: Findings) -> None:
        self._scene, self._found = scene, found
        self.optical, self._sar, dates = open_readers(stack, scene)
        self.mask, *masks = (stack.enter_context(Reader(mask, scene.grid, Resampling.nearest)) for mask in found.masks)
        self._days = np.array([scene.days[i] for i in found.order], np.float32)
        self._dates = [(dates[i], mask) for i, mask in zip(found.order, masks, strict=True)]

    def observe(self, window: Window) -> tuple[np.ndarray, Classes, Observation]:
        """Gives the digital numbers (C, H, W), the classes (H, W) and all that is known of a window."""
        optical = self._scene.optical
        pixels = self.optical.read(window)
        classes = self.mask.read(window)[0][0]
        others = [
            StoredDate(date := reader.read(window), self._clear(date, mask, window), match)
            for (reader, mask), match in zip(self._dates, self._found.matches_at(window), strict=True)
        ]
        observation = StoredObservation(
            bands=optical.bands,
            level=optical.level,
            image=pixels,
            cloud=(classes == clouds.CLOUD) | (classes == clouds.SHADOW),
            ground=self._found.ground_at(window),
            sar=self._sar.read(window) if self._sar else None,
            others=others,
            days=self._days if others else None,
        )
        return pixels.digital_numbers, classes, observation

    def _clear(self, date: Pixels, mask: Reader, window: Window) -> Bool:
        clear: Bool = date.valid & (mask.read(window)[0][0] == clouds.CLEAR)
        return clear
