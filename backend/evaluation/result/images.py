"""What one result is compared with: its images on its own grid and in the bands that all have, read in windows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rasterio.enums import Resampling

from ... import clouds
from ...cloud_finder import open_mask
from ...errors import InputError, UsageError
from ...evaluation_jobs import EvaluateResult
from ...mask_files import Classes
from ...raster import Grid, Raster, Reader, open_raster
from ...scene import Log, Optical, OpticalReader, open_alike, open_optical, place
from ...sensors import Bool, Float, Scaling, name_bands
from ...streams import ahead
from ...tiling import Window, tiles
from .sums import MARGIN_PX, Core

TILE_PX = 512


@dataclass(frozen=True)
class Images:
    """Opened images of one place. All have the same bands; windows are of the result's grid."""

    result: Optical
    reference: Optical
    cloudy: Optical | None
    mask: tuple[Raster, clouds.Kind] | None
    uncertainty: Optical | None

    @property
    def bands(self) -> tuple[str, ...]:
        return self.result.bands

    @property
    def grid(self) -> Grid:
        return self.result.raster.grid

    def windows(self) -> list[Window]:
        """Covers the grid."""
        return list(tiles(self.grid.height, self.grid.width, TILE_PX))


@dataclass(frozen=True)
class Tile:
    """One window of all images, with a margin for figures that look around."""

    window: Window
    core: Core
    """Where the window lies in the arrays."""
    result: Float
    """(C, H, W) reflectance, 0 where not valid."""
    reference: Float
    cloudy: Float | None
    classes: Classes
    """(H, W) of clouds.py; all CLEAR without a mask."""
    valid: Bool
    """(H, W) measured in each of the images."""
    uncertainty: Float | None
    """(C, H, W) standard error, NaN where unknown."""

    @property
    def clouded(self) -> Bool:
        """(H, W) valid, and cloud or shadow in the mask."""
        clouded: Bool = self.valid & ((self.classes == clouds.CLOUD) | (self.classes == clouds.SHADOW))
        return clouded

    @property
    def clear(self) -> Bool:
        """(H, W) valid, and clear in the mask."""
        clear: Bool = self.valid & (self.classes == clouds.CLEAR)
        return clear


def open_images(job: EvaluateResult, log: Log) -> Images:
    """Opens the images of a job. Bands, level and offset say how all of them are read.

    Raises:
        InputError: A file cannot serve, shows another place, or has no band of the result.
        UsageError: The level is unknown, or the result is its own reference.
    """
    if Path(job.result).resolve() == Path(job.reference).resolve():
        raise UsageError(
            f"The result and the reference are the same file: {job.result}.",
            "Give a clear image of the same place as reference.",
        )
    whole = open_optical(job.result, job.bands, job.level, job.offset, log)
    others = {"reference": job.reference, "cloudy image": job.cloudy}
    opened = {
        what: open_alike(path, whole, job.level, job.offset, log) for what, path in others.items() if path is not None
    }
    bands = [band for band in whole.bands if all(band in other.bands for other in opened.values())]
    if not bands:
        held = "; ".join(f"{what}: {', '.join(other.bands)}" for what, other in opened.items())
        raise InputError(
            f"The images have no band in common (result: {', '.join(whole.bands)}; {held}).",
            "Give images with the same bands, or name the bands of the result with --bands.",
        )
    grid = whole.raster.grid
    placed = {what: place(other, bands, grid, what) for what, other in opened.items()}
    for what, other in placed.items():
        other.raster.check_overlap(grid, what)
        if other.level != whole.level:
            log("warning", f"The {what} is {other.level}, the result {whole.level}: their colours will differ.")
    if len(bands) < len(whole.bands):
        log("info", f"Compared are the bands that all images have: {', '.join(bands)}.")
    return Images(
        place(whole, bands, grid, "result"),
        placed["reference"],
        placed.get("cloudy image"),
        _open_mask(job.mask, whole, log) if job.mask else None,
        _open_uncertainty(job.uncertainty, whole, bands) if job.uncertainty else None,
    )


def read_images(images: Images) -> Iterator[Tile]:
    """Reads all windows in order, the next ones while one is worked on."""
    return ahead(lambda: _read(images))


def _read(images: Images) -> Iterator[Tile]:
    grid = images.grid
    with contextlib.ExitStack() as stack:
        result = stack.enter_context(OpticalReader(images.result, grid, warped=False))
        others = [
            stack.enter_context(OpticalReader(image, grid, warped=True))
            for image in (images.reference, images.cloudy)
            if image is not None
        ]
        mask = stack.enter_context(Reader(images.mask[0], grid, Resampling.nearest)) if images.mask else None
        doubt = images.uncertainty
        unsure = stack.enter_context(Reader(doubt.raster, grid, Resampling.bilinear)) if doubt else None
        for window in images.windows():
            outer = window.padded(MARGIN_PX).clipped(grid.height, grid.width) or window
            seen = [reader.read(outer) for reader in (result, *others)]
            valid = np.logical_and.reduce([pixels.valid for pixels in seen])
            shown = [np.where(valid, pixels.reflectance, np.float32(0)) for pixels in seen]
            yield Tile(
                window,
                window.slices_in(outer),
                shown[0],
                shown[1],
                shown[2] if images.cloudy else None,
                _classes(mask, images, outer),
                valid,
                _uncertainty(unsure, doubt, outer),
            )


def _classes(mask: Reader | None, images: Images, window: Window) -> Classes:
    if mask is None or images.mask is None:
        return np.full((window.height, window.width), clouds.CLEAR, np.uint8)
    return clouds.from_user(mask.read(window)[0][0], images.mask[1])


def _uncertainty(reader: Reader | None, uncertainty: Optical | None, window: Window) -> Float | None:
    if reader is None or uncertainty is None:
        return None
    numbers, missing = reader.read(window)
    values: Float = np.where(missing, np.float32(np.nan), uncertainty.scaling.to_reflectance(numbers))
    return values


def _open_mask(path: str, optical: Optical, log: Log) -> tuple[Raster, clouds.Kind]:
    grid = optical.raster.grid
    mask, kind = open_mask(path, optical, grid, log)
    left, bottom, right, top = mask.extent_on(grid, "mask")
    xmin, ymin, xmax, ymax = grid.extent
    if left > xmin or bottom > ymin or right < xmax or top < ymax:
        log("warning", f"The mask {path} covers a part of the result; beyond it all counts as clear.")
    return mask, kind


def _open_uncertainty(path: str, optical: Optical, bands: Sequence[str]) -> Optical:
    """Opens the uncertainty of a result, whose bands are those of the result.

    Raises:
        InputError: It has other bands, or shows another place.
    """
    raster = open_raster(path)
    described = [band.description for band in raster.bands]
    same = not any(described) and len(described) == len(optical.bands)
    names, _ = name_bands(path, described, optical.bands if same else None)
    lacking = [band for band in bands if band not in names]
    if lacking:
        raise InputError(
            f"The uncertainty {path} has the bands {', '.join(names)} and lacks {', '.join(lacking)} of the result.",
            "Give the uncertainty that belongs to the result.",
        )
    tags = [(band.scale, band.offset) for band in raster.bands]
    scale, shift = np.array(tags, np.float32).T
    whole = Optical(replace(optical.product, raster=raster), names, optical.level, Scaling(scale, shift))
    placed = place(whole, bands, optical.raster.grid, "uncertainty")
    placed.raster.check_overlap(optical.raster.grid, "uncertainty")
    return placed
