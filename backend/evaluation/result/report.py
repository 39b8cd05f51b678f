"""The report on one result."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ... import calibration
from ...clouds import NODATA
from ...evaluation_jobs import EvaluateResult
from ...sensors import Float
from ..reports.facts import command, machine
from ..reports.figures import FIGURES, PARTS, Part, column
from ..reports.panels import Panel, panels, true_colours
from ..reports.pictures import binned, error_by_band, reliability, spectra
from ..reports.report import Column, Picture, Report, Row, Section, Table
from ..reports.uncertainty import uncertainty_table
from ..rows import CLEAR_MEAN
from .measures import RESULT, Measured
from .sums import ImageSums

REFERENCE = "reference"
PIXELS = Column("pixels", "pixels", digits=0)


def make_report(job: EvaluateResult, measured: Measured) -> Report:
    """Puts together what was measured."""
    sections = [
        Section("Three numbers", _words(measured), part_tables(measured)),
        Section("Pictures", "", (), [_views(measured)]),
        Section("Bands", "", [_band_table(measured)], _band_pictures(measured)),
    ]
    if measured.images.uncertainty is not None:
        sections.append(_uncertainty(measured))
    title = "One result held against a reference"
    return Report(title, command("evaluate-result", job), _facts(job, measured), sections)


def part_tables(measured: Measured) -> list[Table]:
    """All figures, a table for each part of which something is known."""
    tables = []
    for part in PARTS:
        rows = [
            Row(name, {"pixels": parts[part].pixels, **parts[part].figures()})
            for name, parts in measured.sums.items()
            if parts[part].pixels
        ]
        if rows:
            title = f"{part.capitalize()}: {_meaning(measured, part)}"
            tables.append(Table(part, title, [PIXELS, *map(column, FIGURES)], rows, "image"))
    return tables


def floor_words(measured: Measured) -> str:
    """Says how much the clear pixels differ by themselves."""
    if not measured.floor.pixels:
        return "The floor of the error is unknown: no pixel is known to be clear in all images."
    before = "cloudy image" if measured.images.cloudy else "result"
    return (
        f"The floor of the error: clear pixels of the {before} and the reference differ by "
        f"{measured.floor.figures()['mae']:.4f} in reflectance (MAE)."
    )


def _meaning(measured: Measured, part: Part) -> str:
    judged = "pixels under the mask" if measured.images.mask else "all pixels, as there is no mask"
    return {
        "target": "all pixels, against the reference",
        "reproduction": "clear pixels, against the cloudy image",
        "reconstruction": f"{judged}, against the reference",
    }[part]


def _words(measured: Measured) -> str:
    counted = (
        "Counted are pixels that all images measure, on reflectance clipped to 0 to 1. Images are of one place, so "
        "there is no interval: what lies side by side is not independent."
    )
    floor = (
        f"{floor_words(measured)} If the images are of different days, the ground itself has changed by about that "
        "much, and no reconstruction can be expected to come much nearer."
    )
    mean = (
        f"The row {CLEAR_MEAN} has the mean of the clear pixels under the mask, and those elsewhere: "
        "what is no nearer to the reference knows nothing of the ground."
    )
    return "\n\n".join([counted, floor, *([mean] if CLEAR_MEAN in measured.sums else [])])


def _facts(job: EvaluateResult, measured: Measured) -> dict[str, str]:
    images = measured.images
    grid = images.grid
    given = {"mask": job.mask, "cloudy image": job.cloudy, "uncertainty": job.uncertainty}
    parts = measured.sums[RESULT]
    pixels, judged = parts["target"].pixels, parts["reconstruction"].pixels
    return {
        "Result": job.result,
        "Reference": job.reference,
        **{what.capitalize(): path for what, path in given.items() if path},
        "Grid": f"{grid.width} x {grid.height} px, {grid.crs or 'no georeference'}",
        "Bands": ", ".join(images.bands),
        "Compared": f"{pixels} px ({pixels / (grid.width * grid.height):.1%})",
        "Of them reconstructed": f"{judged} px ({judged / pixels:.1%})" if images.mask else "unknown without a mask",
        **machine("cpu"),
    }


def _views(measured: Measured) -> Picture:
    """Images beside each other, stretched alike by the reference."""
    views, images = measured.views, measured.images
    shown = {"cloudy": views.cloudy} if images.cloudy else {}
    shown |= {"result": views.result, "reference": views.reference}
    row = [
        Panel(name, image=true_colours(image, images.bands, views.reference, views.valid))
        for name, image in shown.items()
    ]
    row.append(Panel("mean absolute error", heat=_error(views.result, views.reference, views.valid)))
    if images.mask:
        row.append(Panel("mask", mask=views.classes))
    if images.uncertainty:
        row.append(Panel("uncertainty", heat=np.where(views.classes == NODATA, np.nan, views.uncertainty)))
    words = f"{', '.join(panel.caption for panel in row)}, beside each other."
    return Picture("Every image, stretched alike; errors and uncertainties are means over bands", panels([row]), words)


def _error(result: Float, reference: Float, valid: np.ndarray) -> Float:
    error = np.abs(np.clip(result, 0, 1) - np.clip(reference, 0, 1)).mean(axis=0)
    shown: Float = np.where(valid, error, np.float32(np.nan))
    return shown


def _band_table(measured: Measured) -> Table:
    bands = measured.images.bands
    rows = [
        Row(name, dict(zip(bands, sums.rmse_of_bands(), strict=True)))
        for name, sums in _reconstructions(measured).items()
    ]
    columns = [Column(band, band, "", 4, "low") for band in bands]
    title = f"RMSE of each band, {_meaning(measured, 'reconstruction')}"
    return Table("bands", title, columns, rows, "image")


def _band_pictures(measured: Measured) -> list[Picture]:
    bands, found = measured.images.bands, _reconstructions(measured)
    means = {name: sums.mean_reflectance() for name, sums in (found | {REFERENCE: measured.truth}).items()}
    errors = {name: sums.rmse_of_bands() for name, sums in found.items()}
    words = f"Of {', '.join(found)}; the figures are in the table above."
    return [
        Picture("RMSE of each band", error_by_band(bands, errors), f"RMSE against wavelength. {words}"),
        Picture(
            "Mean spectra of these pixels", spectra(bands, means), _spelled(bands, means[REFERENCE], means[RESULT])
        ),
    ]


def _spelled(bands: Sequence[str], reference: Sequence[float], result: Sequence[float]) -> str:
    pairs = zip(bands, reference, result, strict=True)
    listed = "; ".join(f"{band} {truth:.3f}, {seen:.3f}" for band, truth, seen in pairs)
    return f"Mean reflectance of the reference and of the result: {listed}."


def _reconstructions(measured: Measured) -> dict[str, ImageSums]:
    return {name: parts["reconstruction"] for name, parts in measured.sums.items()}


def _uncertainty(measured: Measured) -> Section:
    found = measured.calibration
    if math.isnan(found.mean_uncertainty()):
        return Section("Uncertainty", "No pixel that was compared has an uncertainty.")
    known = [one for one in found.by_uncertainty() if one.count]
    points = {RESULT: ([one.uncertainty for one in known], [one.rmse for one in known])}
    coverage = {RESULT: found.coverage().tolist()}
    return Section(
        "Uncertainty",
        "Held against the errors of the pixels that were reconstructed.",
        [uncertainty_table({RESULT: found})],
        [
            Picture(
                "How much of the truth the intervals hold",
                reliability(calibration.LEVELS, coverage),
                "Observed against promised coverage; on the diagonal, both are the same.",
            ),
            Picture(
                "Errors of pixels that are about as uncertain",
                binned(points),
                "RMSE against predicted standard error; on the diagonal, both are the same.",
            ),
        ],
    )
