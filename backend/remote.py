"""A job whose passes run elsewhere, and what scenes that run elsewhere have to say."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property, partial
from importlib.util import find_spec
from typing import Any, Protocol

from .errors import BackendError, Cancelled, UncloudedError, UsageError
from .inference import Generator
from .memory import keep_freed
from .portions import Check, Surveyed, Terms, cut_survey, cut_tiles, terms_of
from .protocol import Log, Message, Progress, RemoveClouds, decode
from .reconstruction import RenderedBlock, open_generator
from .removal import Pace
from .reporting import Reporter
from .results import Rendered
from .scene import Log as Say
from .scene import Scene
from .survey import Part, Pass
from .tile_reader import TilePlan

DEAF_TO_CTRL_C = ["import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"]
"""What local workers run first: a terminal tells them too, and their run ends them when it is told."""


class Crew(Protocol):
    """Processes that work together."""

    batch_size: int
    """Windows that their generators take together."""

    @property
    def size(self) -> int:
        """How many they are."""
        ...

    def run(self, work: Iterable[Any], in_order: bool) -> Iterator[tuple[Any, Any]]:
        """Yields each piece of work with its outcome, an UncloudedError being one too."""
        ...


class RemoteEngine:
    """Where the passes over a scene run (see removal.Engine): a crew.

    Args:
        gather: Gives who does the portions, when the first of them is ready.
    """

    def __init__(self, gather: Callable[[], Crew]) -> None:
        self._gather = gather

    @cached_property
    def _crew(self) -> Crew:
        return self._gather()

    def open_generator(self, job: RemoveClouds, scene: Scene) -> Generator | None:
        """Loads the generator as far as the plan needs it: the workers have the device."""
        return open_generator(replace(job, device="cpu"), scene)

    def read(self, reading: Pass, log: Say) -> Iterator[Part]:
        """Surveys some windows in each task."""
        heard: set[tuple[str, str]] = set()
        for _, surveyed in self._outcomes(cut_survey(reading), Surveyed):
            for sentence in surveyed.said:
                if sentence not in heard:
                    log(*sentence)
                    heard.add(sentence)
            yield from surveyed.parts

    def render(self, job: RemoveClouds, plan: TilePlan, pace: Pace) -> Iterator[Callable[[], Rendered]]:
        """Reconstructs a block of tiles in each task."""
        for block, made in self._outcomes(cut_tiles(job, plan, self._crew.batch_size), RenderedBlock):
            for tile in made.tiles:
                yield partial(_itself, tile)
            pace.made(len(block.windows), made.seconds, self._crew.size)

    def _outcomes(self, work: Iterable[Any], kind: type) -> Iterator[tuple[Any, Any]]:
        for portion, outcome in self._crew.run(work, in_order=True):
            if isinstance(outcome, UncloudedError):
                raise outcome
            if not isinstance(outcome, kind):
                raise TypeError(f"A task gave {type(outcome).__name__}, not {kind.__name__}.")
            yield portion, outcome


def _itself(tile: Rendered) -> Rendered:
    return tile


class Hearing:
    """What jobs elsewhere say, passed on in the thread that listens.

    Args:
        report: Of which theirs are parts.
    """

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reporters: dict[str, Reporter] = {}

    def take(self, line: str) -> None:
        """Takes an encoded event, in any thread."""
        self._lines.put(line)

    def pass_on(self) -> None:
        """Says what was taken.

        Raises:
            Cancelled: The jobs were given up.
        """
        with contextlib.suppress(queue.Empty):
            while True:
                self._say(decode(self._lines.get_nowait()))

    def _say(self, event: Message) -> None:
        if not isinstance(event, (Log, Progress)):
            return
        report = self._reporters.setdefault(event.id, self._report.of_job(event.id))
        if isinstance(event, Log):
            report.log(event.level, event.text)
        else:
            report.progress(event.fraction, event.stage)


def is_given_up(check: Check) -> bool:
    """Whether nobody wants a portion any more."""
    try:
        check()
    except Cancelled:
        return True
    return False


def refusal_of(worker: str, answer: Any, terms: Terms) -> BackendError:
    """Words why a worker cannot take part.

    Args:
        worker: Its name and address.
        answer: Its version, its terms, or an exception.
        terms: What it must have.
    """
    if isinstance(answer, ModuleNotFoundError):
        message, hint = f"has no Unclouded ({answer})", f"Install version {terms.version} into its environment"
    elif isinstance(answer, str):
        message = f"has Unclouded {answer}, this machine {terms.version}"
        hint = "Install the same version on both"
    elif isinstance(answer, UncloudedError):
        message, hint = f"cannot do it: {answer.message.rstrip('.')}", answer.hint.rstrip(".")
    elif isinstance(answer, Terms):
        own, theirs = dict(terms.generators), dict(answer.generators)
        name = next(name for name in own if theirs[name] != own[name])
        message = f"has another generator {name!r}: SHA-256 {theirs[name][:12]}, not {own[name][:12]}"
        hint = "Copy this machine's file there, or give one on shared storage with --model"
    else:
        message, hint = f"does not answer as expected ({type(answer).__name__}: {answer})", "See its log"
    return BackendError(f"The worker {worker} is left out, since it {message}.", f"{hint}.")


class Unreachable(BackendError):
    """There is no scheduler at an address."""

    def __init__(self, address: str, error: Exception) -> None:
        super().__init__(
            f"The scheduler {address} cannot be reached: {str(error) or 'it does not answer'}.",
            "See that `dask scheduler` runs there and that its port is open; `local:2` starts workers here.",
        )


class SchedulerLost(BackendError):
    """A scheduler that was there does not answer any more."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"The connection to the scheduler {address} broke.", "Start the cluster and run the job again."
        )


class NobodyCame(BackendError):
    """A cluster has no workers."""

    def __init__(self, address: str, seconds: float) -> None:
        super().__init__(
            f"The cluster {address} has had no worker for {seconds:.0f} s.", f"Start workers: dask worker {address}"
        )


class WorkersDied(BackendError):
    """A task whose workers have died with it."""

    def __init__(self, times: int) -> None:
        super().__init__(
            f"A task has ended its workers {times} times or more.",
            "Most likely memory did not suffice: give each worker more (--memory-limit), or start fewer of them.",
        )
        self.times = times


def difference_of(crew: list[Terms]) -> str | None:
    """Words why the pixels of a crew may not be those of one machine."""
    kinds = {f"{terms.device} {terms.instructions}".strip() for terms in crew}
    odd = [terms.threads for terms in crew if terms.device == "cpu" and terms.threads & (terms.threads - 1)]
    if odd:
        reason = f"reckons with {odd[0]} threads, no power of two"
    elif len(kinds) > 1:
        reason = f"is of another kind than the others: {', '.join(sorted(kinds))}"
    else:
        return None
    return f"Pixels may differ by one digital number from those of one machine: a worker {reason}."


def gdal_options() -> dict[str, str]:
    """Gives what this process sets for GDAL: a worker that sets nothing would have a cache of a share of all memory."""
    return {name: os.environ[name] for name in ("GDAL_CACHEMAX", "GDAL_NUM_THREADS") if name in os.environ}


def local_shares(address: str) -> list[dict[str, str]]:
    """Gives the environment of each worker on this machine: a GPU of its own, or its share of the cores.

    Threads are a power of two: with others, sums of the network come out differently.

    Args:
        address: `local` or `local:N`.

    Raises:
        UsageError: It is another.
    """
    number = address.partition(":")[2]
    if address != "local" and not (number.isdecimal() and int(number)):
        raise UsageError(
            f"{address!r} is no cluster.", "Give local, local:4 or the address of a scheduler: tcp://HOST:8786."
        )
    gpus = _gpus()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = int(number) if number else len(gpus) or max(cores // 2, 1)
    threads = 1 << (max(cores // count, 1).bit_length() - 1)
    shares = []
    for i in range(count):
        share = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        shares.append(share | ({"CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]} if gpus else {}))
    return shares


def _gpus() -> list[str]:
    """Gives the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return chosen.split(",")[:count] if chosen else [str(i) for i in range(count)]


def version_asker() -> Callable[[], str]:
    """Gives a function that goes to a worker as code, since the package there may be another or none."""

    def version() -> str:
        import importlib

        found: str = importlib.import_module("unclouded.backend.version").VERSION
        return found

    return version


def answer_of(
    ask: Callable[[Callable[..., Any]], Any], jobs: list[RemoveClouds], terms: Terms, wear: Callable[..., Any]
) -> Any:
    """Asks a worker what it has, and gives it a badge if that is what the jobs need.

    Args:
        ask: Runs a function on the worker and gives what it gives, an exception being an answer, too.
        jobs: From which it learns what it needs.
        terms: What it must have.
        wear: Gives it its badge.

    Returns:
        Terms that are equal to those it must have if it takes part; else what it answered.
    """
    try:
        answer = ask(version_asker())
        if answer == terms.version:
            answer = ask(partial(show_terms, jobs, gdal_options()))
        return (ask(wear) or answer) if isinstance(answer, Terms) and answer == terms else answer
    except Exception as error:  # noqa: BLE001 - an answer, too
        return error


async def show_terms(jobs: list[RemoveClouds], gdal: dict[str, str]) -> Terms:
    """Runs on a worker: gives what it has; loads the generator, which stays loaded."""
    os.environ.update({name: value for name, value in gdal.items() if name not in os.environ})
    keep_freed()
    return await asyncio.to_thread(terms_of, jobs)


def check_libraries() -> None:
    """Raises BackendError if Dask is not installed; the hint is the command that does it."""
    if find_spec("distributed") is None:
        raise BackendError(
            "Clusters need a library that is not installed here: distributed.",
            f'Install it: {sys.executable} -m pip install "distributed>=2026.1" "bokeh>=3.1"',
        )
