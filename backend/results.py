"""From tiles to files: composite, and the layout of image, mask and uncertainty."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import numpy as np
from rasterio.enums import Resampling

from . import clouds
from .geotiff import Layout, Writer
from .observation import Reconstruction
from .outputs import Outputs
from .protocol import RemoveClouds
from .quality import NEAR_PX, Meter, Part
from .raster import Reader
from .scene import Optical, Scene
from .sensors import Float, Scaling
from .survey import MASK_LAYOUT
from .tile_reader import Tile, TilePlan

UNCERTAINTY_SCALE = 1e-4
UNCERTAINTY_NODATA = 65535


@dataclass(frozen=True)
class Result:
    """A tile with its reconstruction; None where nothing was reconstructed."""

    tile: Tile
    reconstruction: Reconstruction | None


def composite(tile: Tile, reflectance: Float, scaling: Scaling, nodata: float | None) -> np.ndarray:
    """Puts reconstructed pixels into a tile.

    Args:
        tile: What was read.
        reflectance: (C, H, W) of the tile.
        scaling: Of the tile's digital numbers.
        nodata: Value that no reconstructed pixel may take.

    Returns:
        (C, H, W) digital numbers: those read where tile.replaced is 0, bit by bit; weighted by it elsewhere.
    """
    share = tile.replaced
    measured = scaling.to_reflectance(tile.digital_numbers)
    blended = np.where(share < 1, share * reflectance + (1 - share) * measured, reflectance)
    numbers = scaling.to_digital_numbers(blended, tile.digital_numbers.dtype, nodata)
    return np.where(share > 0, numbers, tile.digital_numbers)


@dataclass
class ResultWriter:
    """Writes image, mask and uncertainty of a job, tile by tile.

    Args:
        stack: Closes the files.
        job: Tells which files are wanted.
        scene: Tells their grid and layout.
        tags: Provenance, written into each file.
        outputs: Tells where the files are made.
    """

    stack: contextlib.ExitStack
    job: RemoveClouds
    scene: Scene
    tags: dict[str, str]
    outputs: Outputs
    _files: list[Writer] = field(default_factory=list)

    def __post_init__(self) -> None:
        optical = self.scene.optical
        self._image = self._open(self.job.output, image_layout(optical, self.tags))
        self._mask = self._uncertainty = None
        if self.job.mask_output:
            self._mask = self._open(self.job.mask_output, _mask_layout(self.tags))
        if self.job.uncertainty_output:
            self._uncertainty = self._open(self.job.uncertainty_output, _uncertainty_layout(optical.bands, self.tags))

    def write(self, result: Result) -> np.ndarray:
        """Writes one tile into each file.

        Returns:
            (C, H, W) digital numbers of the image.
        """
        tile, made = result.tile, result.reconstruction
        numbers = tile.digital_numbers
        if made is not None:
            raster = self.scene.optical.raster
            core = made.reflectance[..., tile.core[0], tile.core[1]]
            numbers = composite(tile, core, self.scene.optical.scaling, raster.nodata)
        self._image.write(tile.area, numbers)
        if self._mask is not None:
            self._mask.write(tile.area, tile.classes[None])
        if self._uncertainty is not None:
            self._uncertainty.write(tile.area, self._uncertainty_of(tile, made))
        return numbers

    def finish(self) -> None:
        """Adds overviews to each file."""
        for file in self._files:
            file.finish()

    def _open(self, path: str, layout: Layout) -> Writer:
        writer = Writer(self.outputs.part(path), self.scene.grid.crop(self.scene.area), layout)
        self.stack.callback(writer.close)
        self._files.append(writer)
        return writer

    def _uncertainty_of(self, tile: Tile, made: Reconstruction | None) -> np.ndarray:
        numbers = np.zeros((len(self.scene.optical.bands), *tile.classes.shape), np.uint16)
        if made is not None:
            errors = made.uncertainty[..., tile.core[0], tile.core[1]]
            scaled = np.clip(np.rint(errors / UNCERTAINTY_SCALE), 0, UNCERTAINTY_NODATA - 1)
            known = np.where(np.isnan(scaled), UNCERTAINTY_NODATA, scaled).astype(np.uint16)
            numbers = np.where(tile.replaced > 0, known, numbers)
        numbers[:, tile.classes == clouds.NODATA] = UNCERTAINTY_NODATA
        return numbers


class Inspection:
    """Measures a result while it is written.

    Args:
        stack: Closes the mask.
        plan: Tells how the tiles were read.
    """

    def __init__(self, stack: contextlib.ExitStack, plan: TilePlan) -> None:
        self._plan = plan
        self._meter = Meter(plan.feather_px)
        self._mask = stack.enter_context(Reader(plan.found.mask, plan.scene.grid, Resampling.nearest))

    def look(self, result: Result, numbers: np.ndarray) -> None:
        """Measures one tile; they come row by row.

        Args:
            result: The tile as it was read and reconstructed.
            numbers: (C, H, W) as written.
        """
        tile, made = result.tile, result.reconstruction
        replaced = tile.replaced > 0
        self._meter.count(replaced, tile.classes != clouds.NODATA)
        area = self._plan.scene.area
        classes = self._mask.read(tile.area.shifted(area.row, area.column).padded(NEAR_PX))[0][0]
        around = self._plan.to_replace(classes)
        if not around.any():
            return
        reflectance = self._plan.scene.optical.scaling.to_reflectance(numbers)
        clear = (classes == clouds.CLEAR) & ~around
        self._meter.add(Part(tile.area, reflectance, tile.replaced == 1, around, clear))
        if made is not None:
            self._meter.add_errors(made.uncertainty[..., tile.core[0], tile.core[1]], replaced)

    def figures(self) -> dict[str, float]:
        """Gives what is known of the result, see quality.py."""
        return self._meter.figures()


def image_layout(optical: Optical, tags: dict[str, str]) -> Layout:
    """Lays an output out like the optical image that it is made of, with further tags."""
    bands = optical.raster.bands
    own = {key: value for key, value in optical.raster.tags.items() if key != "AREA_OR_POINT"}
    return Layout(
        count=len(bands),
        dtype=optical.raster.dtype,
        nodata=bands[0].nodata,
        descriptions=[band.description or name for band, name in zip(bands, optical.bands, strict=True)],
        scales=[band.scale for band in bands],
        offsets=[band.offset for band in bands],
        tags=own | tags,
    )


def disk_bytes(scene: Scene, job: RemoveClouds) -> int:
    """Gives the most that a job's files can need, temporary masks included; compression makes it less."""
    pixels = scene.area.height * scene.area.width
    per_pixel = len(scene.optical.bands) * scene.optical.raster.dtype.itemsize + 1 + len(scene.dates)
    per_pixel += bool(job.mask_output) + 2 * len(scene.optical.bands) * bool(job.uncertainty_output)
    return int(pixels * per_pixel * 4 / 3)


def _mask_layout(tags: dict[str, str]) -> Layout:
    meaning = {"MEANING": "0 clear (as measured), 1 cloud, 2 shadow, 255 nodata"}
    return Layout(1, MASK_LAYOUT.dtype, clouds.NODATA, ["cloud mask"], [1.0], [0.0], tags | meaning, Resampling.nearest)


def _uncertainty_layout(bands: tuple[str, ...], tags: dict[str, str]) -> Layout:
    meaning = {
        "MEANING": "standard error in reflectance of reconstructed pixels; 0 where the pixel is as measured; "
        "nodata where nothing was measured, or where the method does not know its error"
    }
    count = len(bands)
    return Layout(
        count,
        np.dtype(np.uint16),
        UNCERTAINTY_NODATA,
        [f"{band} standard error" for band in bands],
        [UNCERTAINTY_SCALE] * count,
        [0.0] * count,
        tags | meaning,
    )
