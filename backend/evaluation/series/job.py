"""The job EvaluateSeries: how steadily generators and methods reconstruct the days of a place."""

from __future__ import annotations

from collections.abc import Sequence

from ...card import Card, read_card
from ...datasets.registry import root_of
from ...errors import InputError
from ...evaluation_jobs import EvaluateSeries
from ...installed import find_model
from ...protocol import Done
from ...reporting import Reporter
from ..cases import choose, open_places, training_prior
from ..reports import writing
from ..reports.report import as_text
from ..rows import open_rows
from ..seen import check_unseen
from . import report as series_report
from .cases import LEAST_DAYS, LEAST_PX, Series, draw_all
from .measures import measure
from .report import Curve, Measured, Shown

DATES = 3
"""Of datasets.choices, which draw none here: the other days of a series are its dates."""


def evaluate_series(job: EvaluateSeries, report: Reporter) -> Done:
    """Runs the job.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    writing.check(job.output, job.overwrite)
    cards = [read_card(find_model(model)) for model in job.models]
    name, collection = open_places(job.data, job.dataset, job.split)
    choices = choose("same-day", None, True, DATES)
    prior, meaning = training_prior(
        name, root_of(name, job.data), job.split, cards[0].prior if cards else {}, collection
    )
    rows = open_rows(job.models, job.methods, prior, job.device)
    found = Measured()
    for done, series in draw_all(collection, choices, job.each, job.seed):
        report.progress(0.98 * done, "reconstructing the days of a place")
        if series is not None:
            _check_unseen(cards, series, found.notes, report)
            means = measure(series, rows, found.figures, found.notes)
            found.curve = found.curve or Curve.of(series, means)
            found.shown.append(Shown.of(series))
        if job.limit is not None and len(found.shown) == job.limit:
            break
    if not found.shown:
        raise InputError(
            f"Not one of the {len(collection.places)} place(s) of {name} ({job.split}) has {LEAST_DAYS} clear days of "
            f"at least {LEAST_PX} x {LEAST_PX} px.",
            "Choose a data set of several days, such as sen12ms-cr-ts, or another split.",
        )
    made = series_report.build(job, name, meaning, found)
    writing.write(made, job.output, job.overwrite)
    for table in made.sections[0].tables:
        report.log("info", as_text(table))
    return Done(job.id, job.output)


def _check_unseen(cards: Sequence[Card], series: Series, notes: list[str], report: Reporter) -> None:
    """Refuses a generator that saw the place, and notes what its card leaves open.

    Raises:
        ModelError: It saw it.
    """
    for card in cards:
        for warning in check_unseen(card, [series.place]):
            if warning not in notes:
                report.log("warning", warning)
                notes.append(warning)
