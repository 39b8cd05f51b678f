"""Images as a batch knows them, without files."""

from __future__ import annotations

import datetime

import numpy as np
from affine import Affine
from rasterio.crs import CRS

from unclouded.backend.batch.acquisition import Acquisition
from unclouded.backend.raster import Grid, Raster, RasterBand

BANDS = ("B2", "B3", "B4", "B8")


def image(
    path: str,
    *,
    day: str | None = None,
    east: float = 600_000.0,
    side_px: int = 100,
    crs: str | None = "EPSG:32632",
    bands: tuple[str, ...] = BANDS,
    level: str | None = "L2A",
) -> Acquisition:
    """An image of 10 m pixels at some place."""
    transform = Affine(10, 0, east, 0, -10, 5_100_000.0) if crs else Affine.identity()
    grid = Grid(CRS.from_string(crs) if crs else None, transform, side_px, side_px)
    band = RasterBand(path, 1, grid, np.dtype(np.uint16), 0.0, None, 1.0, 0.0)
    known = datetime.date.fromisoformat(day) if day else None
    return Acquisition(path, Raster(path, (band,), {}), known, bands, level)
