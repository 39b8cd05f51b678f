"""What the command line prints: a progress bar and sentences for people, or JSON lines for programs."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from . import protocol, verdict
from .errors import UncloudedError
from .version import VERSION

if TYPE_CHECKING:
    from .proof import Proof

INTERNAL_EXIT_CODE = 1


def run_job(job: protocol.Job, as_json: bool, heard: Callable[[protocol.Message], None] = lambda _: None) -> int:
    """Runs a job and prints what happens.

    Args:
        job: What to do.
        as_json: Print each event as a line of JSON.
        heard: Takes each event too, unless as_json.

    Returns:
        The exit code, see errors.py.
    """
    if isinstance(job, protocol.TrainGenerator) and _rank():
        return _run_unheard(job)
    return _run_json(job) if as_json else _run_rich(job, heard)


def _rank() -> int:
    """Gives the place of this process among those that train together, as whoever started them says: 0 is the first."""
    told = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return int(next(filter(None, told), 0))


def _run_unheard(job: protocol.Job) -> int:
    """Runs one of several processes that train together: the first speaks for all, but nobody else knows its errors."""
    event, code = _finish(job, lambda _: None)
    if isinstance(event, protocol.Failed) and event.code != "cancelled":
        plain_console(stderr=True).print(
            f"[red]Error in process {_rank()}:[/] {escape(event.message)} {escape(event.hint)}", soft_wrap=True
        )
    return code


def _run_json(job: protocol.Job) -> int:
    event, code = _finish(job, _print_json)
    _print_json(event)
    return code


def _print_json(event: protocol.Message) -> None:
    print(protocol.encode(event), flush=True)  # noqa: T201 - the output that --json asks for


def _run_rich(job: protocol.Job, heard: Callable[[protocol.Message], None]) -> int:
    console = plain_console(stderr=True)
    with _shown(console) as show:

        def hear(event: protocol.Message) -> None:
            show(event)
            heard(event)

        event, code = _finish(job, hear)
    if isinstance(event, protocol.Failed):
        console.print(f"[red]Error:[/] {escape(event.message)} {escape(event.hint)}", soft_wrap=True)
    elif isinstance(event, protocol.Done):
        for path in filter(None, (event.output, event.mask_output, event.uncertainty_output, event.error_output)):
            console.print(f"Wrote {escape(path)}", soft_wrap=True)
        if event.quality:
            console.print(verdict.sentence(event.quality), soft_wrap=True)
    return code


def plain_console(stderr: bool = False) -> Console:
    """Gives what prints on standard output, or on standard error: names as they are, without colours or :emoji:."""
    return Console(stderr=stderr, highlight=False, emoji=False)


def progress_bars(console: Console, transient: bool = False) -> Progress:
    """Gives bars whose descriptions are no markup."""
    words = TextColumn("{task.description}", markup=False)
    columns = words, BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=transient)


@contextlib.contextmanager
def _shown(console: Console) -> Iterator[Callable[[protocol.Message], None]]:
    """Gives a function that shows events with a progress bar, and losses below it."""
    bar, curves = progress_bars(console), _Curves()
    task = bar.add_task("starting", total=1.0)
    with Live(Group(bar, curves), console=console, transient=True):

        def show(event: protocol.Message) -> None:
            if isinstance(event, protocol.Progress):
                bar.update(task, completed=event.fraction, description=event.stage)
            elif isinstance(event, protocol.Log):
                warning = "[yellow]Warning:[/] " if event.level == "warning" else ""
                console.print(warning + escape(event.text), soft_wrap=True)
            elif isinstance(event, protocol.Estimate):
                size_mb = event.disk_bytes / 1e6
                console.print(f"About {_duration(event.seconds)} left; needs up to {size_mb:.0f} MB of disk.")
            elif isinstance(event, protocol.Losses):
                curves.add(event)

        yield show


class _Curves:
    """The losses of a training as a table: now, and at their least."""

    def __init__(self) -> None:
        self._now = protocol.Losses("", 0, {})
        self._least: dict[str, float] = {}

    def add(self, losses: protocol.Losses) -> None:
        """Takes the losses of another epoch."""
        self._now = losses
        self._least.update({name: min(value, self._least.get(name, value)) for name, value in losses.values.items()})

    def __rich__(self) -> Table:
        table = Table(box=None, show_header=bool(self._now.values))
        for title in (f"epoch {self._now.epoch}", "now", "least"):
            table.add_column(title, justify="left" if title.startswith("epoch") else "right")
        for name, value in self._now.values.items():
            table.add_row(escape(name), f"{value:.4g}", f"{self._least[name]:.4g}")
        return table


def show_recipes() -> None:
    """Prints the recipes that come with the program."""
    from .training.recipe import recipes

    table = Table(show_header=False, box=None)
    for name, title in recipes().items():
        table.add_row(name, title)
    console = plain_console()
    console.print(table)
    console.print("Start one with:  unclouded train RECIPE")


def run_export(checkpoint: str, output: str, overwrite: bool) -> int:
    """Writes the generator of a training's checkpoint and says what it is.

    Returns:
        The exit code, see errors.py.
    """
    from .jobs import check_training_libraries

    console = plain_console(stderr=True)
    try:
        check_training_libraries()
        from .training.export import export_checkpoint

        card = export_checkpoint(checkpoint, output, overwrite)
    except UncloudedError as error:
        console.print(f"[red]Error:[/] {escape(str(error))}", soft_wrap=True)
        return error.exit_code
    console.print(f"Wrote {escape(output)}: {escape(card.name)} {card.version}, {escape(card.title)}", soft_wrap=True)
    return 0


def run_demo(folder: str, optical: str | None, sar: str | None) -> int:
    """Removes clouds from a synthetic scene, or from an own image, and says where the results and their picture are.

    Returns:
        The exit code, see errors.py.
    """
    from . import demo
    from .removal import remove
    from .reporting import Reporter

    console = plain_console(stderr=True)

    def run(job: protocol.RemoveClouds) -> None:
        with _shown(console) as show:
            remove(job, Reporter(job.id, show))

    try:
        place = Path(folder)
        if optical is not None:
            demo.run_own(place, optical, sar, run)
        else:
            console.print("Making a synthetic scene of 1024 x 1024 px")
            demo.make_scene(place)
            console.print(demo.as_table(demo.run(place, run, console.print)))
            console.print(escape(demo.OWN_IMAGE.format(command=sys.argv[0])), soft_wrap=True)
    except UncloudedError as error:
        console.print(f"[red]Error:[/] {escape(str(error))}", soft_wrap=True)
        return error.exit_code
    console.print(
        f"Results: {escape(str(place.resolve()))}\nPicture: {escape(str(place.resolve() / 'quicklook.png'))}",
        soft_wrap=True,
    )
    return 0


def _finish(job: protocol.Job, emit: Callable[[protocol.Message], None]) -> tuple[protocol.Message, int]:
    """Runs a job to its last event. Ctrl+C cancels it, and so does the end of a batch job (SIGTERM)."""
    from .jobs import run
    from .reporting import Reporter

    try:
        with interruptible() as interrupted:
            return run(job, Reporter(job.id, emit, interrupted)), 0
    except UncloudedError as error:
        return protocol.failure(job.id, error), error.exit_code
    except Exception as error:  # noqa: BLE001 - the border of the process
        traceback.print_exc()
        hint = "This is a fault of the program: please report it with the lines above."
        return protocol.Failed(
            job.id, "internal", f"Unexpected {type(error).__name__}: {error}.", hint
        ), INTERNAL_EXIT_CODE


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether Ctrl+C was pressed or the end was asked for (SIGTERM), which do no more."""
    interrupted: list[int] = []
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: interrupted.append(number)) for number in wanted]
    try:
        yield lambda: bool(interrupted)
    finally:
        for number, handler in zip(wanted, before, strict=True):
            signal.signal(number, handler)


def show_info(as_json: bool, device: str = "") -> int:
    """Prints versions, devices and installed generators.

    Args:
        as_json: Print one JSON object.
        device: Also let the generator prove itself on this device; empty: no.

    Returns:
        The exit code, see errors.py.
    """
    import numpy
    import rasterio
    import torch

    from .devices import devices
    from .installed import installed_models

    facts = {
        "unclouded": VERSION,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "rasterio": rasterio.__version__,
        "gdal": rasterio.__gdal_version__,
        "numpy": numpy.__version__,
    }
    models = installed_models()
    try:
        proof = _prove(device) if device else None
    except UncloudedError as error:
        plain_console(stderr=True).print(f"[red]Error:[/] {escape(str(error))}", soft_wrap=True)
        return error.exit_code
    if as_json:
        cards = [
            {"name": card.name, "version": card.version, "title": card.title, "path": path} for card, path in models
        ]
        told = {"versions": facts, "devices": devices(), "models": cards}
        print(json.dumps(told | ({"proof": asdict(proof)} if proof else {})))  # noqa: T201 - asked for
        return 0
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name, value)
    for one in devices():
        table.add_row("device", f"{one['name']}: {one['label']}")
    for card, path in models:
        table.add_row("generator", f"{card.name} {card.version}: {card.title} ({os.path.getsize(path) / 1e6:.1f} MB)")
    if proof:
        table.add_row("check", f"a tile in {proof.milliseconds:g} ms on {proof.device}: {escape(proof.label)}")
        table.add_row("", f"[yellow]{escape(proof.warning)}[/]")
    plain_console().print(table)
    return 0


def _prove(device: str) -> Proof:
    from .proof import prove

    return prove(device)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
