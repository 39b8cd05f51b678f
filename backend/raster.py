"""Files and arrays: rasters of any grid read in windows of one grid, GeoTIFFs written in windows."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window as RasterioWindow

from .errors import Extent, InputError, NoOverlap, OutputError, UnreadableRaster
from .sensors import Bool
from .tiling import Window

# A missing georeference is said in our own words, see scene.open_scene.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)

BLOCK_PX = 512
METRES_PER_DEGREE = 111_320


@dataclass(frozen=True)
class Grid:
    """Where pixels lie: north up, in the units of a CRS, or in pixels without one."""

    crs: CRS | None
    transform: Affine
    width: int
    height: int

    @property
    def extent(self) -> Extent:
        """xmin, ymin, xmax, ymax."""
        x, y = self._corner(0, 0)
        right, bottom = self._corner(self.width, self.height)
        return min(x, right), min(y, bottom), max(x, right), max(y, bottom)

    @property
    def resolution_m(self) -> float:
        """Side of a pixel; 10 where no CRS tells."""
        if self.crs is None:
            return 10.0
        size = abs(self.transform.e)
        return float(size * METRES_PER_DEGREE if self.crs.is_geographic else size * self.crs.linear_units_factor[1])

    def crop(self, window: Window) -> Grid:
        """The grid of a window of this grid."""
        x, y = self._corner(window.column, window.row)
        return Grid(self.crs, Affine(self.transform.a, 0, x, 0, self.transform.e, y), window.width, window.height)

    def window_of(self, extent: Extent) -> Window | None:
        """The pixels that an extent touches, None if there are none."""
        xmin, ymin, xmax, ymax = extent
        columns, rows = zip(self._pixel(xmin, ymin), self._pixel(xmax, ymax), strict=True)
        left, top = max(math.floor(min(columns) + 1e-6), 0), max(math.floor(min(rows) + 1e-6), 0)
        right = min(math.ceil(max(columns) - 1e-6), self.width)
        bottom = min(math.ceil(max(rows) - 1e-6), self.height)
        return Window(top, left, bottom - top, right - left) if right > left and bottom > top else None

    def offset_in(self, other: Grid) -> tuple[int, int] | None:
        """Row and column of this grid's first pixel in another; None if their pixels do not coincide."""
        if self.crs != other.crs:
            return None
        column, row = other._pixel(*self._corner(0, 0))
        step_x, step_y = self.transform.a / other.transform.a, self.transform.e / other.transform.e
        near = abs(column - round(column)) < 0.01 and abs(row - round(row)) < 0.01
        same = abs(step_x - 1) * self.width < 0.01 and abs(step_y - 1) * self.height < 0.01
        return (round(row), round(column)) if near and same else None

    def _corner(self, column: float, row: float) -> tuple[float, float]:
        """Coordinates of a pixel's first corner."""
        return self.transform.c + column * self.transform.a, self.transform.f + row * self.transform.e

    def _pixel(self, x: float, y: float) -> tuple[float, float]:
        """Column and row of a place."""
        return (x - self.transform.c) / self.transform.a, (y - self.transform.f) / self.transform.e


@dataclass(frozen=True)
class RasterBand:
    """One band of one file."""

    path: str
    index: int
    """From 1, as GDAL counts."""
    grid: Grid
    dtype: np.dtype
    nodata: float | None
    description: str | None
    scale: float
    offset: float


@dataclass(frozen=True)
class Raster:
    """Bands that belong together, in one file or in several."""

    path: str
    """As the user gave it."""
    bands: tuple[RasterBand, ...]
    tags: dict[str, str]

    @property
    def grid(self) -> Grid:
        """The finest grid among the bands'."""
        return min((band.grid for band in self.bands), key=lambda grid: abs(grid.transform.a))

    @property
    def dtype(self) -> np.dtype:
        """The type that holds every band."""
        return np.result_type(*(band.dtype for band in self.bands))

    @property
    def nodata(self) -> float | None:
        """The first band's; without one, 0 for 16-bit digital numbers, as in Sentinel-2 products, NaN for floats."""
        if self.bands[0].nodata is not None:
            return self.bands[0].nodata
        if np.issubdtype(self.dtype, np.floating):
            return math.nan
        return None if self.dtype == np.uint8 else 0.0

    def placed_on(self, grid: Grid, what: str) -> Raster:
        """Gives a raster without georeference the grid of the optical image, if it has its size.

        Raises:
            InputError: It has another size.
        """
        own = self.grid
        if own.crs is not None and grid.crs is not None:
            return self
        if (own.width, own.height) != (grid.width, grid.height):
            raise InputError(
                f"{what} {self.path} is {own.width} x {own.height} px, the optical image {grid.width} x {grid.height} "
                "px, and one of them has no georeference.",
                "Give both a coordinate reference system, or the same size.",
            )
        return replace(self, bands=tuple(replace(band, grid=grid) for band in self.bands))

    def check_overlap(self, grid: Grid, what: str) -> None:
        """Raises NoOverlap if no pixel lies on the grid."""
        extent = self.grid.extent
        if self.grid.crs is not None and grid.crs is not None and self.grid.crs != grid.crs:
            try:
                extent = transform_bounds(self.grid.crs, grid.crs, *extent)
            except (CRSError, RasterioError) as error:
                raise InputError(f"The {what} {self.path} cannot be warped onto the optical grid: {error}.") from error
        xmin, ymin, xmax, ymax = grid.extent
        if not (extent[0] < xmax and extent[2] > xmin and extent[1] < ymax and extent[3] > ymin):
            raise NoOverlap(what, self.path, extent, grid.extent)


def open_raster(path: str) -> Raster:
    """Describes a file that GDAL reads.

    Raises:
        UnreadableRaster: GDAL does not read it, or it has no bands.
        InputError: Its grid is rotated.
    """
    try:
        with rasterio.open(path) as dataset:
            grid = Grid(dataset.crs or None, dataset.transform, dataset.width, dataset.height)
            bands = tuple(
                RasterBand(path, i, grid, np.dtype(dtype), nodata, description, scale, offset)
                for i, dtype, nodata, description, scale, offset, colour in zip(
                    dataset.indexes,
                    dataset.dtypes,
                    dataset.nodatavals,
                    dataset.descriptions,
                    dataset.scales,
                    dataset.offsets,
                    dataset.colorinterp,
                    strict=True,
                )
                if colour != ColorInterp.alpha
            )
            tags = dict(dataset.tags())
    except (RasterioError, OSError, ValueError) as error:
        raise UnreadableRaster(path, str(error)) from error
    if not bands:
        raise UnreadableRaster(path, "it has no bands (a container of several images? give one of them)")
    if abs(grid.transform.b) > 1e-9 * abs(grid.transform.a) or abs(grid.transform.d) > 1e-9 * abs(grid.transform.e):
        raise InputError(
            f"{path} has a rotated grid; a north-up one was expected.",
            "Warp it first, for example with gdalwarp or QGIS's Warp (reproject).",
        )
    return Raster(path, bands, tags)


class Reader:
    """Reads windows of one grid from a raster whose bands may have any other. Belongs to one thread.

    Args:
        raster: What to read.
        grid: The grid of the windows.
        resampling: For bands whose pixels do not coincide with the grid's.
    """

    def __init__(self, raster: Raster, grid: Grid, resampling: Resampling) -> None:
        self.dtype = raster.dtype
        self.nodata = raster.nodata
        self._count = len(raster.bands)
        self._grid = grid
        self._sources: list[tuple[rasterio.DatasetReader, list[int], list[int], int, int, Grid]] = []
        with contextlib.ExitStack() as stack:
            for path in dict.fromkeys(band.path for band in raster.bands):
                positions = [i for i, band in enumerate(raster.bands) if band.path == path]
                bands = [raster.bands[i] for i in positions]
                dataset = stack.enter_context(rasterio.open(path))
                own, offset = bands[0].grid, grid.offset_in(bands[0].grid)
                if offset is None:
                    dataset = stack.enter_context(self._warped(dataset, grid, resampling))
                    own, offset = grid, (0, 0)
                self._sources.append((dataset, [band.index for band in bands], positions, *offset, own))
            self._stack = stack.pop_all()

    def _warped(self, dataset: rasterio.DatasetReader, grid: Grid, resampling: Resampling) -> WarpedVRT:
        return WarpedVRT(
            dataset,
            crs=grid.crs,
            transform=grid.transform,
            width=grid.width,
            height=grid.height,
            resampling=resampling,
            src_nodata=self.nodata,
            nodata=self.nodata,
        )

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def read(self, window: Window) -> tuple[np.ndarray, Bool]:
        """Reads a window, which may reach beyond the grid.

        Returns:
            Values (C, H, W) as stored, nodata (or 0) where missing; and (C, H, W) what is missing.

        Raises:
            UnreadableRaster: The file is damaged.
        """
        fill = 0 if self.nodata is None else self.nodata
        values = np.full((self._count, window.height, window.width), fill, self.dtype)
        inside = np.zeros((window.height, window.width), bool)
        for dataset, indexes, positions, row, column, own in self._sources:
            part = window.shifted(row, column).clipped(own.height, own.width)
            if part is None:
                continue
            top, left = part.row - window.row - row, part.column - window.column - column
            target = np.s_[top : top + part.height, left : left + part.width]
            try:
                values[(positions, *target)] = dataset.read(
                    indexes, window=RasterioWindow(part.column, part.row, part.width, part.height)
                )
            except RasterioError as error:
                raise UnreadableRaster(
                    dataset.name, f"{error.args[0] if error.args else error} (damaged or cut off?)"
                ) from error
            inside[target] = True
        return values, self._missing(values) | ~inside

    def _missing(self, values: np.ndarray) -> Bool:
        missing: Bool = np.isnan(values) if np.issubdtype(self.dtype, np.floating) else np.zeros(values.shape, bool)
        if self.nodata is not None and not math.isnan(self.nodata):
            missing |= values == self.nodata
        return missing


@dataclass(frozen=True)
class Layout:
    """How an output file is laid out, beside its grid."""

    count: int
    dtype: np.dtype
    nodata: float | None
    descriptions: Sequence[str | None]
    scales: Sequence[float]
    offsets: Sequence[float]
    tags: dict[str, str]
    resampling: Resampling = Resampling.average
    """For the overviews."""


class Writer:
    """Writes a tiled, compressed GeoTIFF window by window; `finish` adds the overviews."""

    def __init__(self, path: Path, grid: Grid, layout: Layout) -> None:
        self._path = path
        self._layout = layout
        floating = np.issubdtype(layout.dtype, np.floating)
        try:
            self._dataset = rasterio.open(
                path,
                "w",
                driver="GTiff",
                width=grid.width,
                height=grid.height,
                count=layout.count,
                dtype=layout.dtype,
                crs=grid.crs,
                transform=grid.transform,
                nodata=layout.nodata,
                tiled=True,
                blockxsize=BLOCK_PX,
                blockysize=BLOCK_PX,
                interleave="band",
                compress="deflate",
                zlevel=1,
                predictor=3 if floating else 2,
                num_threads="all_cpus",
                bigtiff="if_safer",
            )
            self._dataset.descriptions = tuple(layout.descriptions)
            if any(scale != 1 for scale in layout.scales) or any(layout.offsets):
                self._dataset.scales = tuple(layout.scales)
                self._dataset.offsets = tuple(layout.offsets)
            self._dataset.update_tags(**layout.tags)
        except RasterioError as error:
            raise _write_error(path, error) from error

    def write(self, window: Window, values: np.ndarray) -> None:
        """Writes (C, H, W) values at a window of the grid."""
        try:
            self._dataset.write(values, window=RasterioWindow(window.column, window.row, window.width, window.height))
        except RasterioError as error:
            raise _write_error(self._path, error) from error

    def close(self) -> None:
        """Closes the file as it is."""
        self._dataset.close()

    def finish(self) -> None:
        """Closes the file and adds overviews down to less than a block."""
        self.close()
        try:
            with rasterio.open(self._path, "r+") as dataset:
                side = max(dataset.width, dataset.height)
                factors = [2**level for level in range(1, 16) if side / 2 ** (level - 1) > BLOCK_PX]
                if factors:
                    dataset.build_overviews(factors, self._layout.resampling)
        except RasterioError as error:
            raise _write_error(self._path, error) from error


def _write_error(path: Path, error: Exception) -> OutputError:
    return OutputError(
        f"{path.name} could not be written to {path.parent.parent}: {error}.",
        "See that the folder is writable and the disk has room.",
    )
