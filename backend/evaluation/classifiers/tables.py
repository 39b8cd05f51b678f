"""The tables of the report on classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...label_metrics import average_precisions, class_scores, tallies
from ...sensors import Bool
from ...statistics import Figure
from ..reports.report import Best, Cell, Column, Row, Table
from .judged import Judged, Labels, class_figures, differences, image_figures

TITLES = {"precision": "Precision", "recall": "Recall", "f1": "F1", "f2": "F2"}
OF_IMAGES = TITLES | {"accuracy": "Exactly right"}
LABEL = "Classifier"


def by_image(labels: Labels, given: Mapping[str, Bool], judged: Sequence[Judged], seed: int) -> Table:
    """Means over the images, as the paper gives them."""
    thresholds: dict[str, dict[str, Cell]] = {one.name: {"threshold": one.card.threshold} for one in judged}
    rows = []
    for name, told in given.items():
        counted: dict[str, Cell] = {"given": float(told.sum(axis=1).mean())}
        rows.append(Row(name, image_figures(labels, told, seed) | counted | thresholds.get(name, {})))
    return Table(
        "images",
        "Mean over the images",
        [
            *_columns(OF_IMAGES),
            Column("given", "Classes given", "per image", 2),
            Column("threshold", "Threshold", digits=2),
        ],
        rows,
        LABEL,
        "Figures of each image, then their mean. Exactly right: all its classes and no other.",
    )


def compared(labels: Labels, judged: Sequence[Judged], seed: int) -> Table:
    """What each classifier does better than the first."""
    first, *others = judged
    return Table(
        "differences",
        f"Differences from {first.name}",
        _columns(OF_IMAGES, best=""),
        [Row(one.name, differences(labels, one.given, first.given, seed)) for one in others],
        LABEL,
        f"Image by image, then the mean: above 0 where the classifier does better than {first.name}. An interval that "
        "holds 0 tells nothing.",
    )


def averages(labels: Labels, given: Mapping[str, Bool], judged: Sequence[Judged], seed: int) -> list[Table]:
    """Means over the classes, and the figures of all decisions."""
    figures = {name: class_figures(labels, told, seed) for name, told in given.items()}
    precise = {
        one.name: {"map": Figure(float(np.nanmean(average_precisions(labels.truth, one.said))))} for one in judged
    }
    macro, micro = _prefixed("macro"), _prefixed("micro")
    return [
        Table(
            "classes",
            "Mean over the classes",
            _columns(macro | {"map": "Average precision"}),
            [Row(name, {key: found[key] for key in macro} | precise.get(name, {})) for name, found in figures.items()],
            LABEL,
            "Each class weighs the same, however rare (macro): the means of the figures of the classes. Average "
            "precision: area below precision over recall, whatever the threshold.",
        ),
        Table(
            "decisions",
            "All decisions together",
            _columns(micro),
            [Row(name, {key: found[key] for key in micro}) for name, found in figures.items()],
            LABEL,
            "Each class that is given or missed weighs the same, in whatever image (micro).",
        ),
    ]


def of_classes(labels: Labels, one: Judged, key: str) -> Table:
    """How well a classifier tells each class, the most frequent one first."""
    scores = class_scores(tallies(labels.truth, one.given).sum(axis=0)) | {
        "ap": average_precisions(labels.truth, one.said)
    }
    rows = []
    for index in labels.by_frequency:
        counted: dict[str, Cell] = {
            "images": int(labels.truth[:, index].sum()),
            "given": int(one.given[:, index].sum()),
        }
        rows.append(
            Row(labels.classes[index], counted | {name: float(values[index]) for name, values in scores.items()})
        )
    return Table(
        key,
        one.name,
        [
            Column("images", "Images that have it"),
            Column("given", "Images that are given it"),
            *_columns(TITLES | {"ap": "Average precision"}, best=""),
        ],
        rows,
        "Class",
    )


def _prefixed(kind: str) -> dict[str, str]:
    return {f"{kind}_{name}": title for name, title in TITLES.items()}


def _columns(titles: Mapping[str, str], best: Best = "high") -> list[Column]:
    return [Column(key, title, digits=3, best=best) for key, title in titles.items()]
