"""The passes over a scene cut into portions that any process can do: on the same files, with the same generator."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from .card import read_card
from .errors import UncloudedError
from .findings import PackedMask, excerpt, pack_mask
from .inference import load_generator
from .installed import find_model
from .methods import find_method
from .products import split_day
from .protocol import Done, Failed, RemoveClouds, failure
from .reconstruction import Block
from .removal import remove
from .reporting import Reporter
from .survey import Part, Pass
from .tile_reader import TilePlan
from .tiling import Window, bounds
from .version import VERSION

SURVEY_WINDOWS = 4
"""Windows of the survey in one portion."""
BLOCK_PX = 1 << 20
"""Pixels of tiles in one portion, context apart: about 30 MB come back for 13 bands of 16 bits."""

Check = Callable[[], None]
"""Raises Cancelled when nobody wants a portion any more."""


@dataclass(frozen=True)
class Surveyed:
    """What a portion of the survey found."""

    parts: list[Part]
    said: list[tuple[str, str]]
    """Level and sentence: the same in every portion of a pass."""


@dataclass(frozen=True)
class SurveyPortion:
    """Some windows of a pass of the survey."""

    reading: Pass
    """Without its mask."""
    windows: tuple[Window, ...]
    mask: PackedMask | None

    def run(self, check: Check) -> Surveyed:
        """Reads the windows.

        Raises:
            UncloudedError: An image cannot be read any more.
        """
        parts, said = [], []
        with contextlib.ExitStack() as stack:
            mask = stack.enter_context(self.mask.opened(self.reading.scene.grid)) if self.mask else None
            reading = replace(self.reading, mask=mask)
            for part in reading.read(self.windows, lambda level, text: said.append((level, text))):
                check()
                parts.append(part)
        return Surveyed(parts, said)


def cut_survey(reading: Pass) -> Iterator[SurveyPortion]:
    """Cuts a pass of the survey, in order."""
    windows = reading.windows()
    for i in range(0, len(windows), SURVEY_WINDOWS):
        chosen = tuple(windows[i : i + SURVEY_WINDOWS])
        mask = pack_mask(reading.mask, reading.scene.grid, bounds(chosen)) if reading.mask else None
        yield SurveyPortion(replace(reading, mask=None), chosen, mask)


def cut_tiles(job: RemoveClouds, plan: TilePlan, batch_size: int) -> Iterator[Block]:
    """Cuts the tiles of a job into blocks, in order; whole batches, so that those are the same as without cutting."""
    windows = plan.windows()
    batches = max(BLOCK_PX // plan.method.tile_px**2 // batch_size, 1)
    count = batches * batch_size
    for i in range(0, len(windows), count):
        chosen = tuple(windows[i : i + count])
        yield Block(job, plan.scene, chosen, excerpt(plan.found, plan.scene.grid, plan.context(chosen)))


@dataclass(frozen=True)
class SceneJob:
    """A whole job."""

    job: RemoveClouds

    def run(self, report: Reporter) -> Done | Failed:
        """Runs the job as on one machine; an error of it is an outcome."""
        try:
            return remove(self.job, report)
        except UncloudedError as error:
            return failure(self.job.id, error)
        except Exception as error:  # noqa: BLE001 - the border of the process: a bug ends the scene, not the others
            traceback.print_exc()
            hint = "This is a fault of the program: please report it with the worker's log."
            return Failed(self.job.id, "internal", f"Unexpected {type(error).__name__}: {error}.", hint)


@dataclass(frozen=True)
class Terms:
    """What a process must have to take a part in a run; what it has is the same with its own values."""

    version: str
    generators: tuple[tuple[str, str], ...] = ()
    """Name or path, and SHA-256 of the weights."""
    device: str = field(default="cpu", compare=False)
    batch_size: int = field(default=1, compare=False)
    """Of the generator on the device."""
    instructions: str = field(default="", compare=False)
    """That the processor has and torch uses."""
    threads: int = field(default=1, compare=False)
    """That torch uses."""


def terms_of(jobs: list[RemoveClouds]) -> Terms:
    """Gives what this process has for some jobs: loads their generators.

    Raises:
        ModelError: One of them is not here.
        DeviceError: The device does not exist here.
    """
    loaded = {job.model: load_generator(job.model, job.device) for job in jobs if job.method == "generator"}
    methods = [find_method(job.method, 1) for job in jobs if job.method != "generator"]
    sizes = [method.batch_size for method in methods] + [generator.batch_size for generator in loaded.values()]
    batch_size = max(sizes)
    if not loaded:
        return Terms(VERSION, batch_size=batch_size)
    import torch

    return Terms(
        VERSION,
        tuple((model, generator.card.sha256) for model, generator in loaded.items()),
        next(iter(loaded.values())).device.type,
        batch_size,
        torch.backends.cpu.get_cpu_capability(),
        torch.get_num_threads(),
    )


def sha256_of(model: str) -> str:
    """Gives the hash of a generator's weights, by its card.

    Raises:
        ModelError: There is no such generator, or its card is damaged.
    """
    return read_card(find_model(model)).sha256


def with_whole_paths(job: RemoveClouds) -> RemoveClouds:
    """Gives the same job for a process with another current folder; what is no file here stays as it is."""
    return replace(
        job,
        optical=_whole(job.optical),
        output=str(Path(job.output).absolute()),
        sar=_whole(job.sar) if job.sar else None,
        dates=[_whole_date(date) for date in job.dates],
        mask=_whole(job.mask),
        model=_whole(job.model) if Path(job.model).suffix else job.model,
        mask_output=str(Path(job.mask_output).absolute()) if job.mask_output else None,
        uncertainty_output=str(Path(job.uncertainty_output).absolute()) if job.uncertainty_output else None,
    )


Outcome = TypeVar("Outcome", Done, Done | Failed)


def as_asked(outcome: Outcome, job: RemoveClouds) -> Outcome:
    """Gives an outcome with the names that the job was given."""
    if isinstance(outcome, Failed):
        return outcome
    return replace(outcome, output=job.output, mask_output=job.mask_output, uncertainty_output=job.uncertainty_output)


def _whole(path: str) -> str:
    if path in ("auto", "all"):
        return path
    return str(Path(path).absolute()) if Path(path).exists() else path


def _whole_date(spec: str) -> str:
    path, day = split_day(spec)
    return _whole(path) + (f"@{day}" if day else "")
