"""The first pass over a scene: where its clouds and shadows are, on each date, and what its clear ground looks like."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import Resampling

from . import clouds
from .background import BlockSums, GroundSums
from .cloud_finder import Finder, MaskRules, Seen
from .errors import NoData
from .geotiff import Layout, Writer
from .mask_files import Classes
from .matching import JointSums
from .raster import Grid, Raster, Reader, open_raster
from .reporting import Reporter
from .scene import Log, Optical, OpticalReader, Scene
from .sensors import UNHANDLED_OFFSET, Bool, Float
from .stored import Pixels
from .streams import side_by_side
from .tiling import Window, tiles

SURVEY_PX = 1024
THREADS = max(1, min(os.cpu_count() or 1, 4) - 1)
"""That look for clouds while another one reads; each needs up to 0.4 GB."""
MASK_LAYOUT = Layout(1, np.dtype(np.uint8), clouds.NODATA, ["cloud mask"], [1.0], [0.0], {}, Resampling.nearest)


@dataclass(frozen=True)
class DateSurvey:
    """What the first pass found on another date."""

    mask: Raster
    """Classes of clouds.py on the scene's grid, grown."""
    clear_px: int
    """On the scene's grid."""
    joint: JointSums
    """What is clear in both the optical image and the date."""


@dataclass(frozen=True)
class Survey:
    """What the first pass found."""

    mask: Raster
    """Classes of clouds.py on the scene's grid, grown."""
    dates: tuple[DateSurvey, ...]
    ground: GroundSums
    measured_px: int
    """Inside the area."""
    cloud_px: int
    """Cloud or shadow inside the area."""

    @property
    def clear_px(self) -> int:
        """Clear pixels of the scene, context included."""
        return int(self.ground.values.counts.sum())

    @property
    def cloud_fraction(self) -> float:
        return self.cloud_px / self.measured_px


@dataclass(frozen=True)
class Part:
    """What one window of a pass holds, summed on its own: where that is done makes no difference."""

    window: Window
    classes: Classes
    """Grown."""
    sums: Any
    """GroundSums of this window; JointSums on another date."""


@dataclass(frozen=True)
class Pass:
    """One reading of one acquisition of a scene, window by window."""

    scene: Scene
    rules: MaskRules
    date: int | None = None
    """Index of the other date; None for the optical image."""
    mask: Raster | None = None
    """Of the optical image, for another date."""

    def windows(self) -> list[Window]:
        """Gives all windows of the scene's grid; blocks of background.py never lie in two."""
        return list(tiles(self.scene.grid.height, self.scene.grid.width, SURVEY_PX))

    def read(self, windows: Sequence[Window], log: Log) -> Iterator[Part]:
        """Finds the clouds in some of the windows, and sums what is clear; several threads reckon, this one reads."""
        with contextlib.ExitStack() as stack:
            yield from side_by_side(self._sources(stack, windows, log), _summed, THREADS)

    def _sources(self, stack: contextlib.ExitStack, windows: Sequence[Window], log: Log) -> Iterator[_Source]:
        scene = self.scene
        if self.date is None or self.mask is None:
            finder = Finder(stack, scene.optical, scene.grid, self.rules, False, log)
            yield from (_Source(finder, finder.read(window)) for window in windows)
            return
        finder = Finder(stack, scene.dates[self.date], scene.grid, self.rules, True, log)
        optical = stack.enter_context(OpticalReader(scene.optical, scene.grid, warped=False))
        masks = stack.enter_context(Reader(self.mask, scene.grid, Resampling.nearest))
        for window in windows:
            clear = masks.read(window)[0][0] == clouds.CLEAR
            yield _Source(finder, finder.read(window), optical.read(window), clear)


@dataclass(frozen=True)
class _Source:
    """What a part is made from."""

    finder: Finder
    seen: Seen
    optical: Pixels | None = None
    """The optical image in the window of another date."""
    clear: Bool | None = None
    """(H, W) where it is clear."""


def _summed(source: _Source) -> Part:
    reflectance, classes = source.finder.classify(source.seen)
    window, clear = source.seen.window, classes == clouds.CLEAR
    if source.optical is None or source.clear is None:
        ground = GroundSums(len(reflectance), window.height, window.width)
        ground.add(reflectance, clear, 0, 0)
        return Part(window, classes, ground)
    joint = JointSums(len(reflectance), window.height, window.width)
    joint.add(source.optical.reflectance, reflectance, clear & source.clear, 0, 0)
    return Part(window, classes, joint)


PassReader = Callable[[Pass, Log], Iterator[Part]]
"""Yields the parts of all windows of a pass in order."""


def read_here(reading: Pass, log: Log) -> Iterator[Part]:
    """Reads a whole pass in this process."""
    return reading.read(reading.windows(), log)


def survey(
    scene: Scene,
    rules: MaskRules,
    scratch: Callable[[str], Path],
    report: Reporter,
    share: float,
    read: PassReader = read_here,
) -> Survey:
    """Reads every image once, writes its mask, and sums the clear ground.

    Args:
        scene: What to read.
        rules: How clouds are found on the optical image; the dates' are always found automatically.
        scratch: Gives names for temporary files.
        report: Told of the progress, from 0 to share of the whole job.
        share: Of the job's time that this pass takes.
        read: Reads each image; the sums and masks are joined here in the order of the windows.

    Raises:
        NoData: The area holds no measured pixel.
        OutputError: The disk is full.
    """
    steps = 1 + len(scene.dates)
    ground = GroundSums(len(scene.optical.bands), scene.grid.height, scene.grid.width)
    counts = np.zeros(256, np.int64)
    path = scratch("mask.tif")
    for part in _kept(_followed(Pass(scene, rules), read, report, (0.0, share / steps)), path, scene.grid):
        ground.join(part.sums, part.window.row, part.window.column)
        counts += np.bincount(_inside(part.classes, part.window, scene.area), minlength=256)
    measured = int(counts.sum() - counts[clouds.NODATA])
    if measured == 0:
        raise NoData(scene.optical.raster.path)
    _warn_of_offset(ground.values, report.log)
    mask = open_raster(str(path))
    dates = [
        _survey_date(
            _followed(Pass(scene, MaskRules(), i, mask), read, report, (share * (1 + i) / steps, share / steps)),
            scene,
            scratch(f"date{i}.tif"),
        )
        for i in range(len(scene.dates))
    ]
    cloud = int(counts[clouds.CLOUD] + counts[clouds.SHADOW])
    return Survey(mask, tuple(dates), ground, measured, cloud)


def _followed(reading: Pass, read: PassReader, report: Reporter, share: tuple[float, float]) -> Iterator[Part]:
    """Yields the parts of a pass and tells the progress: where the pass begins in the job, and how much of it it is."""
    count = len(reading.windows())
    stage = "looking for clouds" if reading.date is None else f"looking for clouds on date {reading.date + 1}"
    for done, part in enumerate(read(reading, report.log), 1):
        report.progress(share[0] + share[1] * done / count, stage)
        yield part


def _kept(parts: Iterator[Part], path: Path, grid: Grid) -> Iterator[Part]:
    """Yields the parts of a pass and writes their classes as a mask, which is whole after the last of them."""
    with contextlib.closing(Writer(path, grid, MASK_LAYOUT)) as writer:
        for part in parts:
            writer.write(part.window, part.classes[None])
            yield part
        writer.seal()


def _survey_date(parts: Iterator[Part], scene: Scene, path: Path) -> DateSurvey:
    """Writes the mask of a date, and joins the sums of what is clear in both it and the optical image."""
    clear_px = 0
    joint = JointSums(len(scene.optical.bands), scene.grid.height, scene.grid.width)
    for part in _kept(parts, path, scene.grid):
        clear_px += int(np.count_nonzero(part.classes == clouds.CLEAR))
        joint.join(part.sums, part.window.row, part.window.column)
    return DateSurvey(open_raster(str(path)), clear_px, joint)


def classified(
    optical: Optical, grid: Grid, rules: MaskRules, warped: bool, log: Log
) -> Iterator[tuple[Window, Float, Classes]]:
    """Finds the clouds of one acquisition: yields the windows of the grid, their reflectance and grown classes."""
    with contextlib.ExitStack() as stack:
        finder = Finder(stack, optical, grid, rules, warped, log)
        for window in tiles(grid.height, grid.width, SURVEY_PX):
            yield window, *finder.classify(finder.read(window))


def _inside(classes: Classes, window: Window, area: Window) -> Classes:
    """The classes of the window that lie in the area, as one row."""
    part = window.shifted(-area.row, -area.column).clipped(area.height, area.width)
    if part is None:
        return np.empty(0, np.uint8)
    return classes[part.shifted(area.row, area.column).slices_in(window)].ravel()


def _warn_of_offset(background: BlockSums, log: Log) -> None:
    """Warns when the darkest clear ground has the reflectance that a forgotten offset of 1000 leaves."""
    seen = background.counts > 0
    if not seen.any():
        return
    darkest = float((background.sums[:, seen] / background.counts[seen]).min())
    if UNHANDLED_OFFSET[0] <= darkest <= UNHANDLED_OFFSET[1]:
        log(
            "warning",
            f"The darkest clear ground has reflectance {darkest:.3f}: the offset of -1000 (products since 2022) "
            "seems not to be applied. If so, run again with offset -1000.",
        )
