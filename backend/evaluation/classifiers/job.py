"""Measures land-cover classifiers on labelled images that none of them has learned from, each with several classes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from ...classifier import Classifier, load
from ...datasets.place import Place
from ...datasets.registry import CLASSES, SHOWN_RANGES, labelled_root_of, open_source
from ...datasets.source import Source
from ...devices import find_device
from ...errors import InputError, ModelError, UsageError
from ...evaluation_jobs import EvaluateClassifiers
from ...label_metrics import give_labels
from ...protocol import Done
from ...reporting import Reporter
from ..reports import writing
from ..reports.report import as_text
from .judged import Judged, Labels, Probabilities
from .report import make_report

BATCH = 64


def evaluate_classifiers(job: EvaluateClassifiers, report: Reporter) -> Done:
    """Asks classifiers what images show, and writes how often they are right.

    Raises:
        UncloudedError: The subclass says what is wrong.
    """
    writing.check(job.output, job.overwrite)
    name, source = _open(job)
    classifiers = _load(job.classifiers, CLASSES[name], name)
    _check_unseen(job.split, source, classifiers)
    labels, said = _ask(job, name, source, classifiers, report)
    judged = [_judge(row, classifier, labels, said[row]) for row, classifier in classifiers.items()]
    made = make_report(job, name, labels, judged)
    for table in made.sections[0].tables:
        report.log("info", as_text(table))
    writing.write(made, job.output, job.overwrite)
    return Done(job.id, job.output)


def _open(job: EvaluateClassifiers) -> tuple[str, Source]:
    """Opens the images, and gives the name of their data set."""
    if job.dataset is None or job.dataset not in CLASSES:
        came = "No data set was named" if job.dataset is None else f"The data set {job.dataset!r} has no classes"
        raise UsageError(f"{came}; labelled images are needed.", f"Choose one with --dataset: {', '.join(CLASSES)}.")
    return job.dataset, open_source(job.dataset, labelled_root_of(job.dataset, job.data), job.split)


def _load(paths: Sequence[str], classes: Sequence[str], dataset: str) -> dict[str, Classifier]:
    """Loads classifiers by the names of their rows.

    Raises:
        UsageError: One is given twice.
        ModelError: One cannot be loaded, or its classes are not those of the data.
    """
    loaded = {path: load(path) for path in paths}
    first: dict[str, str] = {}
    for number, path in enumerate(paths):
        other = first.setdefault(loaded[path].card.sha256, path)
        if other != path or path in paths[:number]:
            raise UsageError(f"{other} and {path} are the same classifier.", "Give each classifier once.")
    for path, classifier in loaded.items():
        _check_classes(path, classifier, classes, dataset)
    names = [classifier.card.name for classifier in loaded.values()]
    return {name if names.count(name) == 1 else path: loaded[path] for name, path in zip(names, paths, strict=True)}


def _check_classes(path: str, classifier: Classifier, classes: Sequence[str], dataset: str) -> None:
    lost = [name for name in classes if name not in classifier.card.classes]
    more = [name for name in classifier.card.classes if name not in classes]
    if lost or more:
        parts = [f"it lacks {', '.join(lost)}"] * bool(lost) + [f"it alone has {', '.join(more)}"] * bool(more)
        raise ModelError(
            f"The classes of {path} are not those of {dataset}: {'; '.join(parts)}.",
            "Give a classifier and a data set with classes of the same names.",
        )


def _check_unseen(split: str, source: Source, classifiers: dict[str, Classifier]) -> None:
    """Refuses images of a data set's training split to classifiers that were trained on it."""
    family = source.names[0].partition("/")[0]
    for row, classifier in classifiers.items():
        if split == "train" and any(entry.partition(":")[0] == family for entry in classifier.card.training_data):
            raise UsageError(f"{row} has learned from these images.", "Measure it on --split test or validation.")


def _ask(
    job: EvaluateClassifiers, dataset: str, source: Source, classifiers: dict[str, Classifier], report: Reporter
) -> tuple[Labels, dict[str, Probabilities]]:
    """Gives the true classes of the images, and the probabilities that each classifier gives: (N, K) in their order."""
    classes, device = CLASSES[dataset], find_device(job.device)
    factor = np.float32(SHOWN_RANGES.get(dataset, 1))
    said: dict[str, list[Probabilities]] = {row: [] for row in classifiers}
    seen: list[tuple[str, tuple[str, ...]]] = []
    for some in _batches(_places(source, job, report)):
        images = torch.from_numpy(np.stack([place.days[0].optical for place in some]) * factor).to(device)
        for row, classifier in classifiers.items():
            order = [classifier.card.classes.index(name) for name in classes]
            with torch.inference_mode():
                probabilities = classifier.to(device)(images, some[0].bands)
            said[row].append(probabilities[:, order].cpu().numpy())
        seen += [(place.group or place.name, place.labels) for place in some]
    if not seen:
        raise InputError(f"Not one image of {dataset} can be read and has a class.", "Get the data set again.")
    truth = np.array([[name in labels for name in classes] for _, labels in seen])
    return Labels(classes, [group for group, _ in seen], truth), {
        row: np.concatenate(parts) for row, parts in said.items()
    }


def _batches(places: Iterable[Place]) -> Iterator[list[Place]]:
    """Takes images of one size and with the same bands together."""
    for _, alike in itertools.groupby(places, lambda place: (place.bands, place.days[0].optical.shape)):
        while some := list(itertools.islice(alike, BATCH)):
            yield some


def _places(source: Source, job: EvaluateClassifiers, report: Reporter) -> Iterator[Place]:
    """Reads the images that have a class; those that are bad are left out with a warning."""
    numbers = np.arange(len(source))
    if job.limit and job.limit < len(numbers):
        numbers = np.sort(np.random.default_rng(job.seed).choice(numbers, job.limit, replace=False))
    left_out = 0
    for done, number in enumerate(numbers):
        report.progress(done / len(numbers), "asking what images show")
        try:
            place = source[int(number)]
        except InputError as error:
            report.log("warning", f"{source.names[int(number)]} is left out: {error.message}")
            continue
        if place.labels:
            yield place
        left_out += not place.labels
    if left_out:
        report.log("warning", f"{left_out} image(s) without a class are left out.")


def _judge(row: str, classifier: Classifier, labels: Labels, said: Probabilities) -> Judged:
    return Judged(row, classifier.card, said, give_labels(said, classifier.card.threshold))
