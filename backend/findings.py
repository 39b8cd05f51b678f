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
from .background import BLOCK_PX, REGION_PX, Ground
from .mask_files import Classes
from .matching import Match
from .raster import Grid, Raster, RasterBand, Reader
from .scene import Scene
from .sensors import Float
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

    def sample_ground(self, window: Window) -> Ground:
        """Gives the ground at the pixels of a window of the scene."""
        return self.ground.sample(window.row - self.row, window.column - self.column, window.height, window.width)

    def match(self, position: int, reflectance: Float, window: Window) -> tuple[Float, Float]:
        """Matches a window of a date, see Match.apply; the position is that in this order."""
        return self.matches[position].apply(reflectance, window.row - self.row, window.column - self.column)


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
class Excerpt:
    """The findings of a window of a scene as plain data: masks are in it, not beside it in files."""

    findings: Findings
    window: Window
    """Of the masks, in the scene."""
    masks: tuple[bytes, ...]
    """(H, W) of the window, row by row, deflated."""

    @contextlib.contextmanager
    def opened(self, grid: Grid) -> Iterator[Findings]:
        """Gives the findings with masks that can be read as long as the context lasts.

        Args:
            grid: Of the scene.
        """
        shape = self.window.height, self.window.width
        with contextlib.ExitStack() as stack:
            rasters = []
            for packed in self.masks:
                classes = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(shape)
                rasters.append(_in_memory(stack, classes, grid.crop(self.window)))
            yield replace(self.findings, masks=tuple(rasters))


def excerpt(findings: Findings, scene: Scene, window: Window) -> Excerpt:
    """Takes what tiles of a window, their context included, need of a scene's findings."""
    inside = window.clipped(scene.grid.height, scene.grid.width) or window
    masks = []
    for raster in findings.masks:
        with Reader(raster, scene.grid, Resampling.nearest) as reader:
            masks.append(zlib.compress(reader.read(inside)[0].tobytes(), 1))
    around = inside.padded(REGION_PX, REGION_PX).clipped(scene.grid.height, scene.grid.width) or inside
    cut = replace(
        findings,
        masks=(),
        ground=_cut_ground(findings.ground, around),
        matches=tuple(_cut_match(match, around) for match in findings.matches),
        row=around.row,
        column=around.column,
    )
    return Excerpt(cut, inside, tuple(masks))


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


def _in_memory(stack: contextlib.ExitStack, classes: Classes, grid: Grid) -> Raster:
    """Makes a mask (H, W) a raster in memory, which goes with the stack."""
    height, width = classes.shape
    memory = stack.enter_context(MemoryFile())
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8"}
    with memory.open(crs=grid.crs, transform=grid.transform, nodata=clouds.NODATA, **profile) as dataset:
        dataset.write(classes[None])
    band = RasterBand(memory.name, 1, grid, np.dtype(np.uint8), clouds.NODATA, None, 1.0, 0.0)
    return Raster(memory.name, (band,), {})
