"""Arrays to files: cloud-optimised GeoTIFFs written in windows, and read again before anyone trusts them."""

from __future__ import annotations

import contextlib
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window as RasterioWindow

from .cog import reorder
from .errors import OutputError
from .raster import RASTER_ERRORS, Grid
from .tiling import Window

BLOCK_PX = 512
THREADS = min(os.cpu_count() or 1, 4)
"""That read the file again."""
FULL_BYTES = 1_000_000
"""A disk with less room than this is called full where something could not be written to it."""


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
    """Writes a tiled, compressed GeoTIFF window by window; `finish` or `seal` reads it all again.

    GDAL keeps silent when a disk is full while a file is closed, so what was written is compared with what lies there.
    """

    def __init__(self, path: Path, grid: Grid, layout: Layout) -> None:
        self._path = path
        self._layout = layout
        self._written: list[tuple[RasterioWindow, int]] = []
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
                transform=_geotransform(grid),
                nodata=layout.nodata,
                tiled=True,
                blockxsize=BLOCK_PX,
                blockysize=BLOCK_PX,
                interleave="band",
                compress="deflate",
                zlevel=1,
                predictor=3 if floating else 2,
                num_threads="all_cpus",
                alpha="no",
                bigtiff="if_safer",
            )
            self._dataset.descriptions = tuple(layout.descriptions)
            if any(scale != 1 for scale in layout.scales) or any(layout.offsets):
                self._dataset.scales = tuple(layout.scales)
                self._dataset.offsets = tuple(layout.offsets)
            self._dataset.update_tags(**layout.tags)
        except RASTER_ERRORS as error:
            raise write_error(path, error) from error

    def write(self, window: Window, values: np.ndarray) -> None:
        """Writes (C, H, W) values at a window of the grid."""
        part = RasterioWindow(window.column, window.row, window.width, window.height)
        try:
            self._dataset.write(values, window=part)
        except RASTER_ERRORS as error:
            raise write_error(self._path, error) from error
        self._written.append((part, _checksum(values)))

    def close(self) -> None:
        """Closes the file as it is."""
        self._dataset.close()

    def finish(self, whole_px: int = 0) -> None:
        """Closes the file, adds overviews down to less than a block, and makes it a cloud-optimised GeoTIFF.

        Then it checks that all of it lies on the disk.

        Args:
            whole_px: Longer side of the mosaic that the file is a part of; it gets the overviews that this needs.

        Raises:
            OutputError: The disk is full, or the file was damaged.
        """
        with self._worded():
            self.close()
            with rasterio.open(self._path, "r+") as dataset:
                side = max(dataset.width, dataset.height)
                factors = [factor for factor in overview_factors(max(side, whole_px)) if factor <= side]
                if factors:
                    dataset.build_overviews(factors, self._layout.resampling)
            if factors:
                reorder(self._path)
            self._check()
            for level in range(len(factors)):
                _read_all(self._path, level)

    def seal(self) -> None:
        """Closes the file, without overviews, and checks that all of it lies on the disk.

        Raises:
            OutputError: The disk is full, or the file was damaged.
        """
        with self._worded():
            self.close()
            self._check()

    @contextlib.contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except (*RASTER_ERRORS, OSError, TypeError) as error:  # TypeError: rasterio's where a file's head is missing
            raise write_error(self._path, error) from error

    def _check(self) -> None:
        """Raises OutputError if the file does not hold what was written; several threads read it."""

        def is_whole(parts: Sequence[tuple[RasterioWindow, int]]) -> bool:
            with rasterio.open(self._path) as dataset:
                return all(_checksum(dataset.read(window=part)) == checksum for part, checksum in parts)

        with ThreadPoolExecutor(THREADS) as pool:
            if not all(pool.map(is_whole, (self._written[i::THREADS] for i in range(THREADS)))):
                raise write_error(self._path, "it differs from what was written")


def overview_factors(side_px: int) -> list[int]:
    """Gives the factors of the overviews of an image by its longer side."""
    return [2**level for level in range(1, 16) if side_px / 2 ** (level - 1) > BLOCK_PX]


def _checksum(values: np.ndarray) -> int:
    return zlib.adler32(np.ascontiguousarray(values).data)


def _read_all(path: Path, overview_level: int) -> None:
    """Reads an overview, which fails if a part of it is missing."""
    with rasterio.open(path, overview_level=overview_level) as dataset:
        for _, window in dataset.block_windows(1):
            dataset.read(window=window)


def _geotransform(grid: Grid) -> Affine | None:
    """Gives none where the grid counts pixels only: programs differ in whether rows then count up or down."""
    return None if grid.crs is None and grid.transform.is_identity else grid.transform


def write_error(path: Path, reason: object) -> OutputError:
    """Says that an output could not be written, and why: that the disk is full, or else what is given."""
    folder = next((place.parent for place in path.parents if place.name.endswith(".part")), path.parent)
    why = "the disk is full" if _is_full(path.parent) else str(reason).rstrip(".")
    return OutputError(
        f"{path.name} could not be written to {folder}: {why}.",
        "See that the folder is writable and the disk has room.",
    )


def _is_full(folder: Path) -> bool:
    """Whether a disk has no room; GDAL's own words tell what it could not read afterwards."""
    with contextlib.suppress(OSError):  # the folder is gone, and so is the answer
        return shutil.disk_usage(folder).free < FULL_BYTES
    return False
