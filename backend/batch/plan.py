"""What a batch is going to do: a job for each scene, with what was paired, and what is finished already."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..card import read_card
from ..devices import find_device
from ..errors import InputError, ModelError, OutputError, UncloudedError, UsageError
from ..installed import find_model
from ..protocol import NEED_DATES, RemoveClouds
from ..results import disk_bytes
from ..scene import Optical, Scene, area_of
from . import job_file, sources
from .acquisition import Acquisition
from .manifest import Manifest, State, inputs_of, made_by
from .pairing import Choice, choose_dates, choose_sar
from .scenes import MAX_SHOWN, Found, Said, Shelf, listed


@dataclass(frozen=True)
class Wishes:
    """What holds for all scenes of a batch, where a line of a job file says nothing else."""

    folder: Path
    """Of the results."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Of protocol.RemoveClouds."""
    mask: str = "auto"
    """`auto`, `all`, a mask, or a folder or pattern of masks named like their scenes."""
    sar: str | None = None
    """Folder or pattern of SAR images to choose from."""
    dates: int = 0
    """How many other dates a scene gets."""
    dates_from: str | None = None
    """Folder or pattern of images to choose them from; None for the batch's other scenes."""
    within_days: int | None = None
    mask_out: bool = False
    uncertainty_out: bool = False


@dataclass(frozen=True)
class Item:
    """One scene of the plan."""

    job: RemoveClouds
    """Its id is the name of the output, without suffix."""
    state: State
    paired: Mapping[str, str]
    """Why each SAR image or date was chosen, by its path."""
    lacking: Sequence[str] = ()
    """What was asked for and not found for it."""
    pixels: int = 0
    disk_bytes: int = 0
    """The most that its files can need."""
    problem: UncloudedError | None = None
    """What keeps it from being started."""

    @property
    def is_due(self) -> bool:
        return self.state.kind in ("new", "redo")


@dataclass(frozen=True)
class Plan:
    """What is to be done for each scene."""

    items: Sequence[Item]
    left_out: Mapping[str, str]
    """What files of folders were taken for that are no scenes, by path."""

    def check(self) -> None:
        """Checks whether there is a point in starting it.

        Raises:
            OutputError: Results would replace files of somebody else.
            UsageError: No scene can be done.
        """
        problems = [(item.job.id, item.problem) for item in self.items if item.problem is not None]
        if len(problems) == len(self.items):
            reasons = "".join(f"\n  {name}: {problem.message}" for name, problem in problems[:MAX_SHOWN])
            raise UsageError(
                f"None of {len(problems)} scene(s) can be done; nothing was started.{reasons}\n", problems[0][1].hint
            )
        taken = [item.job.output for item in self.items if item.state.kind == "taken"]
        if taken:
            raise OutputError(
                f"{len(taken)} output(s) exist and are not of this batch; nothing was started: {listed(taken)}.",
                "Choose another folder, or allow overwriting (--overwrite).",
            )


def make(
    given: Sequence[str],
    wishes: Wishes,
    converters: Mapping[str, job_file.Convert],
    manifest: Manifest,
    said: Said,
) -> Plan:
    """Plans a batch.

    Args:
        given: Job files, folders and patterns.
        wishes: What holds for all scenes.
        converters: What makes values of a job file's cells, by column.
        manifest: Of the results' folder.
        said: Hears how far it is; may raise to stop it.

    Raises:
        UsageError: Something is wrong that keeps the batch from being started at all.
        ModelError: There is no such generator.
        DeviceError: There is no such device.
    """
    method = wishes.fields.get("method", "generator")
    find_device(wishes.fields.get("device", "auto"))
    if method == "generator":
        known_model(wishes.fields.get("model", "default"))
    _check_mask(wishes.mask)
    shelf = Shelf(wishes.folder, wishes.fields, said)
    scenes = shelf.scenes(given, lambda path: job_file.read(path, converters, method, wishes.dates > 0))
    pairs = _Pairs(shelf, wishes, scenes)
    items = [pairs.item(scene) for scene in scenes]
    _check_dates([item.job for item in items], wishes)
    _check_outputs([item.job for item in items])
    manifest.verify([item.job for item in items], said)
    return Plan([_judged(item, scene, manifest) for item, scene in zip(items, scenes, strict=True)], shelf.left_out)


def known_model(model: str) -> str:
    """Gives a generator as it was named, if it is there and has a card.

    Raises:
        ModelError: It is not, or has none.
    """
    path = find_model(model)
    if not Path(path).is_file():
        raise ModelError(f"There is no generator {path}.", "Give the path of a .safetensors file.")
    read_card(path)
    return model


class _Pairs:
    """Makes jobs of scenes.

    Args:
        shelf: Opens what may be paired.
        wishes: What holds for all scenes.
        scenes: All of them.
    """

    def __init__(self, shelf: Shelf, wishes: Wishes, scenes: Sequence[Found]) -> None:
        self._wishes = wishes
        self._sar = shelf.sar(wishes.sar) if wishes.sar else []
        own = [scene.image for scene in scenes if scene.image is not None]
        self._dates: list[Acquisition] = []
        if wishes.dates:
            self._dates = shelf.dates(wishes.dates_from) if wishes.dates_from else own
        named = wishes.mask not in job_file.MASK_WORDS and (
            os.path.isdir(wishes.mask) or sources.is_pattern(wishes.mask)
        )
        self._masks = shelf.masks(wishes.mask, scenes) if named else {}

    def item(self, scene: Found) -> Item:
        """Gives the job of a scene, and why each image was paired with it."""
        fields = {**self._wishes.fields, "mask": self._masks.get(scene.path, self._wishes.mask), **scene.fields}
        chosen: list[Choice] = []
        lacking: list[str] = []
        if scene.image is not None:
            if self._wishes.sar and "sar" not in scene.fields:
                sar = choose_sar(scene.image, self._sar, self._wishes.within_days)
                chosen += [sar] if sar else []
                lacking += [] if sar else [f"no SAR {self._where()}"]
                fields["sar"] = sar.path if sar else None
            count = self._wishes.dates
            if count and "dates" not in scene.fields:
                dates = choose_dates(scene.image, self._dates, count, self._wishes.within_days)
                chosen += dates
                lacking += [] if len(dates) == count else [f"{len(dates)} of {count} dates {self._where()}"]
                fields["dates"] = [date.path for date in dates]
        job = RemoveClouds(scene.name, scene.path, **{**self._outputs(scene), **fields})
        return Item(job, State("new"), {choice.path: choice.why for choice in chosen}, lacking)

    def _where(self) -> str:
        days = self._wishes.within_days
        return "of its place" if days is None else f"of its place within {days} days"

    def _outputs(self, scene: Found) -> dict[str, str | None]:
        stem = self._wishes.folder / scene.name
        return {
            "output": f"{stem}.tif",
            "mask_output": f"{stem}_mask.tif" if self._wishes.mask_out else None,
            "uncertainty_output": f"{stem}_uncertainty.tif" if self._wishes.uncertainty_out else None,
        }


def _check_mask(mask: str) -> None:
    """Raises UsageError if what was named as the mask of all scenes is not there."""
    is_known = mask in job_file.MASK_WORDS or sources.is_pattern(mask) or job_file.is_elsewhere(mask)
    if not is_known and not os.path.exists(mask):
        raise UsageError(
            f"There is no mask {mask}.", "Give auto, all, a file, or a folder of masks named like their scenes."
        )


def _check_dates(jobs: Sequence[RemoveClouds], wishes: Wishes) -> None:
    """Raises UsageError if scenes need other dates, have none and were to get none."""
    lacking = [job for job in jobs if job.method in NEED_DATES and not job.dates]
    if lacking and not wishes.dates:
        raise UsageError(
            f"The method {lacking[0].method} needs other dates of the same place, and {len(lacking)} scene(s) have "
            f"none: {listed([job.optical for job in lacking])}.",
            "Let them be found with --dates N, or name them in a job file.",
        )


def _check_outputs(jobs: Sequence[RemoveClouds]) -> None:
    """Raises UsageError if an output is an input, or one of two jobs."""
    inputs = {os.path.realpath(path) for job in jobs for path in inputs_of(job).values()}
    wrong = []
    first: dict[str, str] = {}
    for job in jobs:
        for path in made_by(job):
            if os.path.realpath(path) in inputs:
                wrong.append(f"{path} is an input")
            if first.setdefault(path.casefold(), job.id) != job.id:
                wrong.append(f"{path} would be of {first[path.casefold()]} and of {job.id}")
    if wrong:
        raise UsageError(
            f"Outputs clash, nothing was started: {listed(wrong)}.",
            "Choose another folder for the outputs, or name them in a job file (columns optical,output).",
        )


def _judged(item: Item, scene: Found, manifest: Manifest) -> Item:
    """Says what is to be done for a scene and what that needs."""
    if scene.optical is None:
        return replace(item, state=State("fails"), problem=scene.problem)
    job = item.job
    try:
        if job.method in NEED_DATES and not job.dates:
            raise InputError(
                f"The method {job.method} needs other dates; found were {', '.join(item.lacking)}.",
                "Give images of more days (--dates-from), or more days between them (--within).",
            )
        opened = _unread(scene.optical, job)
        measured = replace(item, pixels=opened.area.height * opened.area.width, disk_bytes=disk_bytes(opened, job))
        state = manifest.state(job)
    except (InputError, UsageError) as error:
        return replace(item, state=State("fails"), problem=error)
    except OSError as error:
        problem = InputError(f"{error.filename} cannot be read: {error.strerror}.", "See that it is there and allowed.")
        return replace(item, state=State("fails"), problem=problem)
    if state.kind == "taken" and job.overwrite:
        state = State("redo", f"replaces a file: {state.reason}")
    return replace(measured, job=replace(job, overwrite=state.kind == "redo"), state=state)


def _unread(optical: Optical, job: RemoveClouds) -> Scene:
    """Gives a scene of which only the size is right: enough to reckon what its files need.

    Raises:
        InputError: The area that is wanted lies outside.
        UsageError: It is no area.
    """
    grid = optical.raster.grid
    count = len(job.dates)
    return Scene(optical, grid, area_of(grid, job.bbox), None, 0.0, (optical,) * count, (0.0,) * count)
