"""What the survey says of a scene, made ready for the tiles; parts of it can go to another process."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from rasterio.enums import Resampling
from rasterio.io import MemoryFile

from . import clouds
from .background import BLOCK_PX, REGION_PX, Ground, near
from .matching import Match, MatchedWindow
from .raster import Grid, Raster, RasterBand, Reader
from .sensors import Float
from .stored import StoredGround
from .survey import Survey
from .tiling import Window


@dataclass(frozen=True)
class Findings:
    """Masks, ground, and how the dates match: of a whole scene, or of a window of it."""

    masks: tuple[Raster, ...]
    """Classes of clouds.py, grown: of the optical image, then of the dates in their order here."""
    ground: Ground
    order: tuple[int, ...]
    """Indexes of the scene's dates, the least cloudy first."""
    matches: tuple[Match, ...]
    """Of the dates in this order."""
    row: int = 0
    """In the scene, where the fields of ground and matches begin."""
    column: int = 0

    def ground_at(self, window: Window) -> StoredGround:
        """Gives the ground at the pixels of a window of the scene."""
        at, ground = self._place(window), self.ground
        return StoredGround(
            near(ground.background, *at),
            near(ground.regional, *at, REGION_PX),
            near(ground.variability, *at, REGION_PX),
        )

    def matches_at(self, window: Window) -> list[MatchedWindow]:
        """Gives what takes a window of each date, in this order, to the optical image's day."""
        return [match.at(*self._place(window)) for match in self.matches]

    def _place(self, window: Window) -> tuple[int, int, int, int]:
        return window.row - self.row, window.column - self.column, window.height, window.width


def findings_of(survey: Survey, prior: Float | None) -> Findings:
    """Fills what the survey has summed.

    Args:
        survey: Of the whole scene.
        prior: (C,) reflectance assumed where nothing is clear, or None.
    """
    order = tuple(sorted(range(len(survey.dates)), key=lambda i: -survey.dates[i].clear_px))
    dates = [survey.dates[i] for i in order]
    matches = tuple(date.joint.match() for date in dates)
    return Findings((survey.mask, *(date.mask for date in dates)), survey.ground.fill(prior), order, matches)


@dataclass(frozen=True)
class PackedMask:
    """A window of a mask as plain data."""

    window: Window
    """In the scene; outside of it the mask is nodata."""
    deflated: bytes
    """(H, W) row by row."""

    @contextlib.contextmanager
    def opened(self, grid: Grid) -> Iterator[Raster]:
        """Gives the mask as a raster that can be read as long as the context lasts.

        Args:
            grid: Of the scene.
        """
        classes = np.frombuffer(zlib.decompress(self.deflated), np.uint8)
        height, width = self.window.height, self.window.width
        place = grid.crop(self.window)
        profile = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8"}
        with MemoryFile() as memory:
            with memory.open(crs=place.crs, transform=place.transform, nodata=clouds.NODATA, **profile) as dataset:
                dataset.write(classes.reshape(1, height, width))
            band = RasterBand(memory.name, 1, place, np.dtype(np.uint8), clouds.NODATA, None, 1.0, 0.0)
            yield Raster(memory.name, (band,), {})


def pack_mask(mask: Raster, grid: Grid, window: Window) -> PackedMask:
    """Takes the part of a mask on the grid of a scene that lies in a window."""
    inside = window.clipped(grid.height, grid.width) or window
    with Reader(mask, grid, Resampling.nearest) as reader:
        return PackedMask(inside, zlib.compress(reader.read(inside)[0].tobytes(), 1))


@dataclass(frozen=True)
class Excerpt:
    """The findings of a window of a scene as plain data: masks are in it, not beside it in files."""

    findings: Findings
    masks: tuple[PackedMask, ...]

    @contextlib.contextmanager
    def opened(self, grid: Grid) -> Iterator[Findings]:
        """Gives the findings with masks that can be read as long as the context lasts.

        Args:
            grid: Of the scene.
        """
        with contextlib.ExitStack() as stack:
            masks = tuple(stack.enter_context(mask.opened(grid)) for mask in self.masks)
            yield replace(self.findings, masks=masks)


def excerpt(findings: Findings, grid: Grid, window: Window) -> Excerpt:
    """Takes what tiles of a window, their context included, need of the findings of a scene with this grid."""
    inside = window.clipped(grid.height, grid.width) or window
    around = inside.padded(REGION_PX, REGION_PX).clipped(grid.height, grid.width) or inside
    cut = replace(
        findings,
        masks=(),
        ground=_cut_ground(findings.ground, around),
        matches=tuple(_cut_match(match, around) for match in findings.matches),
        row=around.row,
        column=around.column,
    )
    return Excerpt(cut, tuple(pack_mask(mask, grid, inside) for mask in findings.masks))


def _cut_ground(ground: Ground, window: Window) -> Ground:
    return Ground(
        _cut(ground.background, window, BLOCK_PX),
        _cut(ground.regional, window, REGION_PX),
        _cut(ground.variability, window, REGION_PX),
    )


def _cut_match(match: Match, window: Window) -> Match:
    return replace(match, shift=_cut(match.shift, window, BLOCK_PX), error=_cut(match.error, window, BLOCK_PX))


def _cut(field: Float, window: Window, cell_px: int) -> Float:
    """Cuts the cells of a window that begins at one out of a field (C, h, w)."""
    rows = slice(window.row // cell_px, -(-(window.row + window.height) // cell_px))
    columns = slice(window.column // cell_px, -(-(window.column + window.width) // cell_px))
    cells: Float = np.ascontiguousarray(field[:, rows, columns])
    return cells
