"""The pictures of reports, drawn from plain numbers; each function gives the bytes of a PNG. Images: panels.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...drawing import COLOURS, INK, QUIET, label, line, png
from ...sensors import NAMES, WAVELENGTH_NM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN = 6.4, 4.2
LINE = 90
"""Letters that a line of a legend holds."""
WRITTEN = 14
"""Classes of a confusion matrix up to which its numbers are written."""


def spectra(bands: Sequence[str], rows: Mapping[str, Sequence[float]], title: str = "") -> bytes:
    """Draws mean reflectance against wavelength, a line for each row.

    Args:
        bands: Names of C bands in any order.
        rows: C mean reflectances by name; NaN leaves a gap.
        title: Above the picture.
    """
    order = _physical(bands)
    wavelengths = [WAVELENGTH_NM[bands[i]] for i in order]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (name, values) in enumerate(rows.items()):
            axes.plot(wavelengths, [values[i] for i in order], label=label(name), **line(number))
        axes.set(title=title, xlabel="wavelength (nm)", ylabel="mean reflectance")
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        _name_wavelengths(axes, bands)
        _legend(figure, axes)

    return png(WIDTH_IN, HEIGHT_IN, draw)


def error_by_band(bands: Sequence[str], rows: Mapping[str, Sequence[float]], title: str = "") -> bytes:
    """Draws the root mean square error of each band, in the order of wavelengths; arguments as in spectra."""
    order = _physical(bands)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (name, values) in enumerate(rows.items()):
            axes.plot(range(len(order)), [values[i] for i in order], label=label(name), **line(number))
        names = [f"{bands[i]}\n{WAVELENGTH_NM[bands[i]]}" for i in order]
        axes.set_xticks(range(len(order)), names, fontsize=8)
        axes.set(title=title, xlabel="band, wavelength (nm)", ylabel="RMSE (reflectance)")
        axes.set_ylim(bottom=0)
        _legend(figure, axes)

    return png(WIDTH_IN, HEIGHT_IN, draw)


def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x: str,
    y: str,
    title: str = "",
    *,
    whole: bool = False,
    limits: tuple[float, float] | None = None,
) -> bytes:
    """Draws lines, such as a figure over epochs, or precision over recall.

    Args:
        lines: x and y of the points by name.
        x: Of what the horizontal axis is, with its unit.
        y: Of what the vertical axis is.
        title: Above the picture.
        whole: Whether x counts something, so that its axis is marked at whole numbers.
        limits: Ends of the vertical axis; None to fit the lines.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (name, (across, up)) in enumerate(lines.items()):
            look = line(number) | ({} if len(across) <= 30 else {"marker": ""})
            axes.plot(across, up, label=label(name), **look)
        axes.set(title=title, xlabel=x, ylabel=y)
        if whole:
            axes.locator_params("x", integer=True)
        if limits:
            axes.set_ylim(*limits)
        _legend(figure, axes)

    return png(WIDTH_IN, HEIGHT_IN, draw)


def bars(groups: Sequence[str], rows: Mapping[str, Sequence[float]], y: str, title: str = "") -> bytes:
    """Draws groups of bars, one bar of each row in each group.

    Args:
        groups: Names of G groups, such as classes.
        rows: G heights by name.
        y: Of what the vertical axis is, with its unit.
        title: Above the picture.
    """
    width = 0.8 / max(len(rows), 1)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (name, heights) in enumerate(rows.items()):
            places = np.arange(len(groups)) - 0.4 + (number + 0.5) * width
            again = ("", "///", "...", "xxx")[number // len(COLOURS) % 4]
            colour = COLOURS[number % len(COLOURS)]
            axes.bar(
                places, heights, width * 0.92, label=label(name), color=colour, hatch=again, edgecolor="white", lw=0
            )
        slanted: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if _crowded(groups) else {}
        axes.set_xticks(range(len(groups)), [label(name) for name in groups], fontsize=8, **slanted)
        axes.set(title=title, ylabel=y)
        axes.grid(visible=False, axis="x")
        _legend(figure, axes)

    return png(max(WIDTH_IN, min(0.25 * len(groups) * max(len(rows), 1), 12)), HEIGHT_IN, draw)


def matrix(counts: ArrayLike, names: Sequence[str], title: str = "", x: str = "predicted", y: str = "true") -> bytes:
    """Draws a confusion matrix: counts written, shares of each row as shade.

    Args:
        counts: (K, K) cases of each true class (rows) and predicted class (columns).
        names: Of the K classes.
        title: Above the picture.
        x: What the columns are.
        y: What the rows are.
    """
    table: NDArray[np.float64] = np.asarray(counts, np.float64)
    sums = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, sums, out=np.zeros_like(table), where=sums > 0)
    shown = [label(name) for name in names]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), shown, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
        axes.set_yticks(range(len(names)), shown, fontsize=8)
        axes.set(title=title, xlabel=x, ylabel=y)
        axes.grid(visible=False)
        if len(names) <= WRITTEN:
            _write_numbers(axes, table, shares)
        figure.colorbar(image, ax=axes, shrink=0.8, label=f"share of the {y} class")

    side = min(max(0.55 * len(names) + 2.2, 4.2), 11)
    return png(side + 0.8, side, draw)


def reliability(nominal: Sequence[float], rows: Mapping[str, Sequence[float]], title: str = "") -> bytes:
    """Draws which share of the truth lies within intervals, against the share that should.

    Args:
        nominal: Of N intervals, 0..1.
        rows: N observed shares by name, 0..1.
        title: Above the picture.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", linewidth=1.2, label="as promised")
        for number, (name, observed) in enumerate(rows.items()):
            axes.plot(nominal, observed, label=label(name), **line(number))
        axes.set(title=title, xlabel="promised coverage", ylabel="observed coverage", xlim=(0, 1), ylim=(0, 1))
        axes.set_aspect("equal")
        _legend(figure, axes)

    return png(WIDTH_IN, HEIGHT_IN + 0.3, draw)


def binned(rows: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str = "") -> bytes:
    """Draws the observed error of pixels against the uncertainty that was predicted for them.

    Args:
        rows: By name, for each bin the predicted standard error and the root mean square of the errors (reflectance).
        title: Above the picture.
    """
    values = np.concatenate([np.ravel(np.asarray(both, np.float64)) for both in rows.values()] or [np.zeros(1)])
    known = values[np.isfinite(values)]
    end = float(known.max(initial=0)) * 1.05 or 1.0

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, end], [0, end], color=QUIET, linestyle=":", linewidth=1.2, label="as promised")
        for number, (name, (predicted, observed)) in enumerate(rows.items()):
            axes.plot(predicted, observed, label=label(name), **line(number))
        axes.set(
            title=title, xlabel="predicted standard error (reflectance)", ylabel="RMSE of these pixels (reflectance)"
        )
        axes.set(xlim=(0, end), ylim=(0, end), aspect="equal")
        _legend(figure, axes)

    return png(WIDTH_IN, HEIGHT_IN + 0.3, draw)


def _physical(bands: Sequence[str]) -> list[int]:
    """The indexes of the bands in physical order."""
    return sorted(range(len(bands)), key=lambda i: NAMES.index(bands[i]))


def _name_wavelengths(axes: Axes, bands: Sequence[str]) -> None:
    """Marks bands on a second axis; those that crowd each other keep their mark and lose their name."""
    upper = axes.secondary_xaxis("top")
    order, shown, last = [bands[i] for i in _physical(bands)], [], -1000.0
    span = max(WAVELENGTH_NM[order[-1]] - WAVELENGTH_NM[order[0]], 1)
    for band in order:
        apart = (WAVELENGTH_NM[band] - last) / span > 0.055
        shown.append(band if apart else "")
        last = WAVELENGTH_NM[band] if apart else last
    upper.set_xticks([WAVELENGTH_NM[band] for band in order], shown, fontsize=7)
    upper.tick_params(length=2, pad=1)


def _write_numbers(axes: Axes, table: NDArray[np.float64], shares: NDArray[np.float64]) -> None:
    for row, column in np.ndindex(table.shape):
        number = table[row, column]
        text = f"{number:.0f}" if number == int(number) else f"{number:.2f}"
        colour = "white" if shares[row, column] > 0.55 else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)


def _crowded(groups: Sequence[str]) -> bool:
    return sum(len(label(name)) + 2 for name in groups) > 70


def _legend(figure: Figure, axes: Axes) -> None:
    """Puts the legend below the axes, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        columns = max(1, min(len(labels), LINE // (max(map(len, labels)) + 6)))
        figure.legend(handles, labels, loc="outside lower left", ncols=columns)
