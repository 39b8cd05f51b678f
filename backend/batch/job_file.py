"""A job file: a table in CSV with a scene a line and the options of `unclouded remove` as its columns."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import UncloudedError, UsageError
from ..products import split_day
from ..protocol import NEED_DATES
from .acquisition import product_name

Convert = Callable[[str], Any]
"""Gives a cell's value; raises ValueError with what is wrong."""
PATHS = ("optical", "sar", "mask", "dates")
ALIASES = {"date": "dates"}
FIELDS = {"grow": "grow_px"}
"""Columns that are not called like the field of protocol.RemoveClouds."""
MASK_WORDS = ("auto", "all")
MAX_SHOWN = 50
"""Errors that are listed."""
NOT_ON_WINDOWS = re.compile(r'[<>"|?*]|(^|/)(con|prn|aux|nul|com\d|lpt\d) *(\.|/|$)|[. ](/|$)', re.IGNORECASE)
"""What no path below a folder holds there."""


@dataclass(frozen=True)
class Row:
    """One scene of a job file."""

    line: int
    optical: str
    name: str
    """Of its output, without suffix."""
    fields: Mapping[str, Any]
    """Of protocol.RemoveClouds, those that the line gives."""


class Problems:
    """Collects what is wrong with a job file.

    Args:
        path: Of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        """Notes what is wrong in a line."""
        self._found.append((line, text))

    def check(self) -> None:
        """Raises UsageError that names all that was found, if anything was."""
        if not self._found:
            return
        lines = [f"  line {line}: {text}" for line, text in sorted(self._found)[:MAX_SHOWN]]
        more = len(self._found) - len(lines)
        raise UsageError(
            f"{self._path} has {len(self._found)} error(s); nothing was started.\n"
            + "\n".join(lines + ([f"  and {more} more"] if more else []))
            + "\n",
            "Mend these lines and start again; columns are named as the options of `unclouded remove`.",
        )


def is_job_file(source: str) -> bool:
    """Whether a source is a job file by its name."""
    return Path(source).suffix.lower() == ".csv"


def read(path: str, converters: Mapping[str, Convert], method: str, has_dates: bool) -> list[Row]:
    """Reads a job file.

    Relative paths are those from its folder. Cells that are empty leave what holds for all scenes. Dates are divided by
    semicolons. The separator is that of the first line: comma, semicolon or tab.

    Args:
        path: Of the file.
        converters: What makes values of cells, by column.
        method: Of lines that name none.
        has_dates: Whether scenes without dates get some by pairing.

    Raises:
        UsageError: Lines are wrong; all of them are named.
    """
    lines = _lines(path)
    problems = Problems(path)
    columns = _columns(lines[0][1] if lines else [], converters, problems)
    rows = []
    for number, cells in lines[1:]:
        row = _row(number, cells, columns, Path(path).parent, converters, problems)
        if row is not None:
            _check_dates(row, row.fields.get("method", method), has_dates, problems)
            rows.append(row)
    _check_names(rows, problems)
    problems.check()
    if not rows:
        raise UsageError(
            f"{path} names no scenes.", "Write a line for each below the columns, for example optical,sar."
        )
    return rows


def _lines(path: str) -> list[tuple[int, list[str]]]:
    """Gives the lines that are not empty with their numbers."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"The job file {path} cannot be read: {error.strerror}.", "See that it is there and may be read."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The job file {path} is no UTF-8 text.", "Save the table as CSV in UTF-8.") from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV: line {reader.line_num}: {error}.", "Save the table as CSV.") from error


def _columns(titles: Sequence[str], known: Mapping[str, Convert], problems: Problems) -> list[str]:
    names = [title.strip().lower().lstrip("-").replace("-", "_") for title in titles]
    columns = [ALIASES.get(name, name) for name in names]
    possible = ["optical", "output", *known]
    for title, column in zip(titles, columns, strict=True):
        if column not in possible:
            problems.add(1, f"there is no option {title.strip()!r}; columns may be {', '.join(possible)}")
    for column in possible:
        if columns.count(column) > 1:
            problems.add(1, f"the column {column!r} is there more than once")
    if "optical" not in columns:
        problems.add(1, f"a column named optical was expected, got {', '.join(titles) or 'nothing'}")
    return columns


def _row(
    line: int,
    cells: Sequence[str],
    columns: Sequence[str],
    folder: Path,
    converters: Mapping[str, Convert],
    problems: Problems,
) -> Row | None:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        problems.add(line, f"{len(cells)} cells, where there are {len(columns)} columns")
        return None
    given = {column: cell.strip() for column, cell in zip(columns, cells, strict=False) if cell.strip()}
    optical, output = given.pop("optical", ""), given.pop("output", "")
    fields = {}
    for column, cell in given.items():
        if column not in converters:
            continue  # told of the first line
        try:
            fields[FIELDS.get(column, column)] = _located(column, converters[column](cell), folder)
        except (ValueError, UncloudedError) as error:
            problems.add(line, f"{column}: {error}")
    if not optical:
        if "optical" in columns:
            problems.add(line, "optical: the path of an image was expected, got nothing")
        return None
    try:
        return Row(line, _existing(optical, folder), _output_name(output) or product_name(optical), fields)
    except (ValueError, UncloudedError) as error:
        problems.add(line, str(error))
        return None


def _located(column: str, value: Any, folder: Path) -> Any:
    """Finds the files that a cell names."""
    if column == "dates":
        return [_existing(spec, folder) for spec in value]
    if column in PATHS and not (column == "mask" and value in MASK_WORDS):
        return _existing(value, folder)
    return value


def _existing(spec: str, folder: Path) -> str:
    """Gives a path as seen from here; what GDAL reads from elsewhere is left as it is.

    Raises:
        ValueError: Nothing is there.
        InputError: What follows the @ is no day.
    """
    if is_elsewhere(spec):
        return spec
    inside = str(folder / spec)
    path, _ = split_day(inside)
    if not os.path.exists(path):
        raise ValueError(f"there is no {path}")
    return inside


def is_elsewhere(spec: str) -> bool:
    """Whether GDAL reads a path from elsewhere, such as /vsicurl/ or s3://."""
    return spec.startswith("/vsi") or ":" in spec[2:].partition("@")[0]


def _output_name(output: str) -> str:
    if not output:
        return ""
    path = PurePosixPath(output.replace("\\", "/"))
    if os.name == "nt" and NOT_ON_WINDOWS.search(str(path)):
        raise ValueError(f"output: a name that Windows allows was expected, got {output}")
    if path.suffix.lower() not in (".tif", ".tiff") or path.is_absolute() or ".." in path.parts or ":" in output:
        raise ValueError(f"output: a name that ends in .tif and lies in the output folder was expected, got {output}")
    return str(path.with_suffix(""))


def _check_dates(row: Row, method: str, has_dates: bool, problems: Problems) -> None:
    if method in NEED_DATES and not row.fields.get("dates") and not has_dates:
        problems.add(row.line, f"method: {method} needs other dates of the place, and the line gives none")


def _check_names(rows: Sequence[Row], problems: Problems) -> None:
    first: dict[str, int] = {}
    for row in rows:
        line = first.setdefault(row.name.casefold(), row.line)
        if line != row.line:
            problems.add(
                row.line, f"output: {row.name}.tif is that of line {line} too; give one of them another output"
            )
