"""Comparing one image with a reference of the same place."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from rasterio.enums import Resampling

from ...errors import InputError
from ...evaluation_jobs import EvaluateResult
from ...geotiff import Layout, Writer
from ...outputs import Outputs
from ...protocol import Done
from ...reporting import Reporter
from ...sensors import Float
from ...version import VERSION
from ..reports import writing
from ..reports.report import as_text
from .images import Images, Tile, open_images, read_images
from .measures import RESULT, Measured, clear_sums
from .report import floor_words, make_report, part_tables

SURVEY_SHARE, END_SHARE = 0.1, 0.05
"""Shares of the time for the first look at the clear pixels, and for overviews and the report."""


def evaluate_result(job: EvaluateResult, report: Reporter) -> Done:
    """Runs a job from its files to its report.

    Args:
        job: What to do.
        report: Hears of the progress and may cancel.

    Returns:
        Where the report lies.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    rasters = [job.error_output] if job.error_output else []
    inputs = [path for path in (job.result, job.reference, job.mask, job.cloudy, job.uncertainty) if path]
    outputs = Outputs(rasters, inputs, job.overwrite, writing.paths(job.output))
    images = open_images(job, report.log)
    with outputs, contextlib.ExitStack() as stack:
        measured = Measured(images, _clear_mean(images, report) if images.mask else None)
        writer = _error_writer(stack, images, job.error_output, outputs) if job.error_output else None
        for tile in _told(images, report):
            measured.add(tile)
            if writer is not None:
                writer.write(tile.window, _error(tile))
        _check(measured, job)
        if writer is not None:
            writer.finish()
        for table in part_tables(measured):
            report.log("info", as_text(table))
        report.log("info", floor_words(measured))
        writing.put(outputs, make_report(job, measured), job.output)
        report.check_cancelled()
        outputs.commit()
    return Done(job.id, job.output, error_output=job.error_output, figures=_figures(measured))


def _figures(measured: Measured) -> dict[str, float]:
    """Gives what is known of the pixels that were reconstructed."""
    figures = measured.sums[RESULT]["reconstruction"].figures()
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def _told(images: Images, report: Reporter) -> Iterator[Tile]:
    """Reads all windows and tells how many are done."""
    count, first = len(images.windows()), SURVEY_SHARE if images.mask else 0.0
    for done, tile in enumerate(read_images(images), 1):
        yield tile
        report.progress(first + (1 - END_SHARE - first) * done / count, "comparing")


def _clear_mean(images: Images, report: Reporter) -> Float | None:
    """(C,) mean of the clear pixels of the cloudy image, or without one of the result; None if there are none.

    Raises:
        InputError: Nothing lies under the mask.
    """
    before = images.cloudy or images.result
    alone = replace(images, reference=before, cloudy=None, uncertainty=None)
    count = len(images.windows())

    def tiles() -> Iterator[Tile]:
        for done, tile in enumerate(read_images(alone), 1):
            yield tile
            report.progress(SURVEY_SHARE * done / count, "looking at clear pixels")

    clear, clouded_px = clear_sums(tiles())
    if not clouded_px and images.mask:
        raise InputError(
            f"The mask {images.mask[0].path} holds no cloud or shadow where the result is measured.",
            "Give the mask of what was reconstructed, or none to compare all pixels.",
        )
    return np.array(clear.mean_reflectance(), np.float32) if clear.pixels else None


def _check(measured: Measured, job: EvaluateResult) -> None:
    """Raises InputError if nothing could be compared."""
    parts = measured.sums[RESULT]
    if not parts["target"].pixels:
        raise InputError(
            f"No pixel is measured in both {job.result} and {job.reference}{' and the cloudy image' * bool(job.cloudy)}"
            ": where one holds values, another is nodata.",
            "Give images that show the same ground.",
        )
    if not parts["reconstruction"].pixels:
        raise InputError(
            f"Under the mask {job.mask}, no pixel is measured in all images.",
            "Give a reference that is clear where the result was cloudy.",
        )


def _error_writer(stack: contextlib.ExitStack, images: Images, path: str, outputs: Outputs) -> Writer:
    count = len(images.bands)
    outputs.check_room(4 * count * images.grid.height * images.grid.width)
    layout = Layout(
        count,
        np.dtype(np.float32),
        math.nan,
        images.bands,
        [1.0] * count,
        [0.0] * count,
        {"UNCLOUDED_VERSION": VERSION, "MEANING": "reflectance of the result minus that of the reference"},
        Resampling.average,
    )
    return stack.enter_context(contextlib.closing(Writer(outputs.part(path), images.grid, layout)))


def _error(tile: Tile) -> Float:
    """(C, H, W) of the window; NaN where an image is not measured."""
    error: Float = np.where(tile.valid, tile.result - tile.reference, np.float32(np.nan))
    return error[:, tile.core[0], tile.core[1]]
