"""The first pass over a scene: where its clouds and shadows are, on each date, and what its clear ground looks like."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling

from . import clouds
from .background import BlockSums, GroundSums
from .errors import InputError, NoData, UsageError
from .geotiff import Layout, Writer
from .matching import JointSums
from .raster import Grid, Raster, Reader, open_raster, read_sample
from .reporting import Reporter
from .scene import Log, Optical, OpticalReader, Pixels, Scene
from .sensors import UNHANDLED_OFFSET
from .streams import ahead
from .tiling import Window, tiles

Classes = NDArray[np.uint8]

SURVEY_PX = 1024
MAX_GROW_PX = 100
MASK_LAYOUT = Layout(1, np.dtype(np.uint8), clouds.NODATA, ["cloud mask"], [1.0], [0.0], {}, Resampling.nearest)


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
        """Finds the clouds in some of the windows, and sums what is clear."""
        scene = self.scene
        if self.date is None or self.mask is None:
            for _, (window, pixels, classes) in classified(scene.optical, scene.grid, self.rules, False, log, windows):
                ground = GroundSums(len(scene.optical.bands), window.height, window.width)
                ground.add(pixels.reflectance, classes == clouds.CLEAR, 0, 0)
                yield Part(window, classes, ground)
            return
        with contextlib.ExitStack() as stack:
            optical = stack.enter_context(OpticalReader(scene.optical, scene.grid, warped=False))
            masks = stack.enter_context(Reader(self.mask, scene.grid, Resampling.nearest))
            date = scene.dates[self.date]
            for _, (window, pixels, classes) in classified(date, scene.grid, self.rules, True, log, windows):
                both = (classes == clouds.CLEAR) & (masks.read(window)[0][0] == clouds.CLEAR)
                joint = JointSums(len(scene.optical.bands), window.height, window.width)
                joint.add(optical.read(window).reflectance, pixels.reflectance, both, 0, 0)
                yield Part(window, classes, joint)


Masker = Callable[[Window, Pixels], Classes]
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
    """
    steps = 1 + len(scene.dates)
    ground = GroundSums(len(scene.optical.bands), scene.grid.height, scene.grid.width)
    counts = np.zeros(256, np.int64)
    path = scratch("mask.tif")
    with contextlib.closing(Writer(path, scene.grid, MASK_LAYOUT)) as writer:
        for part in _followed(Pass(scene, rules), read, report, (0.0, share / steps)):
            writer.write(part.window, part.classes[None])
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


def _survey_date(parts: Iterator[Part], scene: Scene, path: Path) -> DateSurvey:
    """Writes the mask of a date, and joins the sums of what is clear in both it and the optical image."""
    clear_px = 0
    joint = JointSums(len(scene.optical.bands), scene.grid.height, scene.grid.width)
    with contextlib.closing(Writer(path, scene.grid, MASK_LAYOUT)) as writer:
        for part in parts:
            writer.write(part.window, part.classes[None])
            clear_px += int(np.count_nonzero(part.classes == clouds.CLEAR))
            joint.join(part.sums, part.window.row, part.window.column)
    return DateSurvey(open_raster(str(path)), clear_px, joint)


def classified(
    optical: Optical, grid: Grid, rules: MaskRules, warped: bool, log: Log, chosen: Sequence[Window] | None = None
) -> Iterator[tuple[float, tuple[Window, Pixels, Classes]]]:
    """Finds the clouds of one acquisition.

    Yields:
        For each window of the grid, or of those chosen, the share that is done, and the window with its pixels and its
        grown classes.
    """
    windows = list(tiles(grid.height, grid.width, SURVEY_PX)) if chosen is None else chosen

    def classify() -> Iterator[tuple[float, tuple[Window, Pixels, Classes]]]:
        with contextlib.ExitStack() as stack:
            reader = stack.enter_context(OpticalReader(optical, grid, warped))
            masker, margin_px, align_px = _masker(stack, optical, grid, rules, log)
            for i, window in enumerate(windows):
                outer = window.padded(margin_px + rules.growth_px, align_px)
                around = reader.read(outer)
                classes = _grown(masker(outer, around), rules.growth_px)
                core = window.slices_in(outer)
                pixels = Pixels(
                    around.digital_numbers[..., core[0], core[1]],
                    around.reflectance[..., core[0], core[1]],
                    around.valid[core],
                )
                yield (i + 1) / len(windows), (window, pixels, classes[core])

    return ahead(classify)


def _masker(
    stack: contextlib.ExitStack, optical: Optical, grid: Grid, rules: MaskRules, log: Log
) -> tuple[Masker, int, int]:
    """Chooses where the mask comes from: the user, the product's scene classification, or a detector."""
    if rules.own:
        mask, kind = open_mask(rules.mask, optical, grid, log)
        return _file_masker(stack, mask, kind, grid, rules.threshold), 0, 1
    if optical.product.scl is not None:
        log("info", f"{Path(optical.raster.path).name}: clouds are those of the product's scene classification.")
        return _file_masker(stack, optical.product.scl, "scl", grid, None), 0, 1
    detector = clouds.choose(optical.bands, optical.level, rules.threshold, grid.resolution_m)
    log("info", f"{Path(optical.raster.path).name}: clouds are found by {detector.name}.")
    return lambda _, pixels: detector(pixels.reflectance, pixels.valid), detector.margin_px, detector.align_px


def open_mask(path: str, optical: Optical, grid: Grid, log: Log) -> tuple[Raster, clouds.Kind]:
    """Opens a mask that a user brings, and says in the log what its values are taken for.

    Raises:
        InputError: It has several bands, its values make no sense, or it shows another place.
    """
    whole = open_raster(path)
    if len(whole.bands) != 1:
        raise InputError(f"The mask {path} has {len(whole.bands)} bands; one was expected.", "Give one with one band.")
    band = whole.bands[0]
    sample = read_sample(band, SURVEY_PX)
    kind, meaning = clouds.interpret(path, sample, band.nodata, band.description or "")
    log("info", f"{Path(path).name}: {meaning}.")
    mask = whole.placed_on(optical.raster.grid, "mask")
    mask.check_overlap(grid, "mask")
    return mask, kind


def _file_masker(
    stack: contextlib.ExitStack, raster: Raster, kind: clouds.Kind, grid: Grid, limit: float | None
) -> Masker:
    reader = stack.enter_context(Reader(raster, grid, Resampling.nearest))

    def classify(window: Window, pixels: Pixels) -> Classes:
        values, _ = reader.read(window)
        return np.where(pixels.valid, clouds.from_user(values[0], kind, limit), np.uint8(clouds.NODATA))

    return classify


def _grown(classes: Classes, grow_px: int) -> Classes:
    if grow_px == 0:
        return classes
    cloud = clouds.grow(classes == clouds.CLOUD, grow_px)
    shadow = clouds.grow(classes == clouds.SHADOW, grow_px)
    clear = classes == clouds.CLEAR
    return np.select([clear & cloud, clear & shadow], [np.uint8(clouds.CLOUD), np.uint8(clouds.SHADOW)], classes)


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
