"""Generators as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import markup
from rich.table import Table

from ..model_jobs import Checkpoint

FEW_BANDS = 4
FEW_TENSORS = 8
LONG = 400
HIDDEN = ("parameters", "prior", "encoding", "errors", "problem", "state", "newer")
"""Fields of a card that say little to people, and those that are told in another way."""


def escape(text: str) -> str:
    """Keeps words of strangers from being read as markup or as commands to the terminal."""
    return markup.escape("".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text))


def models_table(entries: list[dict[str, Any]]) -> Table:
    """Draws what model_jobs.Models says."""
    table = Table(box=None, pad_edge=False)
    for title in ("Generator", "State", "MB", "Needs", "Licence"):
        table.add_column(title, justify="right" if title == "MB" else "left", overflow="fold")
    for entry in entries:
        size = f"{entry['size_bytes'] / 1e6:.1f}" if entry["size_bytes"] else ""
        name = f"{entry['name']} {entry['version']}".strip()
        table.add_row(*map(escape, (name, state(entry), size, needs(entry), entry["licence"])))
    return table


def state(entry: dict[str, Any]) -> str:
    """Says what a generator's state is, whether there is another version, and why it cannot be used."""
    words = {"by-hand": "import by hand"}.get(entry["state"], entry["state"])
    newer = f"; the index has {entry['newer']}" if entry["newer"] else ""
    problem = f". {entry['problem']}" if entry["problem"] else ""
    return f"{words}{newer}{problem}"


def needs(entry: dict[str, Any]) -> str:
    """Says what a generator needs of a scene, and what it can use."""
    bands, wanted = entry["bands"], entry["required_bands"]
    if not bands:
        return ""
    if len(wanted) == len(bands):
        said = ", ".join(bands) if len(bands) <= FEW_BANDS else f"{len(bands)} bands"
    else:
        said = f"{', '.join(wanted)} (of {len(bands)})"
    extras = [
        f"{what}{' if there' if entry[key] == 'optional' else ''}"
        for key, what in (("sar", "SAR"), ("dates", "dates"))
        if entry[key] != "none"
    ]
    return "; ".join([said, *extras, *filter(None, [" or ".join(entry["levels"])])])


def card_table(entry: dict[str, Any]) -> Table:
    """Draws all that is known of one generator."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("state", escape(state(entry)))
    table.add_row("needs", escape(needs(entry)))
    for key, value in entry.items():
        if key not in HIDDEN and value not in ("", [], {}, 0):
            table.add_row(key, escape("\n".join(_lines(value))))
    return table


def _lines(value: Any, name: str = "") -> Iterator[str]:
    """Yields nested values as lines with dotted names, long ones cut."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _lines(part, f"{name}.{key}" if name else key)
        return
    said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    said = said if len(said) <= LONG else f"{said[:LONG]}..."
    yield f"{name}: {said}" if name else said


def checkpoint_table(found: Checkpoint) -> Table:
    """Draws what a foreign file holds and how it would be imported."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("kind", escape(found.kind or "unknown"))
    table.add_row("what it is", escape(found.title))
    for key, value in found.defaults.items():
        if value not in ("", [], {}, None):
            table.add_row(key, escape("\n".join(_lines(value))))
    for number, tensor in enumerate(found.tensors[:FEW_TENSORS]):
        shape = " x ".join(map(str, tensor["shape"])) or "a number"
        table.add_row("" if number else f"{found.tensor_count} tensors", escape(f"{tensor['name']}: {shape}"))
    if found.tensor_count > FEW_TENSORS:
        table.add_row("", "...")
    return table
