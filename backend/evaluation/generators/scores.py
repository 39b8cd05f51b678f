"""Figures of an evaluation in the cards of the generators that were measured."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...calibration import LEVELS, Calibration
from ...errors import OutputError
from ...models import weights
from ...statistics import Figure
from ..reports.figures import PARTS
from .tables import ERROR, MAIN, best_untrained

if TYPE_CHECKING:
    from .report import Measured

DIGITS = 5
COVERAGE = 0.9
"""Of the interval whose coverage a card states."""


def check_writable(paths: Iterable[str]) -> None:
    """Raises OutputError if a card cannot be written, which is better known before the work."""
    for path in paths:
        if not os.access(path, os.W_OK) or not os.access(os.path.dirname(path) or ".", os.W_OK):
            raise OutputError(f"The card of {path} cannot be written.", "Copy the generator to a folder of your own.")


def write_scores(measured: Measured, command: str) -> None:
    """Writes the figures of each generator into its card, beside those that it has of other data.

    Raises:
        OutputError: A file cannot be written.
    """
    for name in measured.generators:
        path = measured.paths[name]
        card, network = weights.load(path)
        scores = {**card.scores, title_of(measured): scores_of(measured, name, command)}
        try:
            weights.save(path, dataclasses.replace(card, scores=scores), network.state_dict())
        except OSError as error:
            raise OutputError(
                f"The card of {path} cannot be written: {error.strerror}.", "Copy it elsewhere."
            ) from error


def title_of(measured: Measured) -> str:
    """Names what was measured, in a card."""
    job = measured.job
    bands = f", bands {','.join(job.bands)}" if job.bands else ""
    given = f"{'with' if job.sar else 'without'} SAR, {job.dates} dates"
    return f"{measured.data_set}, {job.split}, {job.truth} truth, {given}{bands}"


def scores_of(measured: Measured, name: str, command: str) -> dict[str, Any]:
    """Gives the figures of one generator: means, and its error minus that of the best row without training."""
    found = measured.found
    best = best_untrained(found, name, measured.untrained)
    difference = found.difference(name, best, ERROR)
    means: dict[str, dict[str, float]] = {part: {} for part in PARTS}
    for part, figure in MAIN:
        mean = found.figure(name, f"{part}.{figure}").mean
        if math.isfinite(mean):
            means[part][figure] = round(mean, DIGITS)
    return {
        "command": command,
        "cases": int(found.measured(name).sum()),
        "places": len({group for group, there in zip(found.groups, found.measured(name), strict=True) if there}),
        **means,
        **_coverage(measured.sums.uncertainty[name]),
        "minus_best_without_training": {"rival": best, **_interval(difference)},
    }


def _coverage(calibration: Calibration) -> dict[str, float]:
    share = float(calibration.coverage()[LEVELS.index(COVERAGE)])
    return {f"coverage_{round(100 * COVERAGE)}": round(share, DIGITS)} if math.isfinite(share) else {}


def _interval(difference: Figure) -> dict[str, Any]:
    mean = {"mae": round(difference.mean, DIGITS), "cases": difference.count}
    if math.isnan(difference.low):
        return mean
    return mean | {"interval_95": [round(difference.low, DIGITS), round(difference.high, DIGITS)]}
