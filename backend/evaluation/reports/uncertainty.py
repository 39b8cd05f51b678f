"""The table of what an uncertainty is worth."""

from __future__ import annotations

from ...calibration import LEVELS, Calibration
from .report import Cell, Column, Row, Table

SHOWN_LEVELS = (0.5, 0.9, 0.95)


def uncertainty_table(measured: dict[str, Calibration]) -> Table:
    """What the uncertainty of each generator is worth under clouds, over all pixels."""
    rows = []
    for name, one in measured.items():
        coverage = one.coverage()
        cells: dict[str, Cell] = {
            f"within_{_percent(level)}": float(coverage[LEVELS.index(level)]) for level in SHOWN_LEVELS
        }
        cells |= {
            "calibration_error": one.calibration_error(),
            "laplace_error": one.calibration_error(distribution="laplace"),
            "uncertainty": one.mean_uncertainty(),
            "rmse": one.rmse(),
            "mae": one.mean_error(),
            "width_90": one.interval_width(0.9),
            "rank": one.rank_correlation(),
        }
        rows.append(Row(name, cells))
    columns = [
        *(
            Column(f"within_{_percent(level)}", f"within {_percent(level)} % interval", digits=3)
            for level in SHOWN_LEVELS
        ),
        Column("calibration_error", "calibration error", digits=3, best="low"),
        Column("laplace_error", "the same, Laplace", digits=3),
        Column("uncertainty", "mean uncertainty"),
        Column("rmse", "RMSE of these pixels", best="low"),
        Column("mae", "MAE of these pixels", best="low"),
        Column("width_90", "width of 90 % interval"),
        Column("rank", "rank correlation with error", digits=3, best="high"),
    ]
    note = (
        "Pixels of all cases together. Intervals are those of a normal distribution with the uncertainty as standard "
        "error; the calibration error is the mean difference between what they promise and what they hold."
    )
    return Table("uncertainty", "Uncertainty under clouds", columns, rows, "generator", note)


def _percent(level: float) -> int:
    return round(100 * level)
