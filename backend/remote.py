"""A job whose passes run elsewhere, and what scenes that run elsewhere have to say."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from .errors import BackendError, Cancelled, UncloudedError
from .inference import Generator
from .portions import Check, Surveyed, Terms, cut_survey, cut_tiles
from .protocol import Log, Message, Progress, RemoveClouds, decode
from .reconstruction import RenderedBlock, open_generator
from .removal import Pace
from .reporting import Reporter
from .results import Rendered
from .scene import Log as Say
from .scene import Scene
from .survey import Part, Pass
from .tile_reader import TilePlan


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
        crew: Does the portions.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

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
            pace.made(len(block.windows), made.clouded, made.seconds, self._crew.size)

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
