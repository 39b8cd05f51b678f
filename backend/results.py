"""From tiles to files: composite, and the layout of image, mask and uncertainty."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling

from . import clouds
from .geotiff import BLOCK_PX, Layout, Writer
from .mask_files import Classes
from .mosaic_file import MosaicWriter
from .observation import Reconstruction
from .outputs import Outputs, is_mosaic
from .protocol import RemoveClouds
from .quality import NEAR_PX, Meter, Part, error_sums
from .raster import Reader
from .scene import Optical, Scene
from .sensors import Float, Scaling
from .survey import MASK_LAYOUT
from .tile_reader import Tile, TilePlan
from .tiling import Window

UNCERTAINTY_SCALE = 1e-4
UNCERTAINTY_NODATA = 65535

MEASURED, RIM, WHOLE = range(3)
"""How much of a pixel is reconstructed."""


@dataclass(frozen=True)
class Result:
    """A tile with its reconstruction."""

    tile: Tile
    made: list[Reconstruction]
    """Of each part, context included."""

    def render(self, optical: Optical, with_uncertainty: bool) -> Rendered:
        """Gives the tile as it is written.

        Args:
            optical: The image that the tile is part of.
            with_uncertainty: Whether the uncertainty is written too.
        """
        tile, errors = self.tile, np.zeros(2)
        numbers = tile.digital_numbers.copy() if self.made else tile.digital_numbers
        for part, made in zip(tile.parts, self.made, strict=True):
            here, share = part.of_tile(numbers), part.of_tile(tile.replaced)
            reflectance = part.of_observation(made.reflectance)
            here[:] = composite(here, share, reflectance, optical.scaling, optical.raster.nodata)
            errors += error_sums(part.of_observation(made.uncertainty), share > 0)
        uncertainty = self._uncertainty() if with_uncertainty else None
        kept = np.where(tile.replaced == 1, WHOLE, np.where(tile.replaced > 0, RIM, MEASURED)).astype(np.uint8)
        return Rendered(tile.area, numbers, tile.classes, kept, uncertainty, errors)

    def _uncertainty(self) -> np.ndarray:
        """Gives the digital numbers of the uncertainty (C, H, W)."""
        tile = self.tile
        numbers = np.zeros((len(tile.digital_numbers), *tile.classes.shape), np.uint16)
        for part, made in zip(tile.parts, self.made, strict=True):
            errors = part.of_observation(made.uncertainty)
            scaled = np.clip(np.rint(errors / UNCERTAINTY_SCALE), 0, UNCERTAINTY_NODATA - 1)
            known = np.where(np.isnan(scaled), UNCERTAINTY_NODATA, scaled).astype(np.uint16)
            part.of_tile(numbers)[:] = np.where(part.of_tile(tile.replaced) > 0, known, 0)
        numbers[:, tile.classes == clouds.NODATA] = UNCERTAINTY_NODATA
        return numbers


@dataclass(frozen=True)
class Rendered:
    """A tile as it is written, and what quality.py wants to know of it."""

    area: Window
    """In the area's pixels."""
    numbers: np.ndarray
    """(C, H, W) digital numbers of the image."""
    classes: Classes
    """(H, W) of clouds.py."""
    share: NDArray[np.uint8]
    """(H, W) MEASURED, RIM or WHOLE: how much of the pixel is reconstructed."""
    uncertainty: np.ndarray | None
    """(C, H, W) digital numbers of the uncertainty; None if it is not wanted."""
    errors: NDArray[np.float64]
    """See quality.error_sums."""


def composite(
    measured: np.ndarray, share: Float, reflectance: Float, scaling: Scaling, nodata: float | None
) -> np.ndarray:
    """Puts reconstructed pixels among those that were measured.

    Args:
        measured: (C, H, W) digital numbers.
        share: (H, W) of the reconstruction, 0..1.
        reflectance: (C, H, W) reconstructed.
        scaling: Of the digital numbers.
        nodata: Value that no reconstructed pixel may take.

    Returns:
        (C, H, W) digital numbers: those measured where the share is 0, bit by bit; weighted by it elsewhere.
    """
    blended = np.where(share < 1, share * reflectance + (1 - share) * scaling.to_reflectance(measured), reflectance)
    return np.where(share > 0, scaling.to_digital_numbers(blended, measured.dtype, nodata), measured)


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
    _files: list[Writer | MosaicWriter] = field(default_factory=list)

    def __post_init__(self) -> None:
        optical = self.scene.optical
        self._image = self._open(self.job.output, image_layout(optical, self.tags))
        self._mask = self._uncertainty = None
        if self.job.mask_output:
            self._mask = self._open(self.job.mask_output, _mask_layout(self.tags))
        if self.job.uncertainty_output:
            self._uncertainty = self._open(self.job.uncertainty_output, _uncertainty_layout(optical.bands, self.tags))

    def write(self, tile: Rendered) -> None:
        """Writes one tile into each file."""
        self._image.write(tile.area, tile.numbers)
        if self._mask is not None:
            self._mask.write(tile.area, tile.classes[None])
        if self._uncertainty is not None and tile.uncertainty is not None:
            self._uncertainty.write(tile.area, tile.uncertainty)

    def finish(self) -> None:
        """Adds overviews to each file."""
        for file in self._files:
            file.finish()

    def _open(self, path: str, layout: Layout) -> Writer | MosaicWriter:
        kind = MosaicWriter if is_mosaic(path) else Writer
        writer = kind(self.outputs.part(path), self.scene.grid.crop(self.scene.area), layout)
        self.stack.callback(writer.close)
        self._files.append(writer)
        return writer


class Inspection:
    """Measures a result while it is written.

    Args:
        stack: Closes the mask.
        plan: Tells how the tiles were read.
    """

    def __init__(self, stack: contextlib.ExitStack, plan: TilePlan) -> None:
        self._plan = plan
        self._meter = Meter(plan.feather_px)
        self._mask = stack.enter_context(Reader(plan.found.masks[0], plan.scene.grid, Resampling.nearest))

    def look(self, tile: Rendered) -> None:
        """Measures one tile; they come row by row."""
        self._meter.count(tile.share > MEASURED, tile.classes != clouds.NODATA)
        self._meter.add_errors(tile.errors)
        area = self._plan.scene.area
        classes = self._mask.read(tile.area.shifted(area.row, area.column).padded(NEAR_PX))[0][0]
        around = self._plan.to_replace(classes)
        if not around.any():
            return
        reflectance = self._plan.scene.optical.scaling.to_reflectance(tile.numbers)
        clear = (classes == clouds.CLEAR) & ~around
        self._meter.add(Part(tile.area, reflectance, tile.share == WHOLE, around, clear))

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
    """Gives the most that a job's files can need, temporary ones included; compression makes it less."""
    area, bands = scene.area, len(scene.optical.bands)
    image, uncertainty = bands * scene.optical.raster.dtype.itemsize, 2 * bands * bool(job.uncertainty_output)
    per_pixel = image + uncertainty + bool(job.mask_output) + 1 + len(scene.dates)
    if max(area.height, area.width) > BLOCK_PX:
        per_pixel += max(image, uncertainty)  # one file at a time is put into order
    return int(area.height * area.width * per_pixel * 4 / 3)


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
