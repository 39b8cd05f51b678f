"""A report as one page of HTML that needs nothing else: no script, no network, no second file."""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Iterator
from html import escape
from pathlib import Path

from ...statistics import Figure
from ...version import VERSION
from .report import NOTHING, Cell, Column, Picture, Report, Section, Table, cell_text

STYLE = Path(__file__).resolve().parents[3] / "resources" / "report.css"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load: the pictures and the style that the page holds."""
WIDE_PX = 1400
"""Width from which a picture takes a line of its own."""
ARROWS = {"low": ("↓", "lower is better"), "high": ("↑", "higher is better")}


def page(report: Report) -> str:
    """Gives a report as HTML 5."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="color-scheme" content="light dark">',
            f'<meta name="generator" content="Unclouded {escape(VERSION)}">',
            f"<title>{escape(report.title)}</title>",
            f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>",
            "</head>",
            "<body>",
            "<header>",
            f"<h1>{escape(report.title)}</h1>",
            *_facts(report),
            "</header>",
            *_contents(report),
            "<main>",
            *(line for number, section in enumerate(report.sections, 1) for line in _section(number, section)),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def best_rows(table: Table, column: Column) -> set[int]:
    """Gives the rows whose cell is the best of a column; none where fewer than two are measured.

    Cells that look alike, at the digits that are shown, are equally good.
    """
    means = {number: _mean(row.cells.get(column.key)) for number, row in enumerate(table.rows)}
    measured = {number: mean for number, mean in means.items() if not math.isnan(mean)}
    if not column.best or len(measured) < 2:
        return set()
    best = cell_text((min if column.best == "low" else max)(measured.values()), column)
    return {number for number, mean in measured.items() if cell_text(mean, column) == best}


def _facts(report: Report) -> Iterator[str]:
    yield '<dl class="facts">'
    for name, value in report.facts.items():
        yield f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
    yield "</dl>"
    if report.command:
        yield '<p class="made">Made by this command; a click selects it.</p>'
        yield f'<pre class="command" tabindex="0"><code>{escape(report.command)}</code></pre>'


def _contents(report: Report) -> Iterator[str]:
    yield '<nav aria-label="Contents">'
    yield "<h2>Contents</h2>"
    yield "<ol>"
    for number, section in enumerate(report.sections, 1):
        links = "".join(
            f'<li><a href="#{_anchor(table)}">{escape(table.title)}</a></li>'
            for table in section.tables
            if table.title != section.title
        )
        inner = f"<ul>{links}</ul>" if links else ""
        yield f'<li><a href="#section-{number}">{escape(section.title)}</a>{inner}</li>'
    yield "</ol>"
    yield "</nav>"


def _section(number: int, section: Section) -> Iterator[str]:
    yield f'<section id="section-{number}">'
    yield f"<h2>{escape(section.title)}</h2>"
    for paragraph in re.split(r"\n\s*\n", section.text.strip()):
        if paragraph:
            yield f"<p>{escape(paragraph)}</p>"
    for table in section.tables:
        yield from _table(table)
    if section.pictures:
        yield '<div class="pictures">'
        for picture in section.pictures:
            yield from _picture(picture)
        yield "</div>"
    yield "</section>"


def _table(table: Table) -> Iterator[str]:
    anchor = _anchor(table)
    yield f'<h3 id="{anchor}">{escape(table.title)}</h3>'
    yield f'<div class="scroll" role="region" aria-labelledby="{anchor}" tabindex="0">'
    yield "<table>"
    heads = "".join(_head(column, table) for column in table.columns)
    yield f'<thead><tr><th scope="col">{escape(table.label)}</th>{heads}</tr></thead>'
    yield "<tbody>"
    best = {column.key: best_rows(table, column) for column in table.columns}
    for number, row in enumerate(table.rows):
        cells = (_cell(row.cells.get(column.key), column, number in best[column.key]) for column in table.columns)
        yield f'<tr><th scope="row">{escape(row.label)}</th>' + "".join(cells) + "</tr>"
    yield "</tbody>"
    yield "</table>"
    yield "</div>"
    if table.note:
        yield f'<p class="note">{escape(table.note)}</p>'


def _head(column: Column, table: Table) -> str:
    cells = [row.cells[column.key] for row in table.rows if column.key in row.cells]
    words = ' class="words"' if cells and all(isinstance(cell, str) for cell in cells) else ""
    arrow, meaning = ARROWS.get(column.best, ("", ""))
    sign = f'&nbsp;<abbr title="{meaning}">{arrow}</abbr>' if arrow else ""
    unit = f'<span class="unit">{escape(column.unit)}</span>' if column.unit else ""
    return f'<th scope="col"{words}>{escape(column.title)}{sign}{unit}</th>'


def _cell(cell: Cell | None, column: Column, best: bool) -> str:
    if isinstance(cell, str) and cell:
        return f'<td class="words">{escape(cell)}</td>'
    if math.isnan(_mean(cell)):
        return f'<td class="nothing" title="not measured">{NOTHING}</td>'
    if isinstance(cell, int):
        return f"<td{_class(best)}>{_marked(str(cell), best)}</td>"
    figure = cell if isinstance(cell, Figure) else Figure(_mean(cell))
    low, high = (_worded(bound, column) for bound in (figure.low, figure.high))
    known = not math.isnan(figure.low)
    interval = f'<span class="interval">{low} to {high}</span>' if known else ""
    cases = f"{figure.count} case{'' if figure.count == 1 else 's'}" if isinstance(cell, Figure) else ""
    words = "; ".join(part for part in (cases, f"95 % interval {low} to {high}" if known else "") if part)
    title = f' title="{words}"' if words else ""
    return f"<td{_class(best)}{title}>{_marked(_worded(figure.mean, column), best)}{interval}</td>"


def _class(best: bool) -> str:
    return ' class="best"' if best else ""


def _marked(text: str, best: bool) -> str:
    return f'<strong>{text}<span class="unseen"> (best)</span></strong>' if best else text


def _worded(value: float, column: Column) -> str:
    return cell_text(float(value), column).replace("inf", "∞").replace("-", "\N{MINUS SIGN}")


def _mean(cell: Cell | None) -> float:
    """NaN for what is no number."""
    if isinstance(cell, Figure):
        return cell.mean
    return math.nan if cell is None or isinstance(cell, str) else float(cell)


def _picture(picture: Picture) -> Iterator[str]:
    width, height = struct.unpack(">II", picture.png[16:24])  # of the PNG's first chunk
    shape = ' class="wide"' if width > WIDE_PX else ""
    data = base64.b64encode(picture.png).decode("ascii")
    yield f"<figure{shape}>"
    yield (
        f'<img src="data:image/png;base64,{data}" width="{width}" height="{height}" '
        f'alt="{escape(picture.words)}" loading="lazy">'
    )
    yield f"<figcaption>{escape(picture.title)}</figcaption>"
    yield "</figure>"


def _anchor(table: Table) -> str:
    return "table-" + re.sub(r"[^A-Za-z0-9_.-]", "-", table.key)
