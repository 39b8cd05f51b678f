"""Runs a plan: scene after scene, or many at a time on a cluster; what is done is noted at once."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from filelock import Timeout

from .. import jobs
from ..errors import Cancelled, OutputError, UncloudedError
from ..outputs import hold
from ..protocol import Done, Failed, Log, Message, RemoveClouds, failure
from ..reporting import Reporter
from .manifest import NAME, Manifest
from .plan import Item, Plan

LOCK = ".unclouded-batch.lock"
WHOLE = ""
"""Id of what is said of the batch, not of a scene."""
Runner = Callable[[Sequence[RemoveClouds], Reporter], Iterator[Done | Failed]]
"""Yields the outcome of each job, in the order in which they end."""


@dataclass(frozen=True)
class Result:
    """What became of a scene."""

    item: Item
    state: Literal["done", "finished", "failed", "not done"]
    """`finished` is that of an earlier run."""
    seconds: float | None = None
    cloud_fraction: float | None = None
    quality: dict[str, float] | None = None
    reason: str = ""
    hint: str = ""
    warnings: Sequence[str] = ()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other batches out of a folder, which is made if need be; a killed process lets go of it.

    Nothing is left of it where no batch was begun.

    Raises:
        OutputError: Another batch works on it, or it cannot be written.
    """
    made = [place for place in (folder, *folder.parents) if not os.path.exists(place)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = hold(folder / LOCK)
    except Timeout as error:
        raise OutputError(
            f"Another batch is at work on {folder}.", "Wait for its end, or choose another folder for this one."
        ) from error
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be written: {error.strerror}.", "Choose another folder."
        ) from error
    try:
        yield
    finally:
        if os.name == "nt":
            lock.release()  # a file that is open cannot be removed there
        with contextlib.suppress(OSError):  # other things are in it
            if not (folder / NAME).exists():
                (folder / LOCK).unlink()
                for place in made:
                    place.rmdir()
        lock.release()


def in_turn(wanted: Sequence[RemoveClouds], report: Reporter) -> Iterator[Done | Failed]:
    """Runs jobs in this process, one after another.

    Raises:
        Cancelled: The batch was given up; nothing is left of the job that ran.
    """
    for job in wanted:
        report.check_cancelled()
        try:
            yield jobs.run(job, report.of_job(job.id))
        except Cancelled:
            raise
        except UncloudedError as error:
            yield failure(job.id, error)
        except Exception as error:  # noqa: BLE001 - a bug ends the scene, not the batch
            traceback.print_exc()
            hint = "This is a fault of the program: please report it with the lines above."
            yield Failed(job.id, "internal", f"Unexpected {type(error).__name__}: {error}.", hint)


class Run:
    """A plan at work.

    Args:
        plan: What is to be done.
        manifest: Notes what is done.
        emit: Takes the events of all jobs, and the outcome of each.
        cancelled: Tells whether the batch was given up.
    """

    def __init__(
        self, plan: Plan, manifest: Manifest, emit: Callable[[Message], None], cancelled: Callable[[], bool]
    ) -> None:
        self._plan = plan
        self._manifest = manifest
        self._emit = emit
        self._report = Reporter(WHOLE, self._hear, cancelled)
        self._began: dict[str, float] = {}
        self._warnings: defaultdict[str, list[str]] = defaultdict(list)
        self._ended: dict[str, Result] = {}

    def go(self, runner: Runner) -> None:
        """Does what is due.

        Raises:
            Cancelled: The batch was given up; results() says what is done.
            UncloudedError: It cannot go on, as when what is done cannot be noted.
        """
        due = {item.job.id: item for item in self._plan.items if item.is_due}
        self._manifest.begin([item.job for item in due.values()])
        for item in due.values():
            _make_folder(Path(item.job.output).parent)
        for outcome in runner([item.job for item in due.values()], self._report):
            if isinstance(outcome, Failed) and outcome.code == Cancelled.code:
                raise Cancelled
            self._end(due[outcome.id], outcome)

    def results(self) -> list[Result]:
        """Gives what has become of each scene so far, in the order of the plan."""
        return [self._ended.get(item.job.id) or self._untouched(item) for item in self._plan.items]

    def _hear(self, event: Message) -> None:
        self._began.setdefault(getattr(event, "id", ""), time.monotonic())
        if isinstance(event, Log) and event.level == "warning":
            self._warnings[event.id].append(event.text)
        self._emit(event)

    def _end(self, item: Item, outcome: Done | Failed) -> None:
        seconds = time.monotonic() - self._began.get(outcome.id, time.monotonic())
        warnings = self._warnings[outcome.id]
        if isinstance(outcome, Done):
            try:
                self._manifest.finish(item.job, outcome, seconds, warnings)
            except OSError as error:
                outcome = Failed(outcome.id, "output", f"{error.filename}: {error.strerror}.", "Run the batch again.")
        result = Result(item, "failed", seconds, warnings=warnings)
        if isinstance(outcome, Done):
            result = replace(result, state="done", cloud_fraction=outcome.cloud_fraction, quality=outcome.quality)
        else:
            result = replace(result, reason=outcome.message, hint=outcome.hint)
        self._ended[outcome.id] = result
        self._emit(outcome)

    def _untouched(self, item: Item) -> Result:
        if item.problem is not None:
            return Result(item, "failed", reason=item.problem.message, hint=item.problem.hint)
        if item.state.kind == "finished":
            entry = self._manifest.entries[item.job.id]
            told = entry.seconds, entry.cloud_fraction, entry.quality
            return Result(item, "finished", *told, warnings=entry.warnings)
        return Result(item, "not done")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror}.", "Choose another folder.") from error
