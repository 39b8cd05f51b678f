"""How curves and charts look: one quiet style, colours that colour-blind readers can tell apart, PNG or a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 160
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d")
"""Blue, vermilion, green, purple, orange, sky and grey (after Okabe and Ito, 2008)."""
DASHES = ("-", "--", "-.", ":")
MARKS = ("o", "s", "^", "D")
INK, QUIET, FAINT = "#1c2127", "#5b6570", "#e4e7eb"
LABEL = 28
"""Letters of a label that are shown."""
STYLE = {
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a name may hold dollar signs
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.labelcolor": QUIET,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.unicode_minus": False,
    "grid.color": FAINT,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}


def png(width_in: float, height_in: float, draw: Callable[[Figure], None]) -> bytes:
    """Gives a picture as PNG.

    Args:
        width_in: Its width in inches.
        height_in: Its height.
        draw: Called with the empty picture.
    """
    file = io.BytesIO()
    _save(file, "png", width_in, height_in, draw)
    return file.getvalue()


def save(path: Path, width_in: float, height_in: float, draw: Callable[[Figure], None]) -> None:
    """Writes a picture to a `.png`, `.svg` or `.pdf`; arguments as in png."""
    _save(path, None, width_in, height_in, draw)


def line(number: int) -> dict[str, Any]:
    """Gives how the line of a row looks, so that each can be told from the others: colours first, then dashes."""
    again = number // len(COLOURS) % len(DASHES)
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[again], "marker": MARKS[again]}


def label(text: str) -> str:
    """Gives what of a name is shown: long ones lose their middle."""
    short = text if len(text) <= LABEL else f"{text[: LABEL // 2]}...{text[-LABEL // 2 + 3 :]}"
    return f" {short}" if short.startswith("_") else short  # matplotlib hides names that begin so


def _save(
    file: Path | io.BytesIO, kind: str | None, width_in: float, height_in: float, draw: Callable[[Figure], None]
) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]  # its names are too many to list
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        draw(figure)
        figure.savefig(file, format=kind, dpi=DOTS_PER_INCH)
