"""The files of one picture as bands on one grid, read window by window through odc-stac."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import odc.stac
import pystac
from odc.geo.geobox import GeoBox
from odc.loader import RasterSource, RioDriver, RioReader
from shapely.geometry import mapping

from ..errors import InputError, UncalibratedSar
from ..raster import Grid, Raster
from ..reporting import Reporter
from ..tiling import Window
from .access import Access
from .choice import Picture
from .entry import SCALE, Entry, Meaning

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"

logging.getLogger("odc").setLevel(logging.CRITICAL)
"""Its words hold addresses with tokens; what fails is said in our own, see access.py."""


@dataclass(frozen=True)
class Mosaic:
    """What was learnt of a picture's files."""

    picture: Picture
    bands: tuple[str, ...]
    items: tuple[pystac.Item, ...]
    """One for each entry, with an asset for each band, and with the grid that the file has."""
    meanings: tuple[Meaning, ...]
    """Of each band."""
    dtype: np.dtype
    nodata: float
    finest: Grid
    """Of the finest file of the first entry."""

    @property
    def collection(self) -> str:
        return self.picture.entries[0].collection


def describe(picture: Picture, bands: Sequence[str], access: Access, report: Reporter) -> Mosaic:
    """Looks at the head of each file of a picture.

    Raises:
        InputError: One cannot be read, or has no grid.
    """
    jobs = [(entry, band) for entry in picture.entries for band in bands]
    with access.threads(picture.entries[0].files[bands[0]]) as threads:
        found = threads.map(lambda job: _head(job[0], job[1], access), jobs)
        heads = {(entry.id, band): head for (entry, band), head in zip(jobs, found, strict=True)}
    first = picture.entries[0]
    meant = {
        entry.id: tuple(_meaning(entry, band, heads[entry.id, band]) for band in bands) for entry in picture.entries
    }
    if any(not entry.meanings for entry in picture.entries) and _is_integer(heads[first.id, bands[0]]):
        report.log("warning", f"{first.id} does not say how its numbers are meant: no offset is taken.")
    alike = [entry for entry in picture.entries if meant[entry.id] == meant[first.id]]
    for entry in picture.entries:
        if entry not in alike:
            report.log("warning", f"{entry.id} is left out: its numbers have another offset than {first.id}'s.")
    rasters = [heads[entry.id, band] for entry in alike for band in bands]
    own = [heads[first.id, band] for band in bands]
    return Mosaic(
        picture,
        tuple(bands),
        tuple(_item(entry, bands, heads) for entry in alike),
        meant[first.id],
        np.result_type(*(raster.dtype for raster in rasters)),
        float("nan") if not _is_integer(own[0]) else float(own[0].nodata or 0),
        min((raster.grid for raster in own), key=lambda grid: abs(grid.transform.a)),
    )


def read(mosaic: Mosaic, grid: Grid, window: Window, access: Access) -> np.ndarray:
    """Reads a window of a grid.

    Returns:
        (C, H, W) as stored; nodata where no file reaches. Where pixels coincide with the file's they are the file's;
        else bilinear.

    Raises:
        InputError: A file cannot be read.
    """
    part = grid.crop(window)
    pool: Any = access.threads(mosaic.picture.entries[0].files[mosaic.bands[0]])  # does what is asked of an executor
    loaded = odc.stac.load(
        mosaic.items,
        bands=list(mosaic.bands),
        geobox=GeoBox((part.height, part.width), part.transform, _wkt(part)),
        groupby=lambda *_: 0,
        preserve_original_order=True,
        dtype=str(mosaic.dtype),
        nodata=mosaic.nodata,
        resampling="bilinear",
        driver=_Driver(access, mosaic.collection),
        pool=pool,
    )
    return np.stack([loaded[band].values[0] for band in mosaic.bands])


class _Driver(RioDriver):
    """Has odc-stac read files with an access."""

    def __init__(self, access: Access, collection: str) -> None:
        super().__init__()
        self._access = access
        self._collection = collection

    def open(self, src: RasterSource, ctx: Any) -> RioReader:
        return _Reader(src, ctx, self._access, self._collection)


class _Reader(RioReader):
    def __init__(self, src: RasterSource, ctx: Any, access: Access, collection: str) -> None:
        super().__init__(replace(src, uri=access.sign(collection, src.uri)), ctx)
        self._access = access
        self._address = src.uri

    def read(self, *given: Any, **more: Any) -> Any:
        return self._access.patiently(partial(super().read, *given, **more), self._address)


def _head(entry: Entry, band: str, access: Access) -> Raster:
    address = entry.files[band]
    raster = access.describe(entry.collection, address)
    if raster.grid.crs is None:
        if band in ("VV", "VH"):
            raise UncalibratedSar(entry.id, "its files have no grid, straight from the archive")
        raise InputError(f"The file {address} of {entry.id} has no georeference.", "Take another collection.")
    return raster


def _meaning(entry: Entry, band: str, head: Raster) -> Meaning:
    """What the item says of a band's numbers, else the file, else what is usual."""
    if band in entry.meanings:
        return entry.meanings[band]
    own = head.bands[0].scale, head.bands[0].offset
    if own != (1.0, 0.0) or band in ("VV", "VH") or not _is_integer(head):
        return own
    return SCALE, 0.0


def _is_integer(raster: Raster) -> bool:
    return np.issubdtype(raster.dtype, np.integer)


def _item(entry: Entry, bands: Sequence[str], heads: dict[tuple[str, str], Raster]) -> pystac.Item:
    """Makes an item that says what the files are, whatever the catalogue's says or leaves out."""
    bounds = list(entry.footprint.bounds)
    item = pystac.Item(
        entry.id, mapping(entry.footprint), bounds, entry.time, properties={}, stac_extensions=[PROJECTION]
    )
    for band in bands:
        raster = heads[entry.id, band]
        grid = raster.grid
        nodata = raster.nodata
        facts = {
            "proj:wkt2": _wkt(grid),
            "proj:shape": [grid.height, grid.width],
            "proj:transform": list(grid.transform)[:6],
            "data_type": str(raster.dtype),
            "nodata": "nan" if nodata is None or np.isnan(nodata) else nodata,
        }
        item.add_asset(band, pystac.Asset(entry.files[band], media_type="image/tiff", extra_fields=facts))
    return item


def _wkt(grid: Grid) -> str:
    return grid.crs.to_wkt() if grid.crs else ""
