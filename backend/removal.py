"""Removing clouds from one scene: survey, then tile by tile read, reconstruct, composite, write."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from .errors import NothingClear
from .findings import findings_of
from .inference import Generator
from .outputs import Outputs
from .products import split_day
from .protocol import Done, RemoveClouds
from .reconstruction import choose_method, open_generator, plan_of, reconstruct, rules_of
from .reporting import Reporter
from .results import Inspection, Rendered, ResultWriter, disk_bytes
from .scene import Log, Scene, open_optical, open_scene
from .streams import Behind
from .survey import Part, Pass, Survey, read_here, survey
from .tile_reader import TilePlan
from .version import VERSION

SURVEY_SHARE = 0.2
OVERVIEW_SHARE = 0.05
"""Shares of a job's time, for the progress."""


class Pace:
    """Tells how far the reconstruction is, and once what is left of it will take.

    Args:
        job: What is done.
        plan: How its tiles are read.
        found: What its survey found.
        report: Hears of it and may cancel.
    """

    def __init__(self, job: RemoveClouds, plan: TilePlan, found: Survey, report: Reporter) -> None:
        self._job, self._plan, self._found, self._report = job, plan, found, report
        self._computed = plan.computed()
        self._done = 0
        self._estimated = False

    def made(self, tiles: int, seconds: float, at_once: int = 1) -> None:
        """Counts tiles that are done.

        Args:
            tiles: How many.
            seconds: That their reconstruction took.
            at_once: So many tiles are reconstructed at a time.
        """
        computed = sum(self._computed[self._done : self._done + tiles])
        self._done += tiles
        if computed and not self._estimated:
            left_s = seconds / computed * sum(self._computed[self._done :]) / at_once
            self._report.estimate(left_s, disk_bytes(self._plan.scene, self._job), self._found.cloud_fraction)
            self._estimated = True
        share = (1 - SURVEY_SHARE - OVERVIEW_SHARE) * self._done / len(self._computed)
        self._report.progress(SURVEY_SHARE + share, "reconstructing")


class Engine(Protocol):
    """Where the passes over a scene run: here, or on many machines (see cluster.py)."""

    def open_generator(self, job: RemoveClouds, scene: Scene) -> Generator | None:
        """Gives the job's generator as this process needs it, see reconstruction.open_generator."""
        ...

    def read(self, reading: Pass, log: Log) -> Iterator[Part]:
        """Yields all parts of a pass of the survey, in order."""
        ...

    def render(self, job: RemoveClouds, plan: TilePlan, pace: Pace) -> Iterator[Callable[[], Rendered]]:
        """Yields for each tile, in order, what gives it as it is written; called in the thread that writes."""
        ...


class Here:
    """This process."""

    def open_generator(self, job: RemoveClouds, scene: Scene) -> Generator | None:
        """Loads the generator onto the job's device."""
        return open_generator(job, scene)

    def read(self, reading: Pass, log: Log) -> Iterator[Part]:
        """Reads windows one after the other."""
        return read_here(reading, log)

    def render(self, job: RemoveClouds, plan: TilePlan, pace: Pace) -> Iterator[Callable[[], Rendered]]:
        """Reconstructs batch after batch."""
        optical, wants_uncertainty = plan.scene.optical, job.uncertainty_output is not None
        for made in reconstruct(plan, plan.windows()):
            for result in made.results:
                yield partial(result.render, optical, wants_uncertainty)
            pace.made(len(made.results), made.seconds)


def remove(job: RemoveClouds, report: Reporter, engine: Engine | None = None) -> Done:
    """Runs a job from its files to its files.

    Args:
        job: What to do.
        report: Hears of the progress and may cancel.
        engine: Where the work is done; in this process unless told otherwise.

    Returns:
        Where the results lie.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    engine = engine or Here()
    wanted = [path for path in (job.output, job.mask_output, job.uncertainty_output) if path]
    outputs = Outputs(wanted, _inputs(job), job.overwrite, may_be_mosaics=True)
    optical = open_optical(job.optical, job.bands, job.level, job.offset, report.log)
    scene = open_scene(optical, job.sar, job.dates, job.bbox, report.log)
    generator = engine.open_generator(job, scene)
    method = choose_method(generator, job, scene, report.log)
    rules = rules_of(job)
    with outputs:
        outputs.check_room(disk_bytes(scene, job))
        found = survey(scene, rules, outputs.scratch, report, SURVEY_SHARE, engine.read)
        _check_clear(job, scene, found)
        _say_what_was_found(job, found, report)
        if generator and job.uncertainty_output:
            _say_what_is_unknown(generator, optical.bands, report)
        prior = (
            np.array([generator.card.prior.get(band, 0.0) for band in optical.bands], np.float32) if generator else None
        )
        plan = plan_of(job, scene, findings_of(found, prior), method)
        with contextlib.ExitStack() as stack:
            writer = ResultWriter(stack, job, scene, _provenance(job, generator), outputs)
            pace = Pace(job, plan, found, report)
            quality = _write(writer, Inspection(stack, plan), engine.render(job, plan, pace))
            report.progress(1 - OVERVIEW_SHARE, "building overviews")
            writer.finish()
        report.check_cancelled()
        outputs.commit()
    share = round(found.cloud_fraction, 6)
    return Done(job.id, job.output, job.mask_output, job.uncertainty_output, share, quality=quality)


def _write(writer: ResultWriter, inspection: Inspection, tiles: Iterator[Callable[[], Rendered]]) -> dict[str, float]:
    """Writes and measures the tiles while the next are made; gives the figures of quality.py."""

    def write(render: Callable[[], Rendered]) -> None:
        tile = render()
        writer.write(tile)
        inspection.look(tile)

    with Behind(write) as behind:
        for tile in tiles:
            behind.put(tile)
    return inspection.figures()


def _inputs(job: RemoveClouds) -> list[str]:
    dates = [split_day(date)[0] for date in job.dates]
    mask = [] if job.mask in ("auto", "all") else [job.mask]
    return [job.optical, *([job.sar] if job.sar else []), *dates, *mask]


def _check_clear(job: RemoveClouds, scene: Scene, found: Survey) -> None:
    """Refuses to invent a scene of which nothing is seen."""
    if found.clear_px or any(date.clear_px for date in found.dates):
        return
    if job.method == "generator" and (scene.sar is not None or job.mask == "all"):
        return
    needs = "SAR or other dates" if job.method == "generator" else "other dates that are clear"
    raise NothingClear(job.optical, needs)


def _say_what_was_found(job: RemoveClouds, found: Survey, report: Reporter) -> None:
    if job.mask == "all":
        report.log(
            "warning",
            "The whole image is reconstructed: the promise that clear pixels keep their values does not apply.",
        )
    elif found.cloud_px == 0:
        report.log(
            "warning", "No cloud was found: the output is a copy. A lower cloud threshold or an own mask finds more."
        )
    else:
        report.log("info", f"{found.cloud_fraction:.1%} of the area is cloud or shadow and will be reconstructed.")
    if found.clear_px == 0:
        report.log(
            "warning", "Nothing in the image is clear: colours are those of the training data or of the other dates."
        )


def _say_what_is_unknown(generator: Generator, bands: Sequence[str], report: Reporter) -> None:
    unknown = generator.bands_without_uncertainty(bands)
    if unknown:
        where = "" if len(unknown) == len(bands) else f" in {', '.join(unknown)}"
        report.log(
            "warning",
            f"The generator {generator.card.name!r} does not know its errors{where}: "
            "reconstructed pixels are nodata there in the uncertainty layer.",
        )


def _provenance(job: RemoveClouds, generator: Generator | None) -> dict[str, str]:
    """What made the file, without times and folders, so that the same job gives the same bytes."""
    parameters = {
        "optical": Path(job.optical).name,
        "sar": Path(job.sar).name if job.sar else None,
        "dates": [Path(date).name for date in job.dates],
        "mask": Path(job.mask).name,
        "cloud_threshold": job.cloud_threshold,
        "grow_px": job.grow_px,
        "method": job.method,
        "bands": job.bands,
        "level": job.level,
        "offset": job.offset,
    }
    if generator and generator.draws:
        parameters |= {"samples": job.samples, "seed": job.seed}
    tags = {"UNCLOUDED_VERSION": VERSION, "UNCLOUDED_PARAMETERS": json.dumps(parameters, sort_keys=True)}
    if generator:
        card = generator.card
        tags |= {"UNCLOUDED_MODEL": f"{card.name} {card.version}", "UNCLOUDED_MODEL_SHA256": card.sha256}
    return tags
