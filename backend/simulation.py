"""Writing a clouded copy of a clear image."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np

from . import clouds
from .cloudfield import CloudField
from .errors import UsageError
from .geotiff import Writer
from .outputs import Outputs
from .protocol import Done, SimulateClouds
from .reporting import Reporter
from .results import image_layout
from .scene import OpticalReader, open_optical
from .simulate import Brightness, add_clouds
from .survey import MASK_LAYOUT
from .tiling import tiles
from .version import VERSION

TILE_PX = 512


def simulate_file(job: SimulateClouds, report: Reporter) -> Done:
    """Runs a job from its file to its files.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    if not 0 <= job.cover <= 1:
        raise UsageError(f"A cover from 0 to 1 was expected, {job.cover:g} came.", "Give for example --cover 0.4.")
    if job.seed < 0:
        raise UsageError(f"A seed of 0 or more was expected, {job.seed} came.", "Give for example --seed 1.")
    outputs = Outputs([path for path in (job.output, job.mask_output) if path], [job.clear], job.overwrite)
    optical = open_optical(job.clear, job.bands, job.level, job.offset, report.log)
    grid, nodata = optical.raster.grid, optical.raster.nodata
    field = CloudField(job.seed, job.cover, grid.height, grid.width, resolution_m=grid.resolution_m)
    brightness = Brightness.draw(np.random.default_rng(job.seed))
    tags = {"UNCLOUDED_VERSION": VERSION, "UNCLOUDED_SIMULATED": f"clouds, cover {job.cover:g}, seed {job.seed}"}
    windows = list(tiles(grid.height, grid.width, TILE_PX))
    cloudy_px = 0
    with outputs, contextlib.ExitStack() as stack:
        reader = stack.enter_context(OpticalReader(optical, grid, warped=False))
        image = stack.enter_context(
            contextlib.closing(Writer(outputs.part(job.output), grid, image_layout(optical, tags)))
        )
        mask = None
        if job.mask_output:
            layout = replace(MASK_LAYOUT, tags=tags)
            mask = stack.enter_context(contextlib.closing(Writer(outputs.part(job.mask_output), grid, layout)))
        for done, window in enumerate(windows):
            report.progress(0.95 * done / len(windows), "simulating clouds")
            pixels = reader.read(window)
            sky = field.sky(window.row, window.column, window.height, window.width)
            cloudy = add_clouds(pixels.reflectance, optical.bands, optical.level, sky, brightness)
            numbers = optical.scaling.to_digital_numbers(cloudy, optical.raster.dtype, nodata)
            changed = pixels.valid & ((cloudy != pixels.reflectance).any(axis=0))
            image.write(window, np.where(changed, numbers, pixels.digital_numbers))
            cloudy_px += int(np.count_nonzero(sky.mask == clouds.CLOUD))
            if mask is not None:
                mask.write(window, np.where(pixels.valid, sky.mask, np.uint8(clouds.NODATA))[None])
        image.finish()
        if mask is not None:
            mask.finish()
        outputs.commit()
    return Done(job.id, job.output, job.mask_output, cloud_fraction=round(cloudy_px / (grid.height * grid.width), 6))
