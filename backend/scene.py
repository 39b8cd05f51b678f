"""All images of one place on one grid: the optical image, Sentinel-1 and other dates."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from rasterio.enums import Resampling

from .errors import InputError, NoData, UncalibratedSar, UsageError
from .products import Product, open_product, split_day
from .raster import Grid, Raster, Reader, open_raster, read_sample
from .sensors import Bool, Float, Level, Scaling, find_scaling, level_of, name_bands, sar_bands, sar_decibels
from .stored import Pixels
from .tiling import Window

Log = Callable[[str, str], None]
"""Called with `info` or `warning` and a sentence."""

CONTEXT_PX = 128
"""Of the image around a chosen area, read for its clear ground."""
SAMPLE_PX = 512


@dataclass(frozen=True)
class Optical:
    """One optical acquisition: its bands, and how its digital numbers become reflectance."""

    product: Product
    bands: tuple[str, ...]
    level: Level
    scaling: Scaling

    @property
    def raster(self) -> Raster:
        return self.product.raster


@dataclass(frozen=True)
class Scene:
    """What a job reads. All windows are of `grid`, which holds the area to reconstruct and some context around it."""

    optical: Optical
    grid: Grid
    area: Window
    """The part of the grid that is reconstructed."""
    sar: Raster | None
    sar_median: float
    dates: tuple[Optical, ...]
    days: tuple[float, ...]
    """From the optical image's day to each date's."""


def open_optical(path: str, bands: Sequence[str] | None, level: str | None, offset: float | None, log: Log) -> Optical:
    """Opens an optical image and says in the log what its numbers are taken for.

    Raises:
        InputError: It cannot serve; the subclass says why.
        UsageError: The level is unknown.
    """
    if level not in (None, "L1C", "L2A"):
        raise UsageError(f"There is no level {level!r}.", "Known: L1C, L2A.")
    product = open_product(path)
    raster = product.raster
    names, source = name_bands(path, [band.description for band in raster.bands], bands)
    typical = _sample_percentile(raster, 98) if np.issubdtype(raster.dtype, np.floating) else 0.0
    stated = offset if offset is not None else product.offset
    scaling, meaning = find_scaling(raster.dtype, [(band.scale, band.offset) for band in raster.bands], stated, typical)
    known: Level | None = "L1C" if level == "L1C" else "L2A" if level == "L2A" else product.level
    found = known or level_of(names)
    log("info", f"{Path(path).name}: {source}; {meaning}; {found}{'' if known else ' by its bands'}.")
    return Optical(product, names, found, scaling)


def open_scene(
    optical: Optical,
    sar: str | None,
    dates: Sequence[str],
    bbox: Sequence[float] | None,
    log: Log,
) -> Scene:
    """Brings everything that a job reads onto the optical image's grid.

    Raises:
        InputError: A file cannot serve, or shows another place.
    """
    whole = optical.raster.grid
    if whole.crs is None and (sar or dates):
        log(
            "warning",
            "The optical image has no georeference: SAR and dates of the same size are taken to lie on its pixels.",
        )
    area = area_of(whole, bbox)
    window = area.padded(CONTEXT_PX).clipped(whole.height, whole.width) or area
    grid = whole.crop(window)
    radar = _open_sar(sar, whole, grid, log) if sar else None
    others = [_open_date(spec, optical, whole, grid, log) for spec in dates]
    return Scene(
        optical,
        grid,
        area.shifted(-window.row, -window.column),
        radar,
        _sample_percentile(radar, 50) if radar else 0.0,
        tuple(date for date, _ in others),
        _days(optical.product.day, [day for _, day in others], log),
    )


def open_alike(path: str, optical: Optical, level: str | None, offset: float | None, log: Log) -> Optical:
    """Opens another image of the same place; as many bands without names are taken to be those of the optical image.

    Raises:
        InputError: It cannot serve; the subclass says why.
        UsageError: The level is unknown.
    """
    descriptions = [band.description for band in open_product(path).raster.bands]
    same = not any(descriptions) and len(descriptions) == len(optical.bands)
    return open_optical(path, optical.bands if same else None, level, offset, log)


def place(optical: Optical, bands: Sequence[str], grid: Grid, what: str) -> Optical:
    """Chooses some of an image's bands, and puts it on a grid if it has no georeference.

    Raises:
        InputError: It has no georeference and another size.
    """
    chosen = [optical.bands.index(band) for band in bands]
    whole = optical.raster
    raster = Raster(whole.path, tuple(whole.bands[i] for i in chosen), whole.tags).placed_on(grid, what)
    scaling = Scaling(optical.scaling.scale[chosen], optical.scaling.shift[chosen])
    return Optical(replace(optical.product, raster=raster), tuple(bands), optical.level, scaling)


class OpticalReader:
    """Reads windows of one acquisition. Belongs to one thread."""

    def __init__(self, optical: Optical, grid: Grid, warped: bool) -> None:
        self._scaling = optical.scaling
        self._reader = Reader(optical.raster, grid, Resampling.bilinear if warped else Resampling.nearest)

    def __enter__(self) -> OpticalReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)

    def read(self, window: Window) -> Pixels:
        """Reads a window, which may reach beyond the grid."""
        numbers, missing = self._reader.read(window)
        valid: Bool = np.logical_not(missing.all(axis=0))
        if np.issubdtype(numbers.dtype, np.floating):
            valid &= np.isfinite(numbers).all(axis=0)
        return Pixels(numbers, self._scaling, valid)


class SarReader:
    """Reads windows of Sentinel-1 backscatter. Belongs to one thread."""

    def __init__(self, scene: Scene, raster: Raster) -> None:
        self._median = scene.sar_median
        self._reader = Reader(raster, scene.grid, Resampling.bilinear)
        self._path = raster.path

    def __enter__(self) -> SarReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)

    def read(self, window: Window) -> Float:
        """Gives (2, H, W) VV and VH in dB, NaN where missing."""
        values, missing = self._reader.read(window)
        return sar_decibels(self._path, np.where(missing, np.float32(np.nan), values.astype(np.float32)), self._median)


def open_readers(
    stack: contextlib.ExitStack, scene: Scene
) -> tuple[OpticalReader, SarReader | None, list[OpticalReader]]:
    """Opens all images of a scene for the calling thread."""
    optical = stack.enter_context(OpticalReader(scene.optical, scene.grid, warped=False))
    sar = stack.enter_context(SarReader(scene, scene.sar)) if scene.sar else None
    dates = [stack.enter_context(OpticalReader(date, scene.grid, warped=True)) for date in scene.dates]
    return optical, sar, dates


def area_of(grid: Grid, bbox: Sequence[float] | None) -> Window:
    """Gives the pixels of an area, xmin, ymin, xmax, ymax in the grid's coordinates; all without one.

    Raises:
        UsageError: It is no area.
        InputError: It lies outside.
    """
    if bbox is None:
        return Window(0, 0, grid.height, grid.width)
    if len(bbox) != 4 or not np.isfinite(bbox).all() or bbox[0] >= bbox[2] or bbox[1] >= bbox[3]:
        raise UsageError(
            f"The area {list(bbox)} is none: xmin ymin xmax ymax were expected.", "Give the smaller values first."
        )
    window = grid.window_of((bbox[0], bbox[1], bbox[2], bbox[3]))
    if window is None:
        raise InputError(
            f"The area {list(bbox)} lies outside the optical image, which covers {[round(v, 6) for v in grid.extent]}.",
            "Give the area in the coordinates of the optical image.",
        )
    return window


def _open_sar(path: str, whole: Grid, grid: Grid, log: Log) -> Raster:
    raster = open_raster(path)
    if raster.grid.crs is None and raster.grid.transform.is_identity and whole.crs is not None:
        _refuse_archive(path)
    vv, vh = sar_bands(path, [band.description for band in raster.bands])
    raster = Raster(path, (raster.bands[vv], raster.bands[vh]), raster.tags).placed_on(whole, "SAR file")
    raster.check_overlap(grid, "SAR file")
    median = _sample_percentile(raster, 50)
    sar_decibels(path, np.zeros((2, 1, 1), np.float32), median)
    unit = "dB" if median < 0 else "linear power"
    log("info", f"{Path(path).name}: VV is band {vv + 1}, VH band {vh + 1}, in {unit} (median {median:.3g}).")
    left, bottom, right, top = raster.extent_on(grid, "SAR file")
    xmin, ymin, xmax, ymax = grid.extent
    if left > xmin or bottom > ymin or right < xmax or top < ymax:
        log("warning", f"{Path(path).name} covers a part of the area; beyond it there is no SAR to go by.")
    return raster


def _refuse_archive(path: str) -> None:
    with rasterio.open(path) as dataset:
        if dataset.gcps[0]:
            raise UncalibratedSar(path, "it has ground control points instead of a grid, straight from the archive")


def _open_date(spec: str, optical: Optical, whole: Grid, grid: Grid, log: Log) -> tuple[Optical, datetime.date | None]:
    path, day = split_day(spec)
    date = open_alike(path, optical, None, None, log)
    lacking = [band for band in optical.bands if band not in date.bands]
    if lacking:
        raise InputError(
            f"The date {path} has the bands {', '.join(date.bands)} and lacks {', '.join(lacking)} of the image.",
            "Give dates with the same bands as the optical image.",
        )
    if date.level != optical.level:
        log(
            "warning", f"The date {path} is {date.level}, the optical image {optical.level}: their colours will differ."
        )
    known_day = day or date.product.day
    dated = replace(date, product=replace(date.product, day=known_day))
    placed = place(dated, optical.bands, whole, "date")
    placed.raster.check_overlap(grid, "date")
    return placed, known_day


def _days(day: datetime.date | None, others: list[datetime.date | None], log: Log) -> tuple[float, ...]:
    """Days from the optical image to each date; by the given order, one step apart, where a day is unknown."""
    known = [other for other in others if other is not None]
    if day is not None and len(known) == len(others):
        return tuple(float((other - day).days) for other in known)
    if others:
        log(
            "warning",
            "Not every image tells its day: the dates count in the order given, nearest first. FILE@2020-06-01 tells.",
        )
    return tuple(float(i + 1) for i in range(len(others)))


def _sample_percentile(raster: Raster, percentile: float) -> float:
    """A percentile of a decimated reading of the first band.

    Raises:
        NoData: No pixel is measured.
    """
    values = read_sample(raster.bands[0], SAMPLE_PX).astype(np.float64)
    measured = values[np.isfinite(values) & (values != (raster.nodata if raster.nodata is not None else np.nan))]
    if not measured.size:
        raise NoData(raster.path)
    return float(np.percentile(measured, percentile))
