"""What is said of classifiers: how often they are right, class by class, and at other thresholds."""

from __future__ import annotations

from collections.abc import Sequence

from ...evaluation_jobs import EvaluateClassifiers
from ...label_metrics import THRESHOLDS
from ..reports.facts import command, machine
from ..reports.pictures import bars
from ..reports.report import Picture, Report, Section
from .judged import Judged, Labels, always
from .pictures import confusion, precision_recall
from .tables import averages, by_image, compared, of_classes

SINGLE = (
    "Every image here has one class only. Precision, recall, F1 and F2 of an image that is given one class are then "
    "all 1 or all 0, and their means are the share of images exactly right; they differ for rows that give several."
)


def make_report(job: EvaluateClassifiers, dataset: str, labels: Labels, judged: Sequence[Judged]) -> Report:
    """Puts a report together; its first section holds the tables that matter."""
    given = always(labels) | {one.name: one.given for one in judged}
    tables = [by_image(labels, given, judged, job.seed), *averages(labels, given, judged, job.seed)]
    if len(judged) > 1:
        tables.insert(1, compared(labels, judged, job.seed))
    return Report(
        "Land-cover classifiers",
        command("evaluate-classifiers", job),
        _facts(job, dataset, labels),
        [
            Section("Classifiers compared", _how(job, labels), tables),
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
        **machine(job.device),
    }


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


def _by_class(labels: Labels, judged: Sequence[Judged]) -> Section:
    """How often each class comes, and how well it is told."""
    order = labels.by_frequency
    shares = {"true": labels.truth} | {one.name: one.given for one in judged}
    heights = {name: told.mean(axis=0)[order].tolist() for name, told in shares.items()}
    picture = bars([labels.classes[index] for index in order], heights, "share of the images")
    return Section(
        "Classes",
        "The most frequent class first. Precision is the share of the images given a class that have it, recall the "
        "share of those that have it that are given it.",
        [of_classes(labels, one, f"classes_{number}") for number, one in enumerate(judged, 1)],
        [Picture("How often classes come", picture, "Share of the images that have each class and that are given it.")],
    )


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
