"""The table of what a classifier sees, summed over cases: distance and variety."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.special import stdtrit

from ...errors import InputError
from ...frechet import FOLDS, MINIMUM, Seen, estimate_distance, relative_variety
from ...statistics import Figure
from ..reports.report import Cell, Column, Row, Table
from .sums import HALVES, TRUTH

STUDENT_95 = float(stdtrit(FOLDS - 1, 0.975))
"""Standard errors to each side of an interval of 95 %: of FOLDS parts, an error itself is uncertain (t = 2.36)."""


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
    half = STUDENT_95 * distance.error
    figure = Figure(distance.value, distance.value - half, distance.value + half, distance.count)
    remark = "" if one.moments.count == truth.moments.count else "not of all crops"
    return Row(name, {**cells, "distance": figure, "plain": distance.plain, "remark": remark})
