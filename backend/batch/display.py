"""What the command `batch` prints: tables and bars for people, or JSON lines for programs."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from .. import protocol, verdict
from ..console import plain_console, progress_bars
from ..errors import UncloudedError
from .plan import Item, Plan
from .report import counted
from .run import WHOLE, Result
from .scenes import Said, listed

COLOURS = {"new": "", "finished": "green", "redo": "yellow", "fails": "red", "taken": "red"}


class Lines:
    """Prints everything as JSON lines.

    `Progress` without id while it plans, `Planned` for each scene, the events of the jobs, `Summary` at the end.
    """

    def planned(self, plan: Plan, folder: Path, is_dry: bool) -> None:
        """Prints what is going to be done."""
        for item in plan.items:
            job = item.job
            told: dict[str, Any] = {"id": job.id, "state": item.state.kind, "reason": _reason(item)}
            told |= {"optical": job.optical, "sar": job.sar, "dates": job.dates, "paired": dict(item.paired)}
            told["lacking"] = list(item.lacking)
            _print_json("Planned", told | {"output": job.output, "pixels": item.pixels, "disk_bytes": item.disk_bytes})

    @contextlib.contextmanager
    def planning(self) -> Iterator[Said]:
        """Gives what prints how far the planning is."""
        last: protocol.Progress | None = None

        def say(text: str, share: float) -> None:
            nonlocal last
            now = protocol.Progress(WHOLE, round(share, 2), text)
            if now != last:
                _print_event(now)
            last = now

        yield say

    @contextlib.contextmanager
    def running(self, plan: Plan) -> Iterator[Callable[[protocol.Message], None]]:
        """Gives what prints the events of all jobs."""
        yield _print_event

    def ended(self, results: Sequence[Result], report: str) -> None:
        """Prints what became of the scenes, and where the report is."""
        for result in results:
            if result.item.problem is not None:
                _print_event(protocol.failure(result.item.job.id, result.item.problem))
        states = [result.state for result in results]
        _print_json("Summary", {**{state: states.count(state) for state in sorted(set(states))}, "report": report})

    def failed(self, error: UncloudedError) -> None:
        """Prints what keeps the batch from its end."""
        _print_event(protocol.failure(WHOLE, error))


class Screen:
    """Prints for people, on standard error; the plan of a dry run on standard output."""

    def __init__(self) -> None:
        self._console = plain_console(stderr=True)

    @contextlib.contextmanager
    def planning(self) -> Iterator[Said]:
        """Gives what prints how far the planning is."""
        with progress_bars(self._console, transient=True) as bars:
            task = bars.add_task("planning", total=1.0)
            yield lambda text, share: bars.update(task, completed=share, description=text)

    def planned(self, plan: Plan, folder: Path, is_dry: bool) -> None:
        """Prints what is going to be done."""
        console = plain_console() if is_dry else self._console
        if is_dry:
            console.print(_table(plan.items, folder))
            for item in filter(lambda item: item.problem, plan.items):
                console.print(f"[red]Fails:[/] {escape(item.job.id)}: {escape(_reason(item))}", soft_wrap=True)
        else:
            for item in plan.items:
                if item.state.kind == "redo":
                    console.print(f"{escape(item.job.id)} again: {escape(item.state.reason)}", soft_wrap=True)
        for why in dict.fromkeys(plan.left_out.values()):
            paths = [path for path, reason in plan.left_out.items() if reason == why]
            console.print(f"Left out, {escape(why)}: {escape(listed(paths))}", soft_wrap=True, style="dim")
        console.print(_total(plan.items, folder), soft_wrap=True)

    @contextlib.contextmanager
    def running(self, plan: Plan) -> Iterator[Callable[[protocol.Message], None]]:
        """Gives what prints the events of all jobs."""
        with progress_bars(self._console, transient=True) as bars:
            yield _Hearing(bars, sum(item.is_due for item in plan.items)).hear

    def ended(self, results: Sequence[Result], report: str) -> None:
        """Prints what became of the scenes, and where the report is."""
        for result in results:
            if result.state == "failed":
                words = f"[red]Failed:[/] {escape(result.item.job.id)}: {escape(result.reason)} {escape(result.hint)}"
                self._console.print(words, soft_wrap=True)
        self._console.print(f"{len(results)} scenes: {counted(results)}.", soft_wrap=True)
        self._console.print(f"Report: {escape(report)}", soft_wrap=True)

    def failed(self, error: UncloudedError) -> None:
        """Prints what keeps the batch from its end."""
        self._console.print(f"[red]Error:[/] {escape(error.message)} {escape(error.hint)}", soft_wrap=True)


class _Hearing:
    """Turns the events of all jobs into two bars: of the batch, and of the scene that spoke last."""

    def __init__(self, bars: Progress, count: int) -> None:
        self._bars = bars
        self._count = count
        self._running: dict[str, float] = {}
        self._ended = 0
        self._all = bars.add_task(f"0 of {count}", total=max(count, 1))
        self._scene = bars.add_task("starting", total=1.0)

    def hear(self, event: protocol.Message) -> None:
        if isinstance(event, protocol.Log) and event.id == WHOLE:
            self._bars.console.print(escape(event.text), soft_wrap=True)
        elif isinstance(event, protocol.Progress) and event.id != WHOLE:
            self._running[event.id] = event.fraction
            words = f"{event.id}: {event.stage}"
            self._bars.update(self._scene, completed=event.fraction, description=words)
        elif isinstance(event, protocol.Log) and event.level == "warning":
            words = f"{escape(event.id)}: [yellow]Warning:[/] {escape(event.text)}"
            self._bars.console.print(words, soft_wrap=True)
        elif isinstance(event, (protocol.Done, protocol.Failed)):
            self._end(event)
        done = self._ended + sum(self._running.values())
        self._bars.update(self._all, completed=done, description=f"{self._ended} of {self._count}")

    def _end(self, event: protocol.Done | protocol.Failed) -> None:
        self._running.pop(event.id, None)
        self._ended += 1
        if isinstance(event, protocol.Done):
            words = verdict.sentence(event.quality) if event.quality else ""
            self._bars.console.print(f"{escape(event.id)}: {escape(words)}", soft_wrap=True)
        else:
            self._bars.console.print(f"{escape(event.id)}: [red]failed:[/] {escape(event.message)}", soft_wrap=True)


def _table(items: Sequence[Item], folder: Path) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for title in ("scene", "state", "SAR, dates", "output", "Mpx"):
        table.add_column(title, overflow="fold", justify="right" if title == "Mpx" else "left")
    for item in items:
        job, colour = item.job, COLOURS[item.state.kind]
        state = f"{item.state.kind}: {item.state.reason}" if item.state.reason else item.state.kind
        paths = [*([job.sar] if job.sar else []), *job.dates]
        others = [f"{Path(path).name} ({item.paired.get(path, 'as named')})" for path in paths]
        output = Path(job.output).relative_to(folder).as_posix()
        table.add_row(
            escape(Path(job.optical).name),
            f"[{colour}]{escape(state)}[/]" if colour else escape(state),
            escape("\n".join([*others, *item.lacking])),
            escape(output),
            f"{item.pixels / 1e6:.1f}" if item.pixels else "",
        )
    return table


def _reason(item: Item) -> str:
    return item.problem.message if item.problem else item.state.reason


def _total(items: Sequence[Item], folder: Path) -> str:
    due = [item for item in items if item.is_due]
    kinds = [item.state.kind for item in items]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in COLOURS if kind in kinds)
    pixels, needed = sum(item.pixels for item in due), sum(item.disk_bytes for item in due)
    there = next(place for place in (folder.resolve(), *folder.resolve().parents) if place.exists())
    free = shutil.disk_usage(there).free
    room = f"up to {needed / 1e9:.2f} GB of disk, {free / 1e9:.0f} GB are free"
    warning = " [yellow]That may not suffice.[/]" if free < needed else ""
    return f"{len(items)} scenes: {counts}. To do: {pixels / 1e6:.1f} megapixels, {room}.{warning}"


def _print_event(event: protocol.Message) -> None:
    print(protocol.encode(event), flush=True)  # noqa: T201 - what --json asks for


def _print_json(kind: str, fields: dict[str, Any]) -> None:
    print(json.dumps({"type": kind, **fields}, allow_nan=False), flush=True)  # noqa: T201 - what --json asks for
