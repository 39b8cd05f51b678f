"""The job EvaluateMasks: cloud masks of the detector, and those that generators imply, against what is known."""

from __future__ import annotations

from collections.abc import Sequence

from ...datasets.clear import cities, landscapes, with_sar
from ...datasets.collection import data_root
from ...errors import InputError, UsageError
from ...evaluation_jobs import EvaluateMasks
from ...inference import Generator
from ...protocol import Done
from ...reporting import Reporter
from ..cases import Cases, choose, open_places
from ..reports import writing
from ..reports.report import as_text
from ..seen import check_all_unseen
from . import report as mask_report
from .implied import Question, questions
from .labels import Labelled, find_pairs, open_labelled
from .measures import (
    EVERYTHING,
    Measured,
    measure_clear,
    measure_detector,
    measure_implied,
    measure_simulated,
    measure_threshold,
)

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
DATES = 3
CLEAR_SETS = (cities, landscapes, with_sar)
"""Of UNCLOUDED_DATA."""


class Steps:
    """Progress in steps of about equal length.

    Args:
        report: Told of it.
        total: Number of steps.
    """

    def __init__(self, report: Reporter, total: int) -> None:
        self._report, self._total, self._begun = report, total, 0

    def begin(self, stage: str) -> None:
        """Says what comes next; raises Cancelled if the job was given up."""
        self._report.progress(min(self._begun / self._total, 0.99), stage)
        self._begun += 1


def evaluate_masks(job: EvaluateMasks, report: Reporter) -> Done:
    """Runs the job.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    writing.check(job.output, job.overwrite)
    generators = _open(job.models, job.device)
    chips = open_labelled(find_pairs(job.labels or [str(data_root() / mask_report.FOLDER)]), report.log)
    cases = None if job.labels else _simulated()
    found = Measured()
    if cases is not None:
        _check_unseen(generators, chips, cases, found, report)
    asked = [question for generator in generators for question in questions(generator)]
    steps = Steps(report, len(chips) * (1 + len(THRESHOLDS) + len(asked)) + len(cases or ()) + len(CLEAR_SETS))
    for chip in chips:
        _measure_labelled(chip, asked, job.tolerance_px, found, steps, report)
    _check_counted(found)
    if cases is not None:
        _measure_clear(found, steps, report)
        _measure_simulated(cases, asked, found, steps)
    made = mask_report.build(job, chips, found)
    writing.write(made, job.output, job.overwrite)
    report.log("info", as_text(made.sections[0].tables[0]))
    return Done(job.id, job.output)


def _open(models: Sequence[str], device: str) -> list[Generator]:
    """Loads generators, each of its own name."""
    generators = [Generator(model, device) for model in models]
    names = [generator.card.name for generator in generators]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"Several generators are called {', '.join(twice)}.", "Name each of them once.")
    return generators


def _simulated() -> Cases:
    """Gives the cases with same-day truth on the validation places."""
    return Cases(open_places(None, None, "validation")[1], choose("same-day", None, True, DATES), 1, 0)


def _check_unseen(
    generators: Sequence[Generator], chips: Sequence[Labelled], cases: Cases, found: Measured, report: Reporter
) -> None:
    """Refuses a generator that saw a place of UNCLOUDED_DATA that is measured on, and notes what its card leaves open.

    Raises:
        ModelError: It saw one.
    """
    names = [*(f"{mask_report.FOLDER}/{chip.name}" for chip in chips), *cases.collection.names]
    found.warnings += check_all_unseen([generator.card for generator in generators], names, report)


def _measure_labelled(
    chip: Labelled, asked: Sequence[Question], tolerance_px: int, found: Measured, steps: Steps, report: Reporter
) -> None:
    steps.begin(f"looking for clouds in {chip.name}")
    measure_detector(chip, tolerance_px, found, report.log)
    for threshold in THRESHOLDS:
        steps.begin(f"looking for clouds in {chip.name}, threshold {threshold:g}")
        measure_threshold(chip, threshold, tolerance_px, found)
    for question in asked:
        steps.begin(f"{question.name}, on {chip.name}")
        measure_implied(chip, question, tolerance_px, found)


def _check_counted(found: Measured) -> None:
    """Refuses labels that nothing can be said of."""
    counts = found.labelled[EVERYTHING].counts
    for image in counts:
        if not counts[image].total:
            raise InputError(
                f"No pixel of {image} counts: image and label have none in common, or all lie near a rim.",
                "Give a label that covers measured pixels, or a smaller tolerance.",
            )
    if not any(one.hits for one in counts.values()):
        raise InputError(
            "The labels hold no cloud: neither recall nor F1 exist then.", "Give at least one image with clouds."
        )


def _measure_clear(found: Measured, steps: Steps, report: Reporter) -> None:
    for read in CLEAR_SETS:
        steps.begin("looking for clouds where there are none")
        for place in read(data_root()):
            report.check_cancelled()
            measure_clear(place, found)


def _measure_simulated(cases: Cases, asked: Sequence[Question], found: Measured, steps: Steps) -> None:
    for index in range(len(cases)):
        steps.begin("asking about simulated clouds")
        case = cases[index]
        if case is not None:
            measure_simulated(case, asked, found)
