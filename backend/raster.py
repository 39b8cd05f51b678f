"""Files to arrays: rasters of any grid, read in windows of one grid."""

from __future__ import annotations

import contextlib
import math
import warnings
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np
import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window as RasterioWindow

from .errors import Extent, InputError, NoOverlap, UnreadableRaster
from .sensors import Bool, band_name
from .tiling import Window

# A missing georeference is said in our own words, see scene.open_scene.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)

RASTER_ERRORS = (RasterioError, CPLE_BaseError)
"""What reading and writing raise: some of GDAL's own errors come through as they are."""
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

    def extent_on(self, grid: Grid, what: str) -> Extent:
        """Where it lies, in the units of a grid.

        Raises:
            InputError: No way leads from its coordinates to those of the grid.
        """
        extent = self.grid.extent
        if self.grid.crs is None or grid.crs is None or self.grid.crs == grid.crs:
            return extent
        try:
            placed = transform_bounds(self.grid.crs, grid.crs, *extent)
        except (CRSError, *RASTER_ERRORS) as error:
            raise _not_warpable(what, self.path, str(error)) from error
        if not all(map(math.isfinite, placed)):
            raise _not_warpable(what, self.path, "its corners have no place there")
        return placed[0], placed[1], placed[2], placed[3]

    def check_overlap(self, grid: Grid, what: str) -> None:
        """Raises NoOverlap if no pixel lies on the grid."""
        extent = self.extent_on(grid, what)
        xmin, ymin, xmax, ymax = grid.extent
        if not (extent[0] < xmax and extent[2] > xmin and extent[1] < ymax and extent[3] > ymin):
            raise NoOverlap(what, self.path, extent, grid.extent)


def open_raster(path: str) -> Raster:
    """Describes a file that GDAL reads.

    Raises:
        UnreadableRaster: GDAL does not read it, or it has no bands, or complex ones.
        InputError: Its grid is rotated.
    """
    try:
        with rasterio.open(path) as dataset:
            if any(dtype.startswith("complex") for dtype in dataset.dtypes):
                raise ValueError("its values are complex numbers, as in single-look radar products")
            grid = Grid(dataset.crs or None, dataset.transform, dataset.width, dataset.height)
            bands = tuple(
                RasterBand(path, i, grid, np.dtype(dtype), _storable(nodata, dtype), description, scale, offset)
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
                if colour != ColorInterp.alpha or band_name(description or "")
            )
            tags = dict(dataset.tags())
    except (*RASTER_ERRORS, OSError, ValueError) as error:
        raise UnreadableRaster(path, str(error)) from error
    if not bands:
        raise UnreadableRaster(path, "it has no bands (a container of several images? give one of them)")
    if abs(grid.transform.b) > 1e-9 * abs(grid.transform.a) or abs(grid.transform.d) > 1e-9 * abs(grid.transform.e):
        raise InputError(
            f"{path} has a rotated grid; a north-up one was expected.",
            "Warp it first, for example with gdalwarp or QGIS's Warp (reproject).",
        )
    return Raster(path, bands, tags)


def _storable(nodata: float | None, dtype: str) -> float | None:
    """None for a value that the type cannot hold, which therefore marks nothing."""
    if nodata is None or not np.issubdtype(dtype, np.integer):
        return nodata
    limits = np.iinfo(dtype)
    return nodata if limits.min <= nodata <= limits.max and nodata == int(nodata) else None


def read_sample(band: RasterBand, side_px: int) -> np.ndarray:
    """Reads a band decimated to at most side_px pixels a side.

    Raises:
        UnreadableRaster: The file is damaged.
    """
    try:
        with rasterio.open(band.path) as dataset:
            shape = min(dataset.height, side_px), min(dataset.width, side_px)
            values: np.ndarray = dataset.read(band.index, out_shape=shape)
            return values
    except RASTER_ERRORS as error:
        raise _damaged(band.path, error) from error


def _damaged(path: str, error: Exception) -> UnreadableRaster:
    return UnreadableRaster(path, f"{error.args[-1] if error.args else error} (damaged or cut off?)")


def _not_warpable(what: str, path: str, reason: str) -> InputError:
    return InputError(
        f"The {what} {path} cannot be warped onto the optical image: {reason}.",
        "Warp it into the coordinate reference system of the optical image first, for example with gdalwarp.",
    )


class Reader:
    """Reads windows of one grid from a raster whose bands may have any other. Belongs to one thread.

    Args:
        raster: What to read.
        grid: The grid of the windows.
        resampling: For bands whose pixels do not coincide with the grid's.

    Raises:
        UnreadableRaster: The file is gone.
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
                try:
                    dataset = stack.enter_context(rasterio.open(path))
                except RASTER_ERRORS as error:  # it could be opened when it was described
                    raise UnreadableRaster(path, str(error)) from error
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
            place = RasterioWindow(part.column, part.row, part.width, part.height)
            try:
                if part.height == window.height and part.width == window.width and len(positions) == self._count:
                    values = dataset.read(indexes, window=place, out_dtype=self.dtype)
                else:
                    values[positions, target[0], target[1]] = dataset.read(indexes, window=place)
            except RASTER_ERRORS as error:
                raise _damaged(dataset.name, error) from error
            inside[target] = True
        return values, self._missing(values) | ~inside

    def _missing(self, values: np.ndarray) -> Bool:
        known = self.nodata is not None and not math.isnan(self.nodata)
        missing: Bool = values == self.nodata if known else np.zeros(values.shape, bool)
        if np.issubdtype(self.dtype, np.floating):
            missing |= np.isnan(values)
        return missing
