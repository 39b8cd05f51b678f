"""The land-cover test: whether a classifier sees the land better once clouds are removed (Aarnoutse and Witte, 2021).

With labels the truth is the label, and clear images give the ceiling. Without, it is what the same classifier says of
the clear image, as the authors had it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from ...classifier import DEFAULT, ClassifierCard, load
from ...datasets.registry import CLASSES
from ...devices import find_device
from ...errors import InputError, UsageError
from ...evaluation_jobs import EvaluateLandCover
from ...protocol import Done
from ...reporting import Reporter
from ..reports import writing
from ..reports.report import as_text
from ..rows import Row, cards_of, open_rows
from ..seen import check_all_unseen
from . import tables
from .answers import Answers
from .asking import Pictured, gather, pictured
from .cases import Images, open_images
from .patches import Judge
from .report import Examined, examples, make_report

CASES = ".cases.csv"
"""Behind the report's name: what was said of each place."""


def evaluate_landcover(job: EvaluateLandCover, report: Reporter) -> Done:
    """Runs the job.

    Raises:
        UsageError: There is no such data set, split, method or truth; or the classifier learned from the split.
        InputError: The data hold no image that can serve, or labels of which the classifier knows some only.
        ModelError: The classifier or a generator cannot be loaded, or does not fit the data.
        DeviceError: The device does not exist here.
        OutputError: The report cannot be written.
    """
    started = time.monotonic()
    writing.check(job.output, job.overwrite, [CASES])
    judge = Judge(load(job.classifier or str(DEFAULT)), find_device(job.device))
    images = open_images(job.data, job.dataset, job.split, job.truth, job.each, job.seed)
    check_unlearned(judge.card, images, job.split)
    labels = labels_of(images.name, judge.card, report)
    rows = open_rows(job.models, job.methods, images.cases.collection.prior, job.device)
    doubts = check_all_unseen(cards_of(rows), images.cases.collection.names, report)
    gathered = gather(images, rows, judge, job.limit, bool(labels), report)
    answers = gathered.answers(judge.card.classes, labels)
    asked = _served([row.name for row in rows if row.generator or row.name in job.methods], answers, report)
    examined = Examined(job, images, judge.card, answers, asked, cards_of(rows), doubts, bool(labels))
    report.progress(0.97, "drawing the report")
    shown = [(index, _again(images, gathered.numbers[index], rows)) for index in examples(examined)]
    further = {CASES: tables.cases(answers)}
    writing.write(make_report(examined, shown), job.output, job.overwrite, further)
    report.log("info", as_text(tables.accuracy(answers, examined.labelled)))
    report.log("info", f"{len(gathered.said)} images took {time.monotonic() - started:.0f} s.")
    return Done(job.id, job.output)


def _again(images: Images, number: int, rows: Sequence[Row]) -> Pictured:
    """Draws an image anew, for the report."""
    case = images.draw(number)
    if isinstance(case, str):
        raise InputError(f"A place of {images.name} has changed meanwhile: {case}.", "Start again.")
    return Pictured(number, case, pictured(case, rows))


def _served(asked: Sequence[str], answers: Answers, report: Reporter) -> list[str]:
    """Gives those that served for any image; says which did not."""
    idle = [name for name in asked if name not in answers.said]
    if idle:
        report.log("warning", f"{', '.join(idle)} could serve for no image: there are no other dates.")
    return [name for name in asked if name in answers.said]


def check_unlearned(card: ClassifierCard, images: Images, split: str) -> None:
    """Raises UsageError if a classifier was trained on this split."""
    learned = {entry.partition(":")[0] for entry in card.training_data}
    data_set = images.cases.collection.names[0].partition("/")[0]
    if split == "train" and data_set in learned:
        raise UsageError(
            f"The classifier {card.name!r} learned from the split 'train' of {data_set}.",
            "Choose the split test or validation.",
        )


def labels_of(data_set: str, card: ClassifierCard, report: Reporter) -> list[str]:
    """Gives what the data set calls each class of the classifier; its names may differ in blanks and case.

    Returns:
        K names, empty ones for classes that the data set does not have; none if it has no labels that the classifier
        knows.

    Raises:
        InputError: The classifier knows some of its labels and others not.
    """
    names = {_plain(name): name for name in CLASSES.get(data_set, ())}
    labels = [names.pop(_plain(name), "") for name in card.classes]
    if any(labels) and names:
        raise InputError(
            f"{data_set} has the class(es) {', '.join(names.values())}, which the classifier {card.name!r} does not "
            f"know; it knows {', '.join(card.classes)}.",
            "Choose a classifier that was trained on all classes of the data set.",
        )
    if names:
        report.log(
            "warning",
            f"The classifier {card.name!r} knows no class of {data_set}: what it says of clear images counts as true.",
        )
    return labels if any(labels) else []


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
