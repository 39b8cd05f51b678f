"""The tables of the land-cover test, and what they say in words."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence

import numpy as np

from ...statistics import Figure
from ..reports.figures import fair
from ..reports.report import Cell, Column, Row, Table
from .answers import CLEAR, CLOUDY, CONSTANT_CLASS, Answers

COVER = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)
"""Borders of the bins of cover."""
TRIVIAL = (CONSTANT_CLASS, "constant image", "clear mean")
PERCENT, POINTS = "%", "points"


def accuracy(answers: Answers, labelled: bool) -> Table:
    """Makes the main table.

    Args:
        answers: What was said.
        labelled: Whether the truth is the data's labels; else it is what was said of the clear images.
    """
    columns = [
        Column("accuracy", "right", PERCENT, 1, "" if labelled else "high"),
        Column("agreement", "as clear", PERCENT, 1, "high"),
        Column("gain", "gain over cloudy", POINTS, 1, "high"),
        Column("rescued", "rescued"),
        Column("spoiled", "spoiled"),
        Column("sureness", "probability of truth", PERCENT, 1),
        Column("places", "images"),
    ]
    kept = [column for column in columns if labelled or column.key != "agreement"]
    kinds = answers.kinds if labelled else answers.kinds[1:]
    table = Table(
        key="accuracy",
        title="Land cover",
        columns=kept,
        rows=[Row(kind, _accuracy_cells(answers, kind)) for kind in kinds],
        label="image",
        note="With each figure its 95 % interval, places that show the same ground being drawn together. Gain: paired, "
        "over the same images. Rescued: wrong when cloudy, right now; spoiled: the other way round. "
        "Network alone: what the generator makes of all pixels, clear ones too; else these are as they were measured.",
    )
    return fair(table)


def _accuracy_cells(answers: Answers, kind: str) -> dict[str, Cell]:
    right = answers.accuracy(kind)
    cells: dict[str, Cell] = {"accuracy": right, "sureness": answers.sureness(kind), "places": right.count}
    if kind != CLEAR:
        cells["agreement"] = answers.mean(answers.agrees(kind))
    if kind not in (CLEAR, CLOUDY):
        cells["gain"] = answers.gain(kind)
        cells["rescued"], cells["spoiled"] = answers.changed(kind)
    return cells


def by_cover(answers: Answers, kinds: Sequence[str]) -> Table:
    """Makes the table of accuracies over the share of cloud; a bin without images is left out."""
    rows = []
    for low, high in itertools.pairwise(COVER):
        inside = (answers.cover >= low) & ((answers.cover < high) | (high == COVER[-1]))
        if inside.any():
            part = answers.only(inside)
            cells: dict[str, Cell] = {kind: part.accuracy(kind) for kind in kinds}
            rows.append(Row(f"{low:.0%} to {high:.0%}", {"places": int(inside.sum()), **cells}))
    columns = [Column("places", "images"), *(Column(kind, kind, PERCENT, 1) for kind in kinds)]
    return Table(
        key="cover",
        title="Images that are right, over cover",
        columns=columns,
        rows=rows,
        label="cloud and shadow",
        note="Cover is what the mask takes for cloud or shadow, thin cloud too.",
    )


def recall(answers: Answers, kinds: Sequence[str]) -> Table:
    """Makes the table of the share of each class's images that are right."""
    rows = []
    for index, name in enumerate(answers.classes):
        of_class = answers.truth == index
        if of_class.any():
            cells: dict[str, Cell] = {kind: float(100 * np.nanmean(answers.right(kind)[of_class])) for kind in kinds}
            rows.append(Row(name, {"places": int(of_class.sum()), **cells}))
    columns = [Column("places", "images"), *(Column(kind, kind, PERCENT, 0) for kind in kinds)]
    return Table("recall", "Images of each class that are right", columns, rows, "class")


def distribution(answers: Answers, kinds: Sequence[str], labelled: bool) -> Table:
    """Makes the table of how often each class is given."""
    shares = {kind: answers.shares(answers.given(kind)) for kind in kinds}
    if labelled:
        shares = {"label": answers.shares(answers.truth), **shares}
    rows = [
        Row(name, {kind: float(share[index]) for kind, share in shares.items()})
        for index, name in enumerate(answers.classes)
    ]
    columns = [Column(kind, kind, PERCENT, 1) for kind in shares]
    return Table("distribution", "How often each class is given", columns, rows, "class")


def cases(answers: Answers) -> bytes:
    """Gives a CSV with a line for each place: what it is, and what was said of it, by kind of image."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    kinds = list(answers.said)
    lines.writerow(["name", "group", "cover", "true", *kinds, *(f"probability of truth: {kind}" for kind in kinds)])
    named = [*answers.classes, ""]  # the last one, -1, is of images that could not be reconstructed
    given = [answers.given(kind) for kind in kinds]
    for number, (name, group, cover, truth) in enumerate(
        zip(answers.names, answers.groups, answers.cover, answers.truth, strict=True)
    ):
        classes = [named[each[number]] for each in given]
        sure = [f"{answers.said[kind][number, truth]:.4f}".replace("nan", "") for kind in kinds]
        lines.writerow([name, group, f"{cover:.4f}", named[truth], *classes, *sure])
    return text.getvalue().encode()


def verdict(answers: Answers, asked: Sequence[str], labelled: bool) -> str:
    """Says what came out, a sentence for each line.

    Args:
        answers: What was said.
        asked: Kinds of images that the user wants to compare.
        labelled: As in accuracy.
    """
    lines = [_overall(answers, asked)] if asked else []
    if labelled:
        lines.append(f"Of the clear images the classifier gets {_percent(answers.accuracy(CLEAR))} right: the ceiling.")
    lines.append(f"Of the cloudy images the classifier gets {_percent(answers.accuracy(CLOUDY))} right.")
    lines += [
        f"After {kind} it gets {_percent(answers.accuracy(kind))} right: {_judged(answers.gain(kind))}"
        + _won_back(answers, kind, labelled)
        for kind in asked
    ]
    trivial = [kind for kind in TRIVIAL if kind in answers.kinds]
    best = max(trivial, key=lambda kind: answers.accuracy(kind).mean)
    lines.append(f"The best trivial row, {best}, gets {_percent(answers.accuracy(best))} right.")
    if len(asked) > 1:
        lines.append(_ranked(answers, asked))
    return "\n\n".join(lines)


def _overall(answers: Answers, asked: Sequence[str]) -> str:
    """Says for which of the rows the classifier sees the land better."""
    gains = {kind: answers.gain(kind) for kind in asked}
    groups = {
        "Better than with clouds": [kind for kind, gain in gains.items() if gain.excludes_zero and gain.mean > 0],
        "worse": [kind for kind, gain in gains.items() if gain.excludes_zero and gain.mean < 0],
        "too close to tell": [kind for kind, gain in gains.items() if not gain.excludes_zero],
    }
    words = "; ".join(f"{word}: {', '.join(kinds) or 'none'}" for word, kinds in groups.items())
    return f"Does the classifier see the land better once clouds are removed? {words}."


def _won_back(answers: Answers, kind: str, labelled: bool) -> str:
    """Says how much of what clouds cost a gain is; nothing where there is none."""
    served = answers.only(~np.isnan(answers.right(kind)))
    ceiling = served.accuracy(CLEAR).mean if labelled else 100.0
    cost, gain = ceiling - served.accuracy(CLOUDY).mean, served.gain(kind).mean
    return f" It wins back {gain / cost:.0%} of what the clouds cost." if gain > 0 and cost > 0 else ""


def _judged(gain: Figure) -> str:
    size = f"{gain.mean:+.1f} points{_interval(gain)}"
    if not gain.excludes_zero:
        return f"{size}, too little to tell whether removing clouds helps."
    return f"{size}, so removing clouds {'helps' if gain.mean > 0 else 'harms'}."


def _ranked(answers: Answers, asked: Sequence[str]) -> str:
    """Compares the best with the next."""
    best, second, *_ = sorted(asked, key=lambda kind: -answers.gain(kind).mean)
    ahead = answers.gain(best, second)
    sure = "" if ahead.excludes_zero else ", which may be chance"
    return f"Best is {best}, ahead of {second} by {ahead.mean:.1f} points{_interval(ahead)}{sure}."


def _interval(gain: Figure) -> str:
    """Of several places; of one there is none."""
    return "" if np.isnan(gain.low) else f" [{gain.low:+.1f}, {gain.high:+.1f}]"


def _percent(figure: Figure) -> str:
    if np.isnan(figure.low):
        return f"{figure.mean:.1f} %"
    return f"{figure.mean:.1f} % [{figure.low:.1f}, {figure.high:.1f}]"
