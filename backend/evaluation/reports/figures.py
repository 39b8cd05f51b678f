"""The figures of an image and the three parts that they are given for, as all reports name and show them."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ...statistics import Figure
from .report import Best, Column, Table

Part = Literal["target", "reproduction", "reconstruction"]
PARTS: tuple[Part, ...] = ("target", "reproduction", "reconstruction")
FIGURES = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mse": "MSE",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "sam": "SAM",
    "ndvi": "NDVI error",
}
"""What an image is measured by, see metrics.py, and how it is titled."""
_UNITS = {"psnr": "dB", "sam": "degrees"}
_DIGITS = {"mse": 6, "psnr": 2, "ssim": 3, "sam": 2}
_HIGH = ("psnr", "ssim")


def column(figure: str, part: str = "", best: bool = True) -> Column:
    """Gives the column of a figure.

    Args:
        figure: One of FIGURES.
        part: Goes into key and title, if the table shows several.
        best: Whether the best value is marked.
    """
    title = FIGURES[figure]
    key, title = (f"{part}_{figure}", f"{part} {title}") if part else (figure, title)
    good: Best = "high" if figure in _HIGH else "low"
    return Column(key, title, _UNITS.get(figure, ""), _DIGITS.get(figure, 4), good if best else "")


def fair(table: Table) -> Table:
    """Marks no row as the best of a column whose figures are of different numbers of cases."""
    columns = []
    for shown in table.columns:
        cells = [row.cells.get(shown.key) for row in table.rows]
        counts = {cell.count for cell in cells if isinstance(cell, Figure) and cell.count}
        columns.append(dataclasses.replace(shown, best="") if len(counts) > 1 else shown)
    return dataclasses.replace(table, columns=columns)
