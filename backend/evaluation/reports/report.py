"""What an evaluation has to say: tables and pictures in sections. writing.py makes files of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...statistics import Figure

Cell = Figure | float | int | str
Best = Literal["low", "high", ""]
NOTHING = "-"
"""Stands for what is not known."""


@dataclass(frozen=True)
class Column:
    """One figure of a table."""

    key: str
    """In JSON and CSV: lower case, no blanks."""
    title: str
    unit: str = ""
    digits: int = 4
    """Behind the point."""
    best: Best = ""
    """Whether low or high values are good; the best of a column is marked."""


@dataclass(frozen=True)
class Row:
    label: str
    cells: Mapping[str, Cell]
    """By the key of their column; what is missing is left empty."""


@dataclass(frozen=True)
class Table:
    key: str
    """In JSON and CSV; different for each table of a report."""
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    label: str = ""
    """What the rows are."""
    note: str = ""


@dataclass(frozen=True)
class Picture:
    title: str
    png: bytes
    words: str
    """What it shows, for those who cannot see it."""


@dataclass(frozen=True)
class Section:
    title: str
    text: str = ""
    """Paragraphs, divided by empty lines."""
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Report:
    title: str
    command: str
    """That makes it again."""
    facts: Mapping[str, str]
    """Data, machine, versions, seed."""
    sections: Sequence[Section] = field(default_factory=tuple)


def cell_text(cell: Cell | None, column: Column) -> str:
    """Words a cell: its mean and, behind it, the half of its interval's width; a dash for what is not known."""
    if cell is None or isinstance(cell, (str, int)):
        return NOTHING if cell in (None, "") else str(cell)
    figure = cell if isinstance(cell, Figure) else Figure(cell)
    if math.isnan(figure.mean):
        return NOTHING
    text = f"{figure.mean:.{column.digits}f}"
    return (
        text if math.isnan(figure.low) else f"{text} [{figure.low:.{column.digits}f}, {figure.high:.{column.digits}f}]"
    )


def as_text(table: Table) -> str:
    """Lays a table out in columns of characters, for logs and terminals; intervals stay in the report.

    Titles have a word a line, and neighbours share their first word, so that many columns are narrow.
    """
    rows = [[row.label, *(_short(row.cells.get(column.key), column) for column in table.columns)] for row in table.rows]
    titles = [f"{one.title} ({one.unit})".split(" ") if one.unit else one.title.split(" ") for one in table.columns]
    first, *below = itertools.zip_longest([table.label], *titles, fillvalue="")
    widths = [max((len(line[number]) for line in (*below, *rows)), default=0) for number in range(len(first))]
    lines = [_shared(first, widths), *(_line(cells, widths) for cells in (*below, *rows))]
    return "\n".join([table.title, *(line.rstrip() for line in lines)])


def _shared(words: Sequence[str], widths: list[int]) -> str:
    """Writes equal neighbours once over all of their columns, of which the first is widened if need be."""
    spans: list[tuple[str, int]] = []
    for _, group in itertools.groupby(range(len(words)), lambda number: words[number]):
        numbers = list(group)
        missing = len(words[numbers[0]]) - sum(widths[number] for number in numbers) - 2 * (len(numbers) - 1)
        widths[numbers[0]] += max(missing, 0)
        spans.append((words[numbers[0]], sum(widths[number] for number in numbers) + 2 * (len(numbers) - 1)))
    return _line([word for word, _ in spans], [width for _, width in spans])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The first cell to the left, the others to the right."""
    return "  ".join([cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))])


def _short(cell: Cell | None, column: Column) -> str:
    return cell_text(cell.mean if isinstance(cell, Figure) else cell, column)
