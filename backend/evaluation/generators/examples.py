"""A few cases drawn again to be looked at: the best, the median and the worst of the first generator, and others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...clouds import CLEAR, CLOUD, NODATA
from ...sensors import Bool, Float
from ..cases import Case, Cases
from ..reports.panels import Panel, panels, true_colours
from ..reports.report import Picture
from ..rows import Row
from .findings import Findings
from .measures import hidden_of, target_of
from .tables import ERROR

COVERS = (0.15, 0.5, 0.85)
"""Quantiles of cloud cover, of each of which a case is shown."""


def choose_examples(found: Findings, row: str) -> dict[int, str]:
    """Chooses up to six cases.

    Args:
        found: All figures.
        row: By whose error under clouds they are chosen.

    Returns:
        Why each was chosen, by its number among the measured cases.
    """
    errors = found.column(row, ERROR)
    known = np.flatnonzero(np.isfinite(errors))
    if not len(known):
        return {}
    by_error = known[np.argsort(errors[known], kind="stable")]
    by_cover = known[np.argsort(found.cover[known], kind="stable")]
    chosen: dict[int, str] = {}
    for number, why in ((by_error[0], "best"), (by_error[len(known) // 2], "median"), (by_error[-1], "worst")):
        chosen.setdefault(int(number), why)
    for quantile in COVERS:
        number = int(by_cover[round(quantile * (len(known) - 1))])
        chosen.setdefault(number, f"{found.cover[number]:.0%} cloud".replace("%", " %"))
    return chosen


def draw_examples(found: Findings, cases: Cases, rows: Sequence[Row]) -> list[Picture]:
    """Draws the examples again and shows what the rows make of them, one picture for each.

    Args:
        found: All figures.
        cases: By whose numbers they are drawn.
        rows: What is shown; examples are chosen by the first.
    """
    pictures = []
    for number, why in choose_examples(found, rows[0].name).items():
        case = cases[found.indices[number]]
        if case is not None:
            error = found.column(rows[0].name, ERROR)[number]
            pictures.append(
                Picture(
                    f"{case.name}: {why} ({rows[0].name}: reconstruction MAE {error:.4f})",
                    _draw(case, rows),
                    "For each method the input, its result, the truth, the error, the mask and the uncertainty.",
                )
            )
    return pictures


def _draw(case: Case, rows: Sequence[Row]) -> bytes:
    """A line of panels for each row that serves."""
    able = [row for row in rows if not row.suits(case.given(row.told))]
    return panels([_line(case, row) for row in able], [row.name for row in able])


def _line(case: Case, row: Row) -> list[Panel]:
    sample, seen = case.sample, case.sample.observation
    made = row.reconstruct(case.given(row.told))
    image, target = row.image(seen, made), target_of(sample)
    error = np.abs(np.clip(image, 0, 1) - np.clip(sample.truth, 0, 1)).mean(axis=0)

    def colours(shown: Float, known: Bool) -> Float:
        return true_colours(np.where(known, shown, 0), seen.bands, sample.truth, target)

    return [
        Panel("input", image=colours(seen.optical, seen.valid)),
        Panel("result", image=colours(image, seen.valid)),
        Panel("clear", image=colours(sample.truth, target)),
        Panel("error", heat=np.where(target, error, np.nan)),
        Panel("mask", mask=np.where(seen.valid, np.where(seen.cloud, CLOUD, CLEAR), NODATA)),
        Panel("uncertainty", heat=np.where(hidden_of(sample), made.uncertainty.mean(axis=0), np.nan)),
    ]
