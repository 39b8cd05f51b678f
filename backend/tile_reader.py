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
from .tiling import Window, bounds, cover, tiles


@dataclass(frozen=True)
class Part:
    """What is reconstructed of a tile at once."""

    place: tuple[slice, slice]
    """Where it lies in the tile."""
    observation: Observation
    """With the method's context round it."""
    core: tuple[slice, slice]
    """Where it lies in the observation."""

    def of_tile(self, array: np.ndarray) -> np.ndarray:
        """Gives what of an array (..., H, W) of the tile is the part's."""
        return array[..., self.place[0], self.place[1]]

    def of_observation(self, array: np.ndarray) -> np.ndarray:
        """Gives what of an array (..., H, W) of the observation is the part's."""
        return array[..., self.core[0], self.core[1]]


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
    parts: tuple[Part, ...]
    """All that is reconstructed lies in one of them."""


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

    def computed(self) -> list[int]:
        """For each tile how many pixels are computed, context included; 0 where nothing is reconstructed."""
        with Reader(self.found.masks[0], self.scene.grid, Resampling.nearest) as masks:
            parts = (self._parts(window, self._classes(masks, window)) for window in self.windows())
            return [sum(self._with_context(part).pixels for part in of_tile) for of_tile in parts]

    def read(self, windows: Sequence[Window] | None = None) -> Iterator[Tile]:
        """Reads the tiles, or some of them, in order, and the context of what is reconstructed."""
        with contextlib.ExitStack() as stack:
            images = _Images(stack, self.scene, self.found)
            for window in self.windows() if windows is None else windows:
                classes = self._classes(images.mask, window)
                if parts := self._parts(window, classes):
                    yield self._clouded_tile(images, window, parts)
                else:
                    numbers = images.optical.read(self._in_scene(window)).digital_numbers
                    yield Tile(window, numbers, classes, np.zeros(classes.shape, np.float32), ())

    def to_replace(self, classes: Classes) -> Bool:
        """Tells by the classes (H, W) what is reconstructed."""
        replace: Bool = (classes == clouds.CLOUD) | (classes == clouds.SHADOW)
        return classes != clouds.NODATA if self.whole else replace

    def _parts(self, window: Window, classes: Classes) -> list[Window]:
        """Gives the windows of the scene in which a tile is reconstructed, without their context."""
        inner = self._in_scene(window)
        return [part.shifted(inner.row, inner.column) for part in cover(self.to_replace(classes), self._context_px)]

    def _clouded_tile(self, images: _Images, window: Window, parts: list[Window]) -> Tile:
        inner, outer = self._in_scene(window), [self._with_context(part) for part in parts]
        around = bounds([inner, *outer])
        core = inner.slices_in(around)
        numbers, classes, observations = images.observe(around, outer)
        return Tile(
            window,
            numbers[..., core[0], core[1]],
            classes[core],
            self._share(classes)[core],
            tuple(
                Part(part.slices_in(inner), observation, part.slices_in(one))
                for part, observation, one in zip(parts, observations, outer, strict=True)
            ),
        )

    def context(self, windows: Sequence[Window]) -> Window:
        """Gives the smallest window of the scene that holds all that tiles of the area are reconstructed from."""
        return bounds([self._with_context(self._in_scene(window)) for window in windows])

    @property
    def _context_px(self) -> int:
        return max(self.method.overlap_px, self.feather_px)

    def _with_context(self, inner: Window) -> Window:
        outer = inner.padded(self._context_px, self.method.align_px)
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

    def observe(self, window: Window, parts: Sequence[Window]) -> tuple[np.ndarray, Classes, list[Observation]]:
        """Gives the digital numbers (C, H, W) and classes (H, W) of a window, and what is known of its parts."""
        pixels = self.optical.read(window)
        classes = self.mask.read(window)[0][0]
        sar = self._sar.read(window) if self._sar else None
        dates = [(date := reader.read(window), self._clear(date, mask, window)) for reader, mask in self._dates]

        def known(part: Window) -> Observation:
            rows, columns = part.slices_in(window)
            others = [
                StoredDate(date.cut(rows, columns), clear[rows, columns], match)
                for (date, clear), match in zip(dates, self._found.matches_at(part), strict=True)
            ]
            return StoredObservation(
                bands=self._scene.optical.bands,
                level=self._scene.optical.level,
                image=pixels.cut(rows, columns),
                cloud=np.isin(classes[rows, columns], (clouds.CLOUD, clouds.SHADOW)),
                ground=self._found.ground_at(part),
                sar=None if sar is None else sar[:, rows, columns],
                others=others,
                days=self._days if others else None,
            )

        return pixels.digital_numbers, classes, [known(part) for part in parts]

    def _clear(self, date: Pixels, mask: Reader, window: Window) -> Bool:
        clear: Bool = date.valid & (mask.read(window)[0][0] == clouds.CLEAR)
        return clear
