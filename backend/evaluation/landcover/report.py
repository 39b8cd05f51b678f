"""The report of the land-cover test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...card import Card
from ...classifier import ClassifierCard
from ...evaluation_jobs import EvaluateLandCover
from ...statistics import Figure
from ..reports import pictures
from ..reports.facts import command, machine
from ..reports.panels import true_colours
from ..reports.report import Picture, Report, Section, Table
from . import tables
from .answers import CLEAR, CLOUDY, Answers
from .asking import Pictured
from .cases import COVER, Images
from .pictures import Shown, strip

"""Of the command, those that are fields of the job."""
EXAMPLES = 3
"""Of each outcome."""
TRIVIAL = "clear mean"
"""What is shown if nothing is compared."""


@dataclass(frozen=True)
class Examined:
    """What the report is about."""

    job: EvaluateLandCover
    images: Images
    card: ClassifierCard
    answers: Answers
    asked: Sequence[str]
    """Kinds of images that the user compares, beside the trivial ones."""
    generators: Sequence[Card]
    doubts: Sequence[str]
    """What the cards of the generators leave open."""
    labelled: bool
    """Whether the truth is the data's labels; else it is what was said of the clear images."""

    @property
    def compared(self) -> list[str]:
        """What columns and pictures show: clear (where it is not the truth itself), cloudy, and what was asked for."""
        return [*([CLEAR] if self.labelled else []), CLOUDY, *(self.asked or [TRIVIAL])]


def examples(examined: Examined) -> list[int]:
    """Chooses places to be shown: some that the last of the rows rescued, spoiled, left wrong, and left right."""
    after, before = (examined.answers.right(kind) for kind in (examined.compared[-1], CLOUDY))
    outcomes = [(after > before), (after < before), (after + before == 0), (after + before == 2)]
    return [int(index) for outcome in outcomes for index in np.flatnonzero(outcome)[:EXAMPLES]]


def make_report(examined: Examined, shown: Sequence[tuple[int, Pictured]]) -> Report:
    """Makes the report.

    Args:
        examined: What it is about.
        shown: Places of examples(), each with its number among the answers.
    """
    answers, compared = examined.answers, examined.compared
    return Report(
        title="Land cover seen through clouds, and after their removal",
        command=command("landcover", examined.job),
        facts=_facts(examined),
        sections=[
            Section(
                "What came out",
                "\n\n".join(
                    [
                        tables.verdict(answers, examined.asked, examined.labelled),
                        _truth(examined),
                        *examined.doubts,
                    ]
                ),
                [tables.accuracy(answers, examined.labelled)],
            ),
            _over_cover(answers, compared),
            _classes(examined),
            _confusion(answers, compared),
            _examples(examined, shown),
        ],
    )


def _truth(examined: Examined) -> str:
    if examined.labelled:
        return (
            "The truth is the label that the data set gives to each image. Agreement is how often the classifier says "
            "the same as of the clear image, be it right or wrong."
        )
    return (
        "The data have no labels that the classifier knows: what it says of the clear image counts as true, right or "
        "wrong, as Aarnoutse and Witte (2021) had it. Clear images are thus all right and stand in no table."
    )


def _facts(examined: Examined) -> dict[str, str]:
    job, images, card = examined.job, examined.images, examined.card
    clouds = (
        f"laid over clear images, {COVER[0]:.0%} to {COVER[1]:.0%} of the sky, shadows on top; truth of the same day; "
        "masks as an imperfect detector makes them"
        if images.same_day
        else "real; the clear image is of another day, and the mask is what differs from it"
    )
    return {
        "Data": f"{images.name}, split {job.split}, {len(examined.answers.truth)} images, {job.each} of each place",
        "Clouds": clouds,
        "Classifier": f"{_named(card)}, {len(card.classes)} classes",
        "Generators": "; ".join(map(_named, examined.generators)) or "none",
        "Larger images": f"cut into windows of {card.window_px} px; their probabilities are averaged",
        "Constant image": images.constant,
        "Seed": str(job.seed),
        **machine(job.device),
    }


def _named(card: Card | ClassifierCard) -> str:
    return f"{card.name} {card.version}, SHA-256 {card.sha256[:12]}"


def _over_cover(answers: Answers, compared: Sequence[str]) -> Section:
    table = tables.by_cover(answers, compared)
    groups = [row.label for row in table.rows]
    heights = {kind: _column(table, kind) for kind in compared}
    picture = pictures.bars(groups, heights, "images that are right (%)")
    return Section(
        "Over cover", tables=[table], pictures=[Picture("Over cover", picture, "Bars of the table's numbers.")]
    )


def _classes(examined: Examined) -> Section:
    answers, compared = examined.answers, examined.compared
    kinds = [CLEAR, *(kind for kind in compared if kind != CLEAR)]
    table = tables.distribution(answers, kinds, examined.labelled)
    heights = {column.key: _column(table, column.key) for column in table.columns}
    picture = pictures.bars(answers.classes, heights, "share of the images (%)")
    return Section(
        "Classes",
        tables=[tables.recall(answers, compared), table],
        pictures=[Picture("How often each class is given", picture, "Bars of the table's numbers.")],
    )


def _column(table: Table, key: str) -> list[float]:
    """Gives the means of a column of figures."""
    cells = [row.cells[key] for row in table.rows]
    return [cell.mean if isinstance(cell, Figure) else float(cell) for cell in cells]


def _confusion(answers: Answers, compared: Sequence[str]) -> Section:
    words = "Images of each true class (rows) that were given each class (columns)."
    return Section(
        "What is taken for what",
        words,
        pictures=[
            Picture(kind, pictures.matrix(answers.confusion(kind), answers.classes, kind, "given", "true"), words)
            for kind in compared
        ],
    )


def _examples(examined: Examined, shown: Sequence[tuple[int, Pictured]]) -> Section:
    return Section(
        "Examples",
        f"Places that {examined.compared[-1]} rescued, that it spoiled, that stayed wrong, and that stayed right, "
        f"up to {EXAMPLES} of each. Below each image the class that was given to it: + right, - wrong.",
        pictures=[
            Picture("Examples", strip([_shown(examined, *each) for each in shown]), "Images with the classes given.")
        ],
    )


def _shown(examined: Examined, index: int, place: Pictured) -> Shown:
    answers = examined.answers
    kinds = [CLOUDY, *(kind for kind in examined.compared if kind not in (CLEAR, CLOUDY)), CLEAR]
    seen = place.case.sample.observation
    return Shown(
        f"{answers.classes[answers.truth[index]]}\n{place.case.cover:.0%} cover",
        {
            kind: true_colours(place.images[kind], seen.bands, place.images[CLEAR], seen.valid)
            for kind in kinds
            if kind in place.images
        },
        {kind: answers.classes[answers.given(kind)[index]] for kind in kinds},
        {kind: bool(answers.right(kind)[index]) for kind in kinds},
    )
