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
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from . import protocol
from .errors import UncloudedError
from .version import VERSION

INTERNAL_EXIT_CODE = 1


def run_job(job: protocol.Job, as_json: bool) -> int:
    """Runs a job and prints what happens.

    Returns:
        The exit code, see errors.py.
    """
    return _run_json(job) if as_json else _run_rich(job)


def _run_json(job: protocol.Job) -> int:
    event, code = _finish(job, _print_json)
    _print_json(event)
    return code


def _print_json(event: protocol.Message) -> None:
    print(protocol.encode(event), flush=True)  # noqa: T201 - the output that --json asks for


def _run_rich(job: protocol.Job) -> int:
    console = Console(stderr=True, highlight=False)
    with _shown(console) as show:
        event, code = _finish(job, show)
    if isinstance(event, protocol.Failed):
        console.print(f"[red]Error:[/] {_plain(event.message)} {_plain(event.hint)}", soft_wrap=True)
    elif isinstance(event, protocol.Done):
        for path in filter(None, (event.output, event.mask_output, event.uncertainty_output)):
            console.print(f"Wrote {_plain(path)}", soft_wrap=True)
    return code


@contextlib.contextmanager
def _shown(console: Console) -> Iterator[Callable[[protocol.Message], None]]:
    """Gives a function that shows events with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def show(event: protocol.Message) -> None:
            if isinstance(event, protocol.Progress):
                bar.update(task, completed=event.fraction, description=event.stage)
            elif isinstance(event, protocol.Log):
                warning = "[yellow]Warning:[/] " if event.level == "warning" else ""
                console.print(warning + _plain(event.text), soft_wrap=True)
            elif isinstance(event, protocol.Estimate):
                size_mb = event.disk_bytes / 1e6
                console.print(f"About {_duration(event.seconds)} left; needs up to {size_mb:.0f} MB of disk.")

        yield show


def run_demo(folder: str, optical: str | None, sar: str | None) -> int:
    """Removes clouds from a synthetic scene, or from an own image, and says where the results and their picture are.

    Returns:
        The exit code, see errors.py.
    """
    from . import demo
    from .removal import remove
    from .reporting import Reporter

    console = Console(stderr=True, highlight=False)

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
            console.print(_plain(demo.OWN_IMAGE.format(command=sys.argv[0])), soft_wrap=True)
    except UncloudedError as error:
        console.print(f"[red]Error:[/] {_plain(str(error))}", soft_wrap=True)
        return error.exit_code
    console.print(
        f"Results: {_plain(str(place.resolve()))}\nPicture: {_plain(str(place.resolve() / 'quicklook.png'))}",
        soft_wrap=True,
    )
    return 0


def _finish(job: protocol.Job, emit: Callable[[protocol.Message], None]) -> tuple[protocol.Message, int]:
    """Runs a job to its last event. Ctrl+C cancels it, and so does the end of a batch job (SIGTERM)."""
    from .jobs import run
    from .reporting import Reporter

    interrupted: list[int] = []
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: interrupted.append(number)) for number in wanted]
    try:
        return run(job, Reporter(job.id, emit, lambda: bool(interrupted))), 0
    except UncloudedError as error:
        return protocol.failure(job.id, error), error.exit_code
    except Exception as error:  # noqa: BLE001 - the border of the process
        traceback.print_exc()
        hint = "This is a fault of the program: please report it with the lines above."
        return protocol.Failed(
            job.id, "internal", f"Unexpected {type(error).__name__}: {error}.", hint
        ), INTERNAL_EXIT_CODE
    finally:
        for number, handler in zip(wanted, before, strict=True):
            signal.signal(number, handler)


def show_info(as_json: bool) -> None:
    """Prints versions, devices and installed generators."""
    import numpy
    import rasterio
    import torch

    from .inference import devices, installed_models

    facts = {
        "unclouded": VERSION,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "rasterio": rasterio.__version__,
        "gdal": rasterio.__gdal_version__,
        "numpy": numpy.__version__,
    }
    models = installed_models()
    if as_json:
        cards = [
            {"name": card.name, "version": card.version, "title": card.title, "path": path} for card, path in models
        ]
        print(json.dumps({"versions": facts, "devices": devices(), "models": cards}))  # noqa: T201 - asked for
        return
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name, value)
    for device in devices():
        table.add_row("device", f"{device['name']}: {device['label']}")
    for card, path in models:
        table.add_row("generator", f"{card.name} {card.version}: {card.title} ({os.path.getsize(path) / 1e6:.1f} MB)")
    Console(highlight=False).print(table)


def _plain(text: str) -> str:
    """Keeps brackets in paths from being read as markup."""
    return text.replace("[", r"\[")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
