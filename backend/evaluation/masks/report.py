"""The report of cloud masks: tables from what was measured."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from ...clouds import GROW_PX
from ...datasets.collection import data_root, split_of
from ...datasets.place import read_split
from ...evaluation_jobs import EvaluateMasks
from ...mask_files import THRESHOLD
from ...mask_metrics import Counts
from ...statistics import summarise
from ..reports.facts import command, machine
from ..reports.panels import panels
from ..reports.pictures import curves
from ..reports.report import Cell, Column, Picture, Report, Row, Section, Table
from .implied import CHANGED
from .labels import Labelled
from .measures import BRIGHT_LIMIT, EVERYTHING, GROWN, Example, FalseCloud, Lacking, Measured
from .tallies import Tallies, Tally

FOLDER = "cloud_labels"
"""Of the labels in UNCLOUDED_DATA."""
SNOW = ("clear_l2a/286743", "clear_l2a/25630", "sar_optical/609U_541L_3_0")
"""Of the clear images, those that show snow or ice."""
MEASURES = (
    Column("precision", "precision", digits=3, best="high"),
    Column("recall", "recall", digits=3, best="high"),
    Column("f1", "F1", digits=3, best="high"),
    Column("f2", "F2", digits=3, best="high"),
    Column("iou", "IoU", digits=3, best="high"),
    Column("accuracy", "accuracy", digits=3, best="high"),
)
UNMARKED = [dataclasses.replace(column, best="") for column in MEASURES]
"""For tables whose rows are of different images."""
MEAN_F1 = Column("mean_f1", "mean F1", digits=3, best="high")
CURVE = (
    Column("average_precision", "AP", digits=3, best="high"),
    Column("best_f1", "best F1 (flattering)", digits=3),
    Column("best_threshold", "at threshold"),
)
RULES = (
    "Counted are pixels that the image measures and the label knows. Cloud is what the label calls cloud; shadow is "
    "not. Rows of all images add up their pixels; the mean F1 is that over images, with its 95 % interval, drawn image "
    "by image.\n\n"
    "The detector as found and grown is what a job finds with its default threshold, before and after the mask grows "
    f"by {GROW_PX} px. A pixel that it calls shadow is no cloud in these two rows, though a job replaces it, too: the "
    "row with shadows is all that a job replaces, and labels of clouds alone hold the shadows against it.\n\n"
    "A dash stands where there is nothing to divide by: precision of a mask without cloud, recall where the label has "
    "none."
)
ASKED = (
    "No generator is told where the clouds are: one that takes a mask would only give it back. It is told that all is "
    "clear, and that all is cloud; neither tells it anything of this image, but both are unlike what it learned from. "
    "So the figures say what a generator sees of clouds by itself, not how well it removes those that it is told of."
    "\n\n"
    "Attention: cloud is where a generator of T dates takes less of the image than an equal share, weight < 1 / T; the "
    "score is 1 - weight. Change: cloud is where its own image differs from the input by more than "
    f"{CHANGED:g} in the mean over bands; the difference is the score. Brightness knows only that clouds are bright: "
    f"mean reflectance above {BRIGHT_LIMIT:g}, the mean being the score. A score that does not beat it shows no "
    "knowledge of clouds.\n\n"
    "The best F1 stands at the threshold that was chosen on these labels: it flatters. Average precision (AP) needs "
    "no threshold."
)


def build(job: EvaluateMasks, chips: Sequence[Labelled], found: Measured) -> Report:
    """Makes the report."""
    sections = [_detector(chips, found, "" if job.labels else _splits(chips)), _thresholds(found)]
    if found.clear:
        sections.append(_clear(found.clear))
    if job.models:
        sections.append(_implied(found))
    if found.simulated.rows():
        sections.append(_simulated(found))
    facts = {
        "Images": ", ".join(chip.name for chip in chips),
        "Pixels near a rim that do not count": f"{job.tolerance_px} px",
        **machine(job.device),
        **({"Unseen?": " ".join(found.warnings)} if found.warnings else {}),
    }
    shown = [section for section in sections if section.tables]
    return Report("Cloud masks", command("evaluate-masks", job), facts, shown)


def _splits(chips: Sequence[Labelled]) -> str:
    """Says which images of UNCLOUDED_DATA the detector's rules were tuned on."""
    splits = read_split(data_root())
    named = ", ".join(f"{chip.name} {split_of(f'{FOLDER}/{chip.name}', splits)}" for chip in chips)
    return f"{named}: the detector's rules were tuned and its network trained on train."


def _detector(chips: Sequence[Labelled], found: Measured, tuned: str) -> Section:
    tallies = found.labelled.rows()
    every = [Row(tally.name, _measures(tally.total()) | {"mean_f1": tally.mean_f1(found.groups)}) for tally in tallies]
    single = [
        Row(f"{chip.name}: {tally.name}", _measures(tally.counts[chip.name])) for chip in chips for tally in tallies
    ]
    covers = ", ".join(f"{chip.name} {_cover(found, [chip.name]):.0%}" for chip in chips)
    note = f"Cloud in the labels: {covers}."
    return Section(
        "The detector against labels drawn by hand",
        RULES,
        [
            Table("masks", "All images together", [*MEASURES, MEAN_F1], every, "mask", note),
            Table("masks_of_images", "Each image", UNMARKED, single, "image and mask", tuned),
        ],
        [_shown(example, "the image, its label, and the detector's grown mask") for example in found.examples],
    )


def _cover(found: Measured, images: Sequence[str]) -> float:
    """Share of the counted pixels of some images that are cloud."""
    return found.labelled[EVERYTHING].total(images).precision


def _thresholds(found: Measured) -> Section:
    counts = {threshold: tallies[GROWN].total() for threshold, tallies in found.thresholds.items()}
    if not counts:
        return Section("Thresholds")
    best = max(counts, key=lambda threshold: -1 if math.isnan(counts[threshold].f1) else counts[threshold].f1)
    rows = [Row(f"{threshold:g}", _measures(one)) for threshold, one in counts.items()]
    lines = {
        name: (list(counts), [getattr(one, key) for one in counts.values()])
        for name, key in (("precision", "precision"), ("recall", "recall"), ("F1", "f1"))
    }
    note = (
        f"The default is {THRESHOLD:g}. The best F1 of these is that of {best:g}: chosen on these labels, "
        "hence flattering."
    )
    picture = Picture(
        "Precision, recall and F1 over the threshold",
        curves(lines, "threshold", "share", limits=(0, 1)),
        "Three curves over the detector's threshold.",
    )
    return Section(
        "The detector's threshold",
        "The grown mask of all images together, as a job with --cloud-threshold finds it.",
        [Table("thresholds", "Thresholds", MEASURES, rows, "threshold", note)],
        [picture],
    )


def _clear(images: Sequence[FalseCloud]) -> Section:
    splits = read_split(data_root())
    kinds: dict[str, list[FalseCloud]] = {}
    for image in images:
        split = split_of(image.place, splits)
        snow = image.place.startswith(SNOW)
        for kind in ["snow and ice"] if snow else [f"{image.place.split('/')[0]}, {split}", f"all, {split}"]:
            kinds.setdefault(kind, []).append(image)
    columns = [
        Column("images", "images"),
        Column("found", "as found", "%", 3),
        Column("grown", "grown", "%", 3),
    ]
    rows = [Row(kind, _false_shares(of)) for kind, of in sorted(kinds.items())]
    return Section(
        "False cloud where there is none",
        "Share of the pixels of clear images that the detector calls cloud, mean over images with its 95 % interval, "
        "drawn place by place. Precision on a few images with labels says little of towns, sand and snow; this does.",
        [
            Table(
                "false_cloud",
                "Clear images of UNCLOUDED_DATA",
                columns,
                rows,
                "images",
                "The rules were tuned and the network was trained on train.",
            )
        ],
    )


def _false_shares(images: Sequence[FalseCloud]) -> dict[str, Cell]:
    groups = [image.group for image in images]
    return {
        "images": len(images),
        "found": summarise([100 * image.found for image in images], groups),
        "grown": summarise([100 * image.grown for image in images], groups),
    }


def _implied(found: Measured) -> Section:
    rows = [_scored(tally) for tally in [found.labelled[GROWN], *found.implied.rows()]]
    columns = [*MEASURES[:3], *CURVE]
    table = Table("implied", "On the labelled images", columns, rows, "mask", _missing(found.lacking))
    return Section("The masks that generators imply", ASKED, [table], _precision_recall(found.implied))


def _simulated(found: Measured) -> Section:
    beside = {tally.name: tally for tally in found.beside.rows()}
    rows = []
    for tally in found.simulated.rows():
        cells = {**_scored(tally).cells, "cases": len(tally.counts), "mean_f1": tally.mean_f1(found.groups)}
        if tally.name in beside:
            same = beside[tally.name]
            cells |= {"detector_f1": same.total().f1, "brightness": _average_precision(same)}
        rows.append(Row(tally.name, cells))
    columns = [
        Column("cases", "cases"),
        *UNMARKED[:3],
        dataclasses.replace(MEAN_F1, best=""),
        *(dataclasses.replace(column, best="") for column in CURVE),
        Column("detector_f1", "detector's F1", digits=3),
        Column("brightness", "brightness' AP", digits=3),
    ]
    text = (
        "Clear images of validation places under simulated and transplanted clouds, where the truth is known in every "
        f"pixel: cloud is what clouds and shadows changed by more than {CHANGED:g} in the mean over bands. The "
        "detector counts with its shadows. Generators have the bands, SAR and dates that they need and the place has, "
        "so that their cases differ: the last two columns stand beside them on the same cases."
    )
    table = Table("simulated", "Under simulated clouds", columns, rows, "mask", _missing(found.lacking_simulated))
    pictures = _precision_recall(found.simulated)
    if found.simulated_example is not None:
        what = "the input, what changed the ground, and the masks that generators imply at the stated thresholds"
        pictures.append(_shown(found.simulated_example, what))
    return Section("Simulated clouds", text, [table], pictures)


def _shown(example: Example, what: str) -> Picture:
    return Picture(example.name, panels([example.panels]), f"Of {example.name}: {what}.")


def _scored(tally: Tally) -> Row:
    cells = _measures(tally.total())
    curve = tally.curve()
    if curve is not None:
        threshold, best = curve.best
        cells |= {"average_precision": curve.average_precision, "best_f1": best.f1, "best_threshold": threshold}
    return Row(tally.name, cells)


def _average_precision(tally: Tally) -> float:
    curve = tally.curve()
    return math.nan if curve is None else curve.average_precision


def _precision_recall(tallies: Tallies) -> list[Picture]:
    lines = {}
    for tally in tallies.rows():
        curve = tally.curve()
        if curve is not None:
            points = [(one.recall, one.precision) for one in curve.counts if one.hits]
            lines[tally.name] = ([x for x, _ in points], [y for _, y in points])
    words = "Precision over recall, a curve for each score."
    return (
        [Picture("Precision over recall", curves(lines, "recall", "precision", limits=(0, 1)), words)] if lines else []
    )


def _missing(lacking: Lacking) -> str:
    """Says on how many images a generator could not be asked, and what the first of them lacks."""
    return " ".join(
        f"{name}: not measured on {len(images)} image(s), which lack what it takes; on {first}: {why}"
        for name, images in lacking.items()
        for first, why in list(images.items())[:1]
    )


def _measures(counts: Counts) -> dict[str, Cell]:
    return {
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
        "f2": counts.f(2.0),
        "iou": counts.iou,
        "accuracy": counts.accuracy,
    }
