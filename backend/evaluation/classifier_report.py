"""What is said of classifiers: how often they are right, class by class, and at other thresholds."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..evaluation_jobs import EvaluateClassifiers
from ..label_metrics import THRESHOLDS, average_precisions, class_scores, tallies
from ..sensors import Bool
from ..statistics import Figure
from ..version import VERSION
from .classifier_pictures import confusion, precision_recall
from .judged import Judged, Labels, always, class_figures, differences, image_figures
from .pictures import bars
from .report import Best, Cell, Column, Picture, Report, Row, Section, Table

TITLES = {"precision": "Precision", "recall": "Recall", "f1": "F1", "f2": "F2"}
COUNTS = (Column("given", "Classes given", "per image", 2), Column("threshold", "Threshold", digits=2))
SINGLE = (
    "Every image here has one class only. Precision, recall, F1 and F2 of an image that is given one class are then "
    "all 1 or all 0, and their means are the share of images exactly right; they differ for rows that give several."
)


def make_report(job: EvaluateClassifiers, dataset: str, labels: Labels, judged: Sequence[Judged]) -> Report:
    """Puts a report together; its first section holds the tables that matter."""
    given = always(labels) | {one.name: one.given for one in judged}
    return Report(
        "Land-cover classifiers",
        _command(job),
        _facts(job, dataset, labels),
        [
            Section("Classifiers compared", _how(job, labels), _tables(job, labels, given, judged)),
            _by_class(labels, judged),
            _by_threshold(labels, judged, job.split),
            _confused(labels, judged),
        ],
    )


def _facts(job: EvaluateClassifiers, dataset: str, labels: Labels) -> dict[str, str]:
    groups = len(set(labels.groups))
    return {
        "Data": f"{dataset}, split {job.split}: {len(labels.truth)} images in {groups} groups",
        "Classes": f"{len(labels.classes)}, of which an image has {labels.truth.sum(axis=1).mean():.2f} on average",
        "Seed": str(job.seed),
        "Machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, device {job.device}",
        "Versions": f"Unclouded {VERSION}, torch {torch.__version__}",
    }


def _command(job: EvaluateClassifiers) -> str:
    options = {"--data": job.data, "--dataset": job.dataset, "--split": job.split, "--limit": job.limit}
    chosen = [str(word) for key, value in options.items() if value is not None for word in (key, value)]
    seed = ["--seed", str(job.seed)] if job.seed else []
    return shlex.join(["unclouded", "evaluate-classifiers", *job.classifiers, *chosen, *seed, "--report", job.output])


def _how(job: EvaluateClassifiers, labels: Labels) -> str:
    threshold = (
        "A classifier gives the classes whose probability reaches the threshold of its card, which was chosen in "
        "training on the validation images of its own data, for the highest F1; 0 means that it gives the likeliest "
        "class alone. No threshold was chosen here."
    )
    if job.split == "validation":
        threshold += " These are the images that they were chosen on, if the classifiers were trained on this data set."
    constant = (
        "The rows that are 'always' given know the frequencies of these very images, which the classifiers do not. "
        "Intervals hold 95 % of the means of resampled groups of images that show the same ground (cluster bootstrap); "
        "they do not know that another training with another seed would give another classifier."
    )
    return "\n\n".join([*([SINGLE] if labels.is_single else []), threshold, constant])


def _tables(
    job: EvaluateClassifiers, labels: Labels, given: Mapping[str, Bool], judged: Sequence[Judged]
) -> list[Table]:
    thresholds = {one.name: one.card.threshold for one in judged}
    images = Table(
        "images",
        "Mean over the images",
        [*_columns(TITLES | {"accuracy": "Exactly right"}), *COUNTS],
        [
            Row(name, _cells(image_figures(labels, told, job.seed), told, thresholds.get(name)))
            for name, told in given.items()
        ],
        "Classifier",
        "Figures of each image, then their mean. Exactly right: all its classes and no other.",
    )
    titles = {
        f"{kind}_{name}": f"{kind.capitalize()} {title}"
        for kind in ("macro", "micro")
        for name, title in TITLES.items()
    }
    classes = Table(
        "averages",
        "Mean over the classes, and over all single decisions",
        [*_columns(titles), Column("map", "Mean average precision", digits=3, best="high")],
        [
            Row(name, class_figures(labels, told, job.seed) | _mean_average_precision(labels, judged, name))
            for name, told in given.items()
        ],
        "Classifier",
        "Macro: each class weighs the same, however rare; its F1 is the mean of the classes' F1. Micro: each class "
        "that is given or missed weighs the same. Average precision: area below precision over recall, whatever the "
        "threshold.",
    )
    return [images, classes, *([_differences(job, labels, judged)] if len(judged) > 1 else [])]


def _columns(titles: Mapping[str, str], best: Best = "high") -> list[Column]:
    return [Column(key, title, digits=3, best=best) for key, title in titles.items()]


def _cells(figures: Mapping[str, Figure], told: Bool, threshold: float | None) -> dict[str, Cell]:
    return {
        **figures,
        "given": float(told.sum(axis=1).mean()),
        **({} if threshold is None else {"threshold": threshold}),
    }


def _mean_average_precision(labels: Labels, judged: Sequence[Judged], name: str) -> dict[str, Figure]:
    found = {one.name: one.said for one in judged}
    return {"map": Figure(float(np.nanmean(average_precisions(labels.truth, found[name]))))} if name in found else {}


def _differences(job: EvaluateClassifiers, labels: Labels, judged: Sequence[Judged]) -> Table:
    first, *others = judged
    return Table(
        "differences",
        f"Differences from {first.name}",
        _columns(TITLES | {"accuracy": "Exactly right"}, best=""),
        [Row(one.name, differences(labels, one.given, first.given, job.seed)) for one in others],
        "Classifier",
        f"Image by image, then the mean: above 0 where the classifier does better than {first.name}. An interval that "
        "holds 0 tells nothing.",
    )


def _by_class(labels: Labels, judged: Sequence[Judged]) -> Section:
    """How often each class comes, and how well it is told."""
    order = np.argsort(-labels.truth.sum(axis=0), kind="stable")
    names = [labels.classes[index] for index in order]
    shares = {"true": labels.truth} | {one.name: one.given for one in judged}
    picture = bars(
        names, {name: told.mean(axis=0)[order].tolist() for name, told in shares.items()}, "share of the images"
    )
    columns = [
        Column("images", "Images that have it"),
        Column("given", "Images that are given it"),
        *_columns(TITLES | {"ap": "Average precision"}, best=""),
    ]
    tables = [
        Table(
            f"classes_{number}",
            one.name,
            columns,
            _class_rows(labels, one, order),
            "Class",
        )
        for number, one in enumerate(judged, 1)
    ]
    return Section(
        "Classes",
        "The most frequent class first. Precision is the share of the images given a class that have it, recall the "
        "share of those that have it that are given it.",
        tables,
        [Picture("How often classes come", picture, "Share of the images that have each class and that are given it.")],
    )


def _class_rows(labels: Labels, one: Judged, order: NDArray[np.intp]) -> list[Row]:
    scores = class_scores(tallies(labels.truth, one.given).sum(axis=0))
    precisions = average_precisions(labels.truth, one.said)
    return [
        Row(
            labels.classes[index],
            {
                "images": int(labels.truth[:, index].sum()),
                "given": int(one.given[:, index].sum()),
                **{name: float(values[index]) for name, values in scores.items()},
                "ap": float(precisions[index]),
            },
        )
        for index in order
    ]


def _by_threshold(labels: Labels, judged: Sequence[Judged], split: str) -> Section:
    return Section(
        "Thresholds",
        f"Mean precision and recall of the images for thresholds from {THRESHOLDS[0]} to {THRESHOLDS[-1]}; an image "
        "that is given no class has a precision of 0, so that both fall where few are given. The marked point is the "
        "threshold of the classifier's card: it was chosen on validation images in training, not on this curve "
        f"(split {split}).",
        pictures=[
            Picture(
                "Precision and recall",
                precision_recall(labels, judged),
                "A line for each classifier: mean precision over mean recall; a mark at the threshold of its card.",
            )
        ],
    )


def _confused(labels: Labels, judged: Sequence[Judged]) -> Section:
    return Section(
        "What is taken for what",
        "On the diagonal: of the images that have a class, the share that is given it (its recall). Beside it: of the "
        "images that have the row's class and lack the column's, the share that is given the column's all the same. "
        "Dots where there are no such images.",
        pictures=[
            Picture(one.name, confusion(labels, one), f"Matrix of the classes that {one.name} gives, by true class.")
            for one in judged
        ],
    )
