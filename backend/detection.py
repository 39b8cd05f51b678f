"""Writing the cloud mask of one optical image."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np

from . import clouds
from .cloud_finder import MaskRules
from .errors import NoData
from .geotiff import Writer
from .outputs import Outputs
from .protocol import DetectClouds, Done
from .reporting import Reporter
from .scene import open_optical, open_scene
from .survey import MASK_LAYOUT, Pass, read_here
from .version import VERSION


def detect(job: DetectClouds, report: Reporter) -> Done:
    """Runs a job from its file to its file.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    outputs = Outputs([job.output], [job.optical], job.overwrite)
    optical = open_optical(job.optical, job.bands, job.level, job.offset, report.log)
    scene = open_scene(optical, None, [], job.bbox, report.log)
    rules = MaskRules("auto", job.cloud_threshold, job.grow_px)
    tags = {"UNCLOUDED_VERSION": VERSION, "MEANING": "0 clear, 1 cloud, 2 shadow, 255 nodata"}
    counts = np.zeros(256, np.int64)
    with outputs, contextlib.ExitStack() as stack:
        layout = replace(MASK_LAYOUT, tags=tags)
        writer = stack.enter_context(
            contextlib.closing(Writer(outputs.part(job.output), scene.grid.crop(scene.area), layout))
        )
        reading = Pass(scene, rules)
        count = len(reading.windows())
        for done, found in enumerate(read_here(reading, report.log), 1):
            report.progress(0.95 * done / count, "looking for clouds")
            window, classes = found.window, found.classes
            part = window.shifted(-scene.area.row, -scene.area.column).clipped(scene.area.height, scene.area.width)
            if part is not None:
                inside = classes[part.shifted(scene.area.row, scene.area.column).slices_in(window)]
                writer.write(part, inside[None])
                counts += np.bincount(inside.ravel(), minlength=256)
        measured = int(counts.sum() - counts[clouds.NODATA])
        if measured == 0:
            raise NoData(job.optical)
        writer.finish()
        outputs.commit()
    return Done(job.id, job.output, cloud_fraction=round((measured - int(counts[clouds.CLEAR])) / measured, 6))
