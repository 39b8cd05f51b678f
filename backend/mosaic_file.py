"""A raster as blocks, each a cloud-optimised GeoTIFF of its own, and a VRT that joins them.

The VRT takes what it says (CRS, tags, scales) from a block, which has it from the layout: both read alike. Its sources
are named relative to it, so the file and its folder can be moved together.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree  # nosec B405 - writes XML and parses none
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import rasterio
from rasterio import dtypes

from .geotiff import BLOCK_PX, Layout, Writer, overview_factors, write_error
from .outputs import block_name, blocks_folder
from .raster import Grid
from .tiling import Window, tiles

SIDE_PX = 4096
"""Of a block: a multiple of the methods' tiles and of a GeoTIFF's, so that nothing is written twice."""


class MosaicWriter:
    """Writes a raster window by window like geotiff.Writer; a block is finished as soon as it is full.

    Args:
        path: Of the VRT; the blocks lie in the folder beside it that outputs.blocks_folder names.
        grid: Of the whole.
        layout: Of each block.
        side_px: Of a block; those at the far edges may be smaller.

    Raises:
        OutputError: The folder cannot be made.
    """

    def __init__(self, path: Path, grid: Grid, layout: Layout, side_px: int = SIDE_PX) -> None:
        self._path, self._grid, self._layout, self._side_px = path, grid, layout, side_px
        self._folder = blocks_folder(path)
        self._open: dict[Window, Writer] = {}
        self._missing = {block: block.height * block.width for block in tiles(grid.height, grid.width, side_px)}
        try:
            self._folder.mkdir(parents=True)
        except OSError as error:
            raise write_error(path, error.strerror) from error

    def write(self, window: Window, values: np.ndarray) -> None:
        """Writes (C, H, W) values at a window of the grid; no pixel is written twice."""
        for block in self._touched(window):
            moved = window.shifted(-block.row, -block.column)
            part = moved.clipped(block.height, block.width)
            if part is None:
                continue
            rows, columns = part.slices_in(moved)
            self._writer(block).write(part, values[:, rows, columns])
            self._missing[block] -= part.height * part.width
            if self._missing[block] == 0:
                self._finish(block)

    def close(self) -> None:
        """Closes the blocks as they are."""
        for writer in self._open.values():
            writer.close()

    def finish(self) -> None:
        """Finishes the blocks that are not full, and writes the VRT.

        Raises:
            OutputError: The disk is full, or a file was damaged.
        """
        for block, missing in self._missing.items():
            if missing:
                self._writer(block)
                self._finish(block)
        try:
            ElementTree.ElementTree(self._describe()).write(self._path, "utf-8")
        except OSError as error:
            raise write_error(self._path, error.strerror) from error

    def _touched(self, window: Window) -> Iterator[Window]:
        side = self._side_px
        rows = range(window.row // side, -(-(window.row + window.height) // side))
        columns = range(window.column // side, -(-(window.column + window.width) // side))
        for row, column in product(rows, columns):
            block = Window(row * side, column * side, side, side).clipped(self._grid.height, self._grid.width)
            if block is not None:
                yield block

    def _writer(self, block: Window) -> Writer:
        if block not in self._open:
            self._open[block] = Writer(self._place(block), self._grid.crop(block), self._layout)
        return self._open[block]

    def _finish(self, block: Window) -> None:
        self._open.pop(block).finish(max(self._grid.height, self._grid.width))

    def _place(self, block: Window) -> Path:
        return self._folder / block_name(block.row, block.column)

    def _describe(self) -> ElementTree.Element:
        """Gives the VRT."""
        grid = self._grid
        root = ElementTree.Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
        with rasterio.open(self._place(next(iter(self._missing)))) as first:
            if first.crs:
                _add(root, "SRS", first.crs.to_wkt())
            if not first.transform.is_identity:
                _add(root, "GeoTransform", ", ".join(map(repr, first.transform.to_gdal())))
            _add_tags(root, first.tags())
            for index in first.indexes:
                self._add_band(root, first, index)
        factors = overview_factors(max(grid.height, grid.width))
        if factors:
            _add(root, "OverviewList", " ".join(map(str, factors)), resampling=self._layout.resampling.name)
        return root

    def _add_band(self, root: ElementTree.Element, first: rasterio.DatasetReader, index: int) -> None:
        kind = dtypes.typename_fwd[dtypes.dtype_rev[first.dtypes[index - 1]]]
        tile = {"blockXSize": str(BLOCK_PX), "blockYSize": str(BLOCK_PX)}
        band = ElementTree.SubElement(root, "VRTRasterBand", {"dataType": kind, "band": str(index)} | tile)
        _add_tags(band, first.tags(index))
        if first.descriptions[index - 1]:
            _add(band, "Description", first.descriptions[index - 1])
        if first.nodatavals[index - 1] is not None:
            _add(band, "NoDataValue", repr(first.nodatavals[index - 1]))
        _add(band, "ColorInterp", first.colorinterp[index - 1].name.capitalize())
        _add(band, "Offset", repr(first.offsets[index - 1]))
        _add(band, "Scale", repr(first.scales[index - 1]))
        for block in self._missing:
            self._add_source(band, block, index, kind)

    def _add_source(self, band: ElementTree.Element, block: Window, index: int, kind: str) -> None:
        size = {"xSize": str(block.width), "ySize": str(block.height)}
        properties = {"RasterXSize": str(block.width), "RasterYSize": str(block.height), "DataType": kind}
        inner = {"BlockXSize": str(BLOCK_PX), "BlockYSize": str(BLOCK_PX)}
        source = ElementTree.SubElement(band, "SimpleSource")
        _add(source, "SourceFilename", self._place(block).relative_to(self._path.parent).as_posix(), relativeToVRT="1")
        _add(source, "SourceBand", str(index))
        ElementTree.SubElement(source, "SourceProperties", properties | inner)  # spares opening all blocks at once
        ElementTree.SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0", **size})
        ElementTree.SubElement(source, "DstRect", {"xOff": str(block.column), "yOff": str(block.row), **size})


def _add(parent: ElementTree.Element, name: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, name, attributes).text = text


def _add_tags(parent: ElementTree.Element, tags: dict[str, str]) -> None:
    if tags:
        metadata = ElementTree.SubElement(parent, "Metadata")
        for key, value in tags.items():
            _add(metadata, "MDI", value, key=key)
