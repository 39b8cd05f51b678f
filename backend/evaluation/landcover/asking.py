"""Asks a classifier what it sees of many places, clear, cloudy and decloudy, and keeps its answers but no images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import InputError, ModelError
from ...observation import Observation
from ...reporting import Reporter
from ...sensors import Float
from ..cases import Case
from ..rows import CONSTANT, IDENTITY, Row
from .answers import CLEAR, CLOUDY, Answers
from .cases import Images
from .patches import BATCH, Judge

KINDS = {IDENTITY: CLOUDY, CONSTANT: "constant image"}
"""What rows are called here where they have another name."""
CHECKED = 0.96
"""Share of the work that is done once all is asked."""


@dataclass(frozen=True)
class Pictured:
    """A place as several images."""

    number: int
    """By which Images draws it again."""
    case: Case
    images: Mapping[str, Float]
    """(C, H, W) by kind; without those that could not be reconstructed."""


@dataclass
class Gathered:
    """What is kept of each place."""

    said: list[Mapping[str, Float]] = field(default_factory=list)
    """(K,) probabilities by kind of image."""
    labels: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    cover: list[float] = field(default_factory=list)

    def add(self, place: Pictured, said: Mapping[str, Float]) -> None:
        """Takes what was said of one place."""
        self.said.append(said)
        self.labels.append("".join(place.case.labels[:1]))
        self.numbers.append(place.number)
        self.names.append(place.case.name)
        self.groups.append(place.case.group)
        self.cover.append(place.case.cover)

    def answers(self, classes: Sequence[str], labels: Sequence[str]) -> Answers:
        """Puts all together.

        Args:
            classes: Of the classifier.
            labels: Their names in the data set; empty where what is said of the clear image counts as true.
        """
        nothing = np.full(len(classes), np.nan, np.float32)
        kinds = list(dict.fromkeys(kind for said in self.said for kind in said))
        table = {kind: np.stack([said.get(kind, nothing) for said in self.said]) for kind in kinds}
        truth = [labels.index(label) for label in self.labels] if labels else table[CLEAR].argmax(axis=1)
        return Answers(
            tuple(classes), table, np.asarray(truth), self.names, self.groups, np.asarray(self.cover, np.float32)
        )


def gather(
    images: Images, rows: Sequence[Row], judge: Judge, limit: int | None, labelled: bool, report: Reporter
) -> Gathered:
    """Asks about each place, several at a time.

    Args:
        images: The places.
        rows: What reconstructs them.
        judge: Who is asked.
        limit: At most so many places.
        labelled: Whether each needs a label.
        report: Hears of the progress.

    Raises:
        ModelError: The classifier, or a generator at the first place, lacks a band or something else that it needs.
        InputError: There is no place that can serve.
    """
    gathered, waiting = Gathered(), list[Pictured]()
    total = min(limit or len(images), len(images))
    for number, case in _usable(images, labelled, report):
        if not gathered.said and not waiting:
            check_fits(rows, case.sample.observation)
        waiting.append(Pictured(number, case, pictured(case, rows)))
        count = len(gathered.said) + len(waiting)
        report.progress(CHECKED * count / total, "asking the classifier")
        if count == total or sum(len(place.images) for place in waiting) >= BATCH:
            _ask(waiting, images, judge, gathered)
            waiting = []
        if count == total:
            break
    _ask(waiting, images, judge, gathered)
    return gathered


def pictured(case: Case, rows: Sequence[Row]) -> dict[str, Float]:
    """Gives a place as a clear, a cloudy and several reconstructed images, all of the same measured pixels."""
    seen = case.sample.observation
    images = {CLEAR: case.sample.truth * seen.valid}
    for row in rows:
        if not row.suits(seen):
            for name, image in row.images(seen, row.reconstruct(seen)).items():
                images[KINDS.get(name, name)] = image * seen.valid
    return images


def check_fits(rows: Sequence[Row], seen: Observation) -> None:
    """Raises ModelError if a generator cannot serve for a place."""
    for row in rows:
        reason = row.suits(seen) if row.generator else ""
        if reason:
            raise ModelError(f"{reason}.", "Leave it out, or choose a data set that has what it needs.")


def _usable(images: Images, labelled: bool, report: Reporter) -> Iterator[tuple[int, Case]]:
    """Draws the places that can serve, each once; says at the end why others were left out.

    Raises:
        InputError: There are none.
    """
    names: set[str] = set()
    reasons: Counter[str] = Counter()
    for number in range(len(images)):
        report.check_cancelled()
        case = images.draw(number)
        if isinstance(case, str):
            reasons[case] += 1
        elif labelled and len(case.labels) != 1:
            reasons["it has no label, or several, and the test is of one class each"] += 1
        elif case.name not in names:
            names.add(case.name)
            yield number, case
    left_out = "; ".join(f"{count} because {reason}" for reason, count in reasons.items())
    if not names:
        raise InputError(
            f"No place of {images.name} can serve; left out are {left_out}.",
            "Choose another data set, or the other --truth.",
        )
    if reasons:
        report.log("warning", f"Places of {images.name} are left out: {left_out}.")


def _ask(waiting: Sequence[Pictured], images: Images, judge: Judge, gathered: Gathered) -> None:
    """Asks about all images of several places, those of the same bands together."""
    said: list[dict[str, Float]] = [{} for _ in waiting]
    for bands in {place.case.sample.observation.bands for place in waiting}:
        several = [
            (answers, kind, images.shown(image))
            for answers, place in zip(said, waiting, strict=True)
            if place.case.sample.observation.bands == bands
            for kind, image in place.images.items()
        ]
        for (answers, kind, _), probabilities in zip(several, judge([one[2] for one in several], bands), strict=True):
            answers[kind] = probabilities
    for place, answers in zip(waiting, said, strict=True):
        gathered.add(place, answers)
