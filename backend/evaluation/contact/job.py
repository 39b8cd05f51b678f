"""The job that draws a contact sheet: what a generator makes of real clouds, to be looked at pixel by pixel."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import metrics
from ...datasets.collection import Collection
from ...datasets.registry import root_of
from ...errors import InputError, OutputError
from ...evaluation_jobs import DrawContactSheet
from ...outputs import Outputs
from ...protocol import Done
from ...reporting import Reporter
from ..cases import open_places, training_prior
from ..reports.facts import command
from ..rows import Row, open_rows
from ..seen import was_trained_on
from .cases import Shown, real_cases
from .sheet import ROWS, Picture, Strip, pages, panels

INDEX = "index.md"
WORST_SHARE = 0.2
"""Of the cases that are marked as the worst."""


@dataclass(frozen=True)
class Drawn:
    """A case with its result."""

    facts: dict[str, str]
    """What the index says of it."""
    error: float
    """Mean absolute error under cloud."""
    panels: dict[str, Picture]


def draw_contact_sheet(job: DrawContactSheet, report: Reporter) -> Done:
    """Runs the job.

    Raises:
        UsageError: There is no such data set, split or band.
        InputError: The data cannot be read, or hold no case that the generator fits.
        ModelError: The generator cannot be loaded.
        DeviceError: The device does not exist here.
        OutputError: The folder cannot be written, or holds pages already.
        Cancelled: The job was given up; nothing is written.
    """
    folder = _made(job.folder)
    names = [f"page_{number:02}.png" for number in range(1, -(-job.limit // ROWS) + 1)]
    Outputs([], [], job.overwrite, [str(folder / name) for name in (INDEX, *names)])
    name, collection = open_places(job.data, job.dataset, job.split)
    prior, _ = training_prior(name, root_of(name, job.data), job.split, {}, collection)
    row = next(row for row in open_rows([job.model], [], prior, job.device) if row.generator is not None)
    found = _drawn(job, collection, row, report)
    if not found:
        raise InputError(
            f"The split {job.split!r} of {name} holds no real cloud that {row.name} fits.", "Give other data."
        )
    ranks = worst(found)
    strips = [_strip(number, one, ranks.get(number)) for number, one in enumerate(found)]
    title = f"{row.name} on {name}, split {job.split}"
    index = "\n".join(_index(title, command("contact-sheet", job), found, ranks))
    _write(job, folder, {INDEX: index.encode(), **dict(zip(names, pages(strips), strict=False))})
    return Done(job.id, str(folder / INDEX))


def _drawn(job: DrawContactSheet, collection: Collection, row: Row, report: Reporter) -> list[Drawn]:
    """Draws as many cases as are wanted, of those that the generator fits."""
    found: list[Drawn] = []
    fitting = (shown for shown in real_cases(job, collection) if not row.suits(shown.case.given()))
    for shown in itertools.islice(fitting, job.limit):
        report.check_cancelled()
        report.progress(len(found) / job.limit, f"drawing {shown.case.name}")
        found.append(draw(shown, row))
    return found


def draw(shown: Shown, row: Row) -> Drawn:
    """Lets a generator reconstruct a case and draws what there is to see."""
    case, seen, truth = shown.case, shown.case.given(), shown.case.sample.truth
    made = row.reconstruct(seen)
    image, known = row.image(seen, made), case.sample.known & seen.valid
    hidden = known & seen.cloud
    error, before = (metrics.mae(one, truth, hidden) for one in (image, seen.optical))
    card = row.generator.card if row.generator is not None else None
    trained = card is not None and was_trained_on(card, case.name.partition(" #")[0])
    facts = {
        "case": case.name,
        "truth": shown.truth,
        "cover": f"{case.cover:.0%}".replace("%", " %"),
        "MAE under cloud": f"{error:.4f}",
        "of the cloudy image": f"{before:.4f}",
        "level": seen.level,
        "bands": " ".join(seen.bands),
        "Sentinel-1": "no" if seen.sar is None else "yes",
        "dates": str(0 if seen.dates_clear is None else int(seen.dates_clear.any(axis=(1, 2)).sum())),
        "trained on": "yes" if trained else "no",
    }
    return Drawn(facts, error, panels(seen, made, image, truth, known))


def worst(found: Sequence[Drawn]) -> dict[int, int]:
    """Gives the ranks, from 1, of the cases with the largest errors, by number."""
    order = np.argsort([-one.error for one in found], kind="stable")
    return {int(number): rank for rank, number in enumerate(order[: round(WORST_SHARE * len(found))], 1)}


def _strip(number: int, one: Drawn, rank: int | None) -> Strip:
    facts = one.facts
    first = (
        f"{number + 1}{f', worst {rank}' if rank else ''}: {facts['case']}; truth: {facts['truth']}; cloud "
        f"{facts['cover']}; MAE under cloud {facts['MAE under cloud']} (cloudy image {facts['of the cloudy image']})"
    )
    second = (
        f"{facts['level']}, {facts['bands']}; Sentinel-1: {facts['Sentinel-1']}; dates: {facts['dates']}"
        f"{'; trained on this place' if facts['trained on'] == 'yes' else ''}"
    )
    return Strip(one.panels, (first, second), rank is not None)


def _index(title: str, made_by: str, found: Sequence[Drawn], ranks: Mapping[int, int]) -> list[str]:
    """Gives the lines of the index: a table in Markdown."""
    columns = ["number", "page", "worst", *found[0].facts]
    lines = [f"# Contact sheet: {title}", "", f"Made by `{made_by}`.", ""]
    lines += [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for number, one in enumerate(found):
        page = f"page_{number // ROWS + 1:02}.png"
        cells = [str(number + 1), f"[{page}]({page})", str(ranks.get(number, "")), *one.facts.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _made(path: str) -> Path:
    """Makes a folder that git ignores: it shows imagery that may not be passed on.

    Raises:
        OutputError: It cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            (folder / ".gitignore").write_text("*\n")
    except OSError as error:
        raise OutputError(f"The folder {path} cannot be made: {error.strerror}.", "Choose another.") from error
    return folder


def _write(job: DrawContactSheet, folder: Path, files: Mapping[str, bytes]) -> None:
    with Outputs([], [], job.overwrite, [str(folder / name) for name in files]) as outputs:
        for name, content in files.items():
            try:
                outputs.part(str(folder / name)).write_bytes(content)
            except OSError as error:
                raise OutputError(f"{folder / name} could not be written: {error.strerror}.", "Make room.") from error
        outputs.commit()
    for stale in set(folder.glob("page_??.png")) - {folder / name for name in files}:
        stale.unlink()
