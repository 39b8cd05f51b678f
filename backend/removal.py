"""Removing clouds from one scene: survey, then tile by tile read, reconstruct, composite, write."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from . import clouds
from .completion import Completed
from .errors import NothingClear
from .inference import Generator, check_fit, load_generator
from .methods import find_method
from .observation import Method, Reconstruction
from .outputs import Outputs
from .products import split_day
from .protocol import Done, RemoveClouds
from .reporting import Reporter
from .results import Inspection, Result, ResultWriter, disk_bytes
from .sampling import draw_latents
from .scene import Scene, open_optical, open_scene
from .streams import Behind, ahead
from .survey import MaskRules, Survey, survey
from .tile_reader import Tile, TilePlan
from .version import VERSION

SURVEY_SHARE = 0.2
OVERVIEW_SHARE = 0.05
"""Shares of a job's time, for the progress."""


def remove(job: RemoveClouds, report: Reporter) -> Done:
    """Runs a job from its files to its files.

    Args:
        job: What to do.
        report: Hears of the progress and may cancel.

    Returns:
        Where the results lie.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    wanted = [path for path in (job.output, job.mask_output, job.uncertainty_output) if path]
    outputs = Outputs(wanted, _inputs(job), job.overwrite)
    optical = open_optical(job.optical, job.bands, job.level, job.offset, report.log)
    scene = open_scene(optical, job.sar, job.dates, job.bbox, report.log)
    generator = _open_generator(job, scene)
    method = _method(generator, job, scene, report)
    rules = MaskRules(job.mask, job.cloud_threshold, job.grow_px)
    with outputs:
        outputs.check_room(disk_bytes(scene, job))
        found = survey(scene, rules, outputs.scratch, report, SURVEY_SHARE)
        _check_clear(job, scene, found)
        _say_what_was_found(job, found, report)
        if generator and job.uncertainty_output:
            _say_what_is_unknown(generator, optical.bands, report)
        prior = (
            np.array([generator.card.prior.get(band, 0.0) for band in optical.bands], np.float32) if generator else None
        )
        feather_px = min(clouds.FEATHER_PX, rules.growth_px)
        plan = TilePlan(scene, found, method, prior, job.mask == "all", feather_px)
        with contextlib.ExitStack() as stack:
            writer = ResultWriter(stack, job, scene, _provenance(job, generator), outputs)
            quality = _write(writer, Inspection(stack, plan), _reconstructed(plan, found, job, report))
            report.progress(1 - OVERVIEW_SHARE, "building overviews")
            writer.finish()
        report.check_cancelled()
        outputs.commit()
    share = round(found.cloud_fraction, 6)
    return Done(job.id, job.output, job.mask_output, job.uncertainty_output, share, quality=quality)


def _method(generator: Generator | None, job: RemoveClouds, scene: Scene, report: Reporter) -> Method:
    """Gives what reconstructs: bands that a generator does not know are filled from around."""
    if generator is None:
        return find_method(job.method, len(scene.dates))
    unknown = [name for name in scene.optical.bands if name not in generator.card.bands]
    if not unknown:
        return generator
    report.log(
        "warning",
        f"The generator {generator.card.name!r} does not know {', '.join(unknown)}: there, clouds are filled from the "
        "clear ground around, as the method inpaint does.",
    )
    return Completed(generator)


def _open_generator(job: RemoveClouds, scene: Scene) -> Generator | None:
    if job.method != "generator":
        draw_latents(job.method, 0, job.samples, job.seed)
        return None
    generator = load_generator(job.model, job.device, job.samples, job.seed)
    optical = scene.optical
    check_fit(generator.card, optical.bands, optical.level, scene.sar is not None, bool(scene.dates))
    return generator


def _reconstructed(plan: TilePlan, found: Survey, job: RemoveClouds, report: Reporter) -> Iterator[Result]:
    """Yields every tile in order, reconstructed where it holds cloud."""
    clouded = plan.clouded()
    cost_s: float | None = None
    done = 0
    for batch in ahead(lambda: _batches(plan.read(), plan.method.batch_size)):
        started = time.monotonic()
        yield from _reconstruct(batch, plan.method)
        done += len(batch)
        busy = sum(tile.observation is not None for tile in batch)
        if busy and cost_s is None:
            cost_s = (time.monotonic() - started) / busy
            report.estimate(cost_s * sum(clouded[done:]), disk_bytes(plan.scene, job), found.cloud_fraction)
        report.progress(SURVEY_SHARE + (1 - SURVEY_SHARE - OVERVIEW_SHARE) * done / len(clouded), "reconstructing")


def _write(writer: ResultWriter, inspection: Inspection, results: Iterator[Result]) -> dict[str, float]:
    """Writes and measures the tiles while the next are made; gives the figures of quality.py."""

    def write(result: Result) -> None:
        inspection.look(result, writer.write(result))

    with Behind(write) as behind:
        for result in results:
            behind.put(result)
    return inspection.figures()


def _batches(tiles: Iterator[Tile], size: int) -> Iterator[list[Tile]]:
    batch: list[Tile] = []
    for tile in tiles:
        batch.append(tile)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _reconstruct(batch: list[Tile], method: Method) -> Iterator[Result]:
    """Reconstructs the tiles of a batch that need it, those of equal size together, and yields all in order."""
    made: dict[int, Reconstruction] = {}
    busy = [(i, tile.observation) for i, tile in enumerate(batch) if tile.observation is not None]
    for _, group in groupby(busy, key=lambda entry: entry[1].valid.shape):
        indexes, observations = zip(*group, strict=True)
        made.update(zip(indexes, method(list(observations)), strict=True))
    for i, tile in enumerate(batch):
        yield Result(tile, made.get(i))


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
