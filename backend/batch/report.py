"""What a batch has done, as a page for people and a table for programs."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .. import verdict
from ..evaluation.reports.page import page
from ..evaluation.reports.report import Cell, Column, Report, Row, Section, Table
from ..version import VERSION
from .manifest import write_text
from .run import Result

PAGE, TABLE = "report.html", "report.csv"
COLUMNS = (
    "scene", "state", "cloud_share", "seconds", "quality", "optical", "sar", "dates", "output", "mask_output",
    "uncertainty_output", "reason", "hint", "warnings",
)  # fmt: skip


def write(folder: Path, results: Sequence[Result], command: str) -> str:
    """Writes both into the folder of the results and gives the path of the page.

    Raises:
        OutputError: They cannot be written.
    """
    page_path = str(folder / PAGE)
    write_text({page_path: page(_report(results, command)), str(folder / TABLE): as_csv(results)})
    return page_path


def as_csv(results: Sequence[Result]) -> str:
    """Gives a line for each scene; what is not known is empty."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for result in results:
        job = result.item.job
        lines.writerow(
            (
                job.id,
                result.state,
                result.cloud_fraction,
                None if result.seconds is None else round(result.seconds, 2),
                quality(result),
                job.optical,
                job.sar,
                ";".join(job.dates),
                job.output,
                job.mask_output,
                job.uncertainty_output,
                result.reason,
                result.hint,
                " ".join(result.warnings),
            )
        )
    return text.getvalue()


def counted(results: Sequence[Result]) -> str:
    """Says how many scenes are in which state: `17 done, 2 failed`."""
    counts: Counter[str] = Counter(result.state for result in results)
    words = {"done": "done", "finished": "finished before", "failed": "failed", "not done": "not done"}
    return ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])


def quality(result: Result) -> str:
    """Says how a result looks; empty where there is none."""
    return verdict.sentence(result.quality) if result.quality else ""


def _report(results: Sequence[Result], command: str) -> Report:
    seconds = sum(result.seconds or 0 for result in results if result.state == "done")
    facts = {
        "Scenes": f"{len(results)}: {counted(results)}",
        "Time of those done": f"{seconds:.0f} s",
        "Software": f"Unclouded {VERSION}",
    }
    failed = [result for result in results if result.state == "failed"]
    sections = [Section("All scenes", tables=[_scenes(results)])]
    if failed:
        sections.insert(0, Section("What went wrong", tables=[_failed(failed)]))
    return Report("Clouds removed from many scenes", command, facts, sections)


def _failed(results: Sequence[Result]) -> Table:
    columns = (Column("reason", "Reason"), Column("hint", "What to do"))
    rows = [Row(result.item.job.id, {"reason": result.reason, "hint": result.hint}) for result in results]
    return Table("failed", "Failed", columns, rows, "Scene")


def _scenes(results: Sequence[Result]) -> Table:
    columns = (
        Column("state", "State"),
        Column("cloud", "Cloud", "%", 1),
        Column("seconds", "Time", "s", 1),
        Column("quality", "Result"),
        Column("warnings", "Warnings"),
        Column("sar", "SAR"),
        Column("dates", "Dates"),
        Column("output", "Files"),
    )
    note = "Cloud: share of the measured pixels that is cloud or shadow. Time: of this run, or of the one that did it."
    rows = [Row(result.item.job.id, _cells(result)) for result in results]
    return Table("scenes", "Scenes", columns, rows, "Scene", note)


def _cells(result: Result) -> dict[str, Cell]:
    job = result.item.job
    files = [Path(path).name for path in (job.output, job.mask_output, job.uncertainty_output) if path]
    cells: dict[str, Cell] = {
        "state": result.state,
        "quality": quality(result),
        "warnings": " ".join(result.warnings),
        "sar": Path(job.sar).name if job.sar else "",
        "dates": ", ".join(Path(date).name for date in job.dates),
        "output": ", ".join(files) if result.state in ("done", "finished") else "",
    }
    if result.cloud_fraction is not None:
        cells["cloud"] = 100 * result.cloud_fraction
    if result.seconds is not None:
        cells["seconds"] = result.seconds
    return cells
