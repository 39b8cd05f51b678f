"""Tables of what is summed over cases: uncertainty, and the distance of what a classifier sees."""

from __future__ import annotations

from collections.abc import Sequence

from ...calibration import LEVELS, Calibration
from ...errors import InputError
from ...frechet import FOLDS, MINIMUM, Seen, estimate_distance, relative_variety
from ...statistics import Figure
from ..reports.report import Cell, Column, Row, Table
from .sums import HALVES, TRUTH

SHOWN_LEVELS = (0.5, 0.9, 0.95)
NORMAL_95 = 1.96


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


def distance_table(seen: dict[str, Seen], rows: Sequence[str]) -> Table | None:
    """How far the images of each row are from clear ones; None if no crop was seen."""
    if TRUTH not in seen:
        return None
    truth = seen[TRUTH]
    lines = [_distance(row, seen[row], truth) for row in rows if row in seen]
    if set(HALVES) <= set(seen):
        lines.append(_distance("clear against clear of other places", *(seen[half] for half in HALVES)))
    columns = [
        Column("crops", "crops", digits=0),
        Column("distance", "Frechet distance", digits=3),
        Column("plain", "without extrapolation", digits=3),
        Column("variety", "variety", digits=3),
        Column("inception", "inception score", digits=3),
        Column("remark", "remark"),
    ]
    note = (
        "Of what the land-cover classifier sees in crops of 64 x 64 px with at least a tenth under cloud, against the "
        f"truth of the same crops, if there are {MINIMUM} of {FOLDS} places; only distances of equally many crops are "
        "to be compared. Identity is cloudy against clear. The last row is the floor: truths of half of the places "
        "against those of the other half. Variety is the variance of the features relative to that of the truth. The "
        f"inception score of the truth is {truth.classes.score:.3f}."
    )
    return Table("distances", "Frechet distance and variety", columns, lines, "method", note)


def _distance(name: str, one: Seen, truth: Seen) -> Row:
    cells: dict[str, Cell] = {
        "crops": one.moments.count,
        "variety": relative_variety(one, truth),
        "inception": one.classes.score,
    }
    try:
        distance = estimate_distance(one, truth)
    except InputError:
        return Row(name, {**cells, "remark": "too few"})
    half = NORMAL_95 * distance.error
    figure = Figure(distance.value, distance.value - half, distance.value + half, distance.count)
    remark = "" if one.moments.count == truth.moments.count else "not of all crops"
    return Row(name, {**cells, "distance": figure, "plain": distance.plain, "remark": remark})


def _percent(level: float) -> int:
    return round(100 * level)
