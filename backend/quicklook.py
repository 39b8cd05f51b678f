"""One picture of a result: before, after, truth, error, mask and uncertainty beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rasterio.enums import Resampling
from rasterio.windows import Window as RasterioWindow

from . import clouds
from .errors import InputError, OutputError
from .raster import Grid, RasterBand, open_raster
from .scene import open_optical
from .sensors import Bool, Float

Picture = NDArray[np.uint8]

PANEL_PX = 512
MIN_PANEL_PX = 240
"""The room that a caption needs."""
CAPTION_PX = 30
GAP_PX = 6
BACKGROUND = (24, 26, 30)
INK = (235, 235, 235)
COLOURS = {clouds.CLOUD: (255, 120, 40), clouds.SHADOW: (70, 130, 255)}
ERROR_LIMIT = 0.1
"""Reflectance at which the scale of the error ends."""
MIN_CLEAR = 100
"""Clear pixels that a stretch needs."""
GAMMA = 0.8
HEAT = np.array([(0, 0, 0), (60, 10, 90), (170, 40, 90), (240, 120, 40), (255, 235, 140)], dtype=np.float32)
"""Colours from no error to the end of the scale."""


def write(path: str, *, cloudy: str, result: str, mask: str, uncertainty: str, truth: str | None = None) -> None:
    """Writes a PNG of panels.

    True colours (or the bands that come closest) are stretched alike in all panels, by what is clear: a stretch of a
    clouded image shows black ground. Images are read decimated to at most PANEL_PX.

    Args:
        path: Of the PNG.
        cloudy: The image as it was; it may reach beyond the result.
        result: The image without clouds.
        mask: 0 clear, 1 cloud, 2 shadow, 255 nodata.
        uncertainty: Standard error of each band.
        truth: The same image without clouds, where it is known.

    Raises:
        UncloudedError: A file cannot be read, or the picture cannot be written.
    """
    grid = open_raster(result).grid
    before, after = _read_optical(cloudy, grid), _read_optical(result, grid)
    known = _read_optical(truth, grid) if truth else None
    classes = _read(open_raster(mask).bands[0], grid, Resampling.nearest)
    doubt, measured = _read_uncertainty(uncertainty, grid)
    low, high = _stretch(before if known is None else known, classes, after)
    panels = [("before", _colours(before, low, high)), ("after", _colours(after, low, high))]
    if known is not None:
        error = np.abs(after.reflectance - known.reflectance).mean(axis=0)
        panels.append(("truth", _colours(known, low, high)))
        panels.append((f"error, 0 to {ERROR_LIMIT:g}", _heat(error / ERROR_LIMIT)))
    limit = float(np.percentile(doubt[measured], 99)) if measured.any() else 0.0
    panels.append(("mask: cloud orange, shadow blue", _overlay(before, classes, low, high)))
    panels.append((f"uncertainty, 0 to {limit:.2g}", _heat(doubt / max(limit, 1e-6))))
    _save(_arrange(panels), path)


@dataclass(frozen=True)
class _View:
    """A decimated image of h x w pixels."""

    bands: tuple[str, ...]
    reflectance: Float
    """(C, h, w)"""

    @property
    def colours(self) -> Float:
        """(3, h, w) red, green and blue, or what comes closest."""
        names = [band for band in ("B4", "B3", "B2") if band in self.bands]
        chosen = [self.bands.index(band) for band in names] if len(names) == 3 else [0]
        shown: Float = self.reflectance[chosen if len(chosen) == 3 else chosen * 3]
        return shown


def _read_optical(path: str, grid: Grid) -> _View:
    optical = open_optical(path, None, None, None, _say_nothing)
    numbers = np.stack([_read(band, grid, Resampling.average) for band in optical.raster.bands])
    return _View(optical.bands, np.nan_to_num(optical.scaling.to_reflectance(numbers)))


def _say_nothing(level: str, text: str) -> None:
    """The job that made the result has already logged what its files are."""


def _read_uncertainty(path: str, grid: Grid) -> tuple[Float, Bool]:
    """(h, w) mean standard error of the bands in reflectance, 0 where nothing was reconstructed; and where it was."""
    bands = open_raster(path).bands
    numbers = np.stack([_read(band, grid, Resampling.nearest) for band in bands])
    missing = (numbers == bands[0].nodata).any(axis=0)
    doubt: Float = np.where(
        missing, np.float32(0), numbers.astype(np.float32).mean(axis=0) * np.float32(bands[0].scale)
    )
    return doubt, doubt > 0


def _read(band: RasterBand, grid: Grid, resampling: Resampling) -> NDArray[np.generic]:
    """Reads the part of a band that a grid covers, with at most PANEL_PX on a side."""
    window = band.grid.window_of(grid.extent)
    if band.grid.crs != grid.crs or window is None:
        raise InputError(
            f"{band.path} and the result do not lie on each other, so no picture can show them together.",
            "Give the image that the result was made of.",
        )
    share = min(1.0, PANEL_PX / max(grid.height, grid.width))
    shape = (max(1, round(grid.height * share)), max(1, round(grid.width * share)))
    part = RasterioWindow(window.column, window.row, window.width, window.height)
    with rasterio.open(band.path) as dataset:
        values: NDArray[np.generic] = dataset.read(band.index, window=part, out_shape=shape, resampling=resampling)
    return values


def _stretch(ground: _View, classes: NDArray[np.generic], after: _View) -> tuple[Float, Float]:
    """Gives the reflectances (3, 1, 1) that become black and white."""
    clear = classes == clouds.CLEAR
    enough = np.count_nonzero(clear) >= MIN_CLEAR
    shown = ground.colours[:, clear] if enough else after.colours.reshape(3, -1)
    low, high = np.percentile(shown, (0.5, 99.5), axis=1).astype(np.float32)[..., None, None]
    return low, np.maximum(high, low + np.float32(0.02))


def _colours(view: _View, low: Float, high: Float) -> Picture:
    share = np.clip((view.colours - low) / (high - low), 0, 1) ** GAMMA
    return np.moveaxis((share * 255).astype(np.uint8), 0, -1)


def _overlay(view: _View, classes: NDArray[np.generic], low: Float, high: Float) -> Picture:
    grey = _colours(view, low, high).mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    for kind, colour in COLOURS.items():
        chosen = classes == kind
        grey[chosen] = 0.35 * grey[chosen] + 0.65 * np.array(colour)
    picture: Picture = grey.astype(np.uint8)
    return picture


def _heat(share: Float) -> Picture:
    position = np.clip(share, 0, 1) * (len(HEAT) - 1)
    lower = np.minimum(position.astype(int), len(HEAT) - 2)
    weight = (position - lower)[..., None]
    picture: Picture = (HEAT[lower] * (1 - weight) + HEAT[lower + 1] * weight).astype(np.uint8)
    return picture


def _arrange(panels: list[tuple[str, Picture]]) -> Image.Image:
    columns = 3 if len(panels) > 4 else len(panels)
    rows = -(-len(panels) // columns)
    height, width = panels[0][1].shape[:2]
    step_y, step_x = height + CAPTION_PX + GAP_PX, max(width, MIN_PANEL_PX) + GAP_PX
    picture = Image.new("RGB", (columns * step_x + GAP_PX, rows * step_y + GAP_PX), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=16)
    for number, (caption, panel) in enumerate(panels):
        left, top = GAP_PX + number % columns * step_x, GAP_PX + number // columns * step_y
        draw.text((left + 4, top + 5), caption, fill=INK, font=font)
        picture.paste(Image.fromarray(panel), (left, top + CAPTION_PX))
    return picture


def _save(picture: Image.Image, path: str) -> None:
    try:
        picture.save(path, format="PNG", optimize=True)
    except OSError as error:
        raise OutputError(
            f"{path} could not be written: {error.strerror or error}.", f"See that {Path(path).parent} is writable."
        ) from error
