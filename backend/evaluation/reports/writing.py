"""A report as files: the page for people, JSON and CSV for programs. All of them appear, or none."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ...errors import OutputError
from ...outputs import Outputs
from ...statistics import Figure
from .page import page
from .report import Cell, Report, Table

CSV_COLUMNS = ("table", "row", "column", "unit", "mean", "low", "high", "count", "text")


def paths(output: str, more: Collection[str] = ()) -> list[str]:
    """Gives the names of a report's files, the page first.

    Args:
        output: Of the page.
        more: Suffixes of further files, such as `.cases.csv`.

    Raises:
        OutputError: The name is none of a page.
    """
    page_path = Path(output)
    if page_path.suffix.lower() != ".html":
        raise OutputError(f"The report {output} is no HTML file by its name.", "Let the name end in .html.")
    return [output, *(str(page_path.with_suffix(suffix)) for suffix in (".json", ".csv", *more))]


def check(output: str, overwrite: bool, more: Collection[str] = ()) -> None:
    """Raises OutputError if a report cannot be written there; to be asked before the work."""
    Outputs([], [], overwrite, paths(output, more))


def write(report: Report, output: str, overwrite: bool, more: Mapping[str, bytes] | None = None) -> None:
    """Writes a report.

    Args:
        report: What it says.
        output: The `.html`; `.json` and `.csv` appear beside it.
        overwrite: Whether existing files may be replaced.
        more: Further files beside it, by suffix.

    Raises:
        OutputError: A name is taken, the folder cannot be written, or the disk is full.
    """
    with Outputs([], [], overwrite, paths(output, more or {})) as outputs:
        put(outputs, report, output, more)
        outputs.commit()


def put(outputs: Outputs, report: Report, output: str, more: Mapping[str, bytes] | None = None) -> None:
    """Writes a report's files among the outputs of a job, which has yet to commit them.

    Raises:
        OutputError: The disk is full.
    """
    further = more or {}
    texts = (page(report), as_json(report), as_csv(report))
    contents = [*(text.encode(errors="backslashreplace") for text in texts), *further.values()]
    for path, data in zip(paths(output, further), contents, strict=True):
        try:
            outputs.part(path).write_bytes(data)
        except OSError as error:
            raise OutputError(
                f"{path} could not be written: {error.strerror}.", "See that the folder exists and the disk has room."
            ) from error


def as_json(report: Report) -> str:
    """Gives all figures of a report: what is not known is null, what has no bound `inf` or `-inf`."""
    content = {
        "title": report.title,
        "command": report.command,
        "facts": dict(report.facts),
        "tables": {table.key: _table(table) for table in tables(report)},
        "sections": [
            {
                "title": section.title,
                "text": section.text,
                "tables": [table.key for table in section.tables],
                "pictures": [{"title": picture.title, "words": picture.words} for picture in section.pictures],
            }
            for section in report.sections
        ],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def as_csv(report: Report) -> str:
    """Gives one line for each cell of each table; what is not known is empty."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(CSV_COLUMNS)
    for table in tables(report):
        for row in table.rows:
            for column in table.columns:
                cell = row.cells.get(column.key)
                if cell is not None:
                    lines.writerow((table.key, row.label, column.key, column.unit, *_in_columns(cell)))
    return text.getvalue()


def tables(report: Report) -> list[Table]:
    """Gives the tables of all sections.

    Raises:
        ValueError: Two have the same key.
    """
    found = [table for section in report.sections for table in section.tables]
    keys = [table.key for table in found]
    if len(set(keys)) < len(keys):
        raise ValueError(f"Each table was expected to have a key of its own, got {', '.join(keys)}.")
    return found


def _table(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "label": table.label,
        "note": table.note,
        "columns": [
            {"key": column.key, "title": column.title, "unit": column.unit, "best": column.best}
            for column in table.columns
        ],
        "rows": [
            {"label": row.label, "cells": {key: _cell(cell) for key, cell in row.cells.items()}} for row in table.rows
        ],
    }


def _cell(cell: Cell) -> str | dict[str, float | str | None]:
    if isinstance(cell, str):
        return cell
    figure = cell if isinstance(cell, Figure) else Figure(cell)
    return {
        "mean": _number(figure.mean),
        "low": _number(figure.low),
        "high": _number(figure.high),
        "count": figure.count,
    }


def _in_columns(cell: Cell) -> tuple[float | str | None, ...]:
    """The cell's part of a line: mean, low, high, count, text."""
    shown = _cell(cell)
    return (None, None, None, None, shown) if isinstance(shown, str) else (*shown.values(), None)


def _number(value: float) -> float | str | None:
    """A number as JSON can hold it."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(float(value))
