"""Which cases a contact sheet shows: real clouds, first those with a truth of another day."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...datasets.collection import Collection
from ...evaluation_jobs import DrawContactSheet
from ..cases import Case, Cases, choose

OTHER_DAY, SAME_DAY = "other day", "same day, real cloud laid over"
OTHER_DAY_SHARE = 2 / 3
"""Of the cases, at most."""


@dataclass(frozen=True)
class Shown:
    """A case and what its truth is."""

    truth: str
    case: Case


def real_cases(job: DrawContactSheet, collection: Collection) -> Iterator[Shown]:
    """Draws cases with real clouds; without end as long as clouds can be laid over other places.

    Args:
        job: What is asked for.
        collection: Places and clouds.

    Raises:
        UsageError: A band is unknown.
    """
    real = choose("other-day", job.bands, job.sar, job.dates)
    laid = dataclasses.replace(choose("same-day", job.bands, job.sar, job.dates), clouds="transplanted")
    others = _drawn(Cases(collection, real, 1, job.seed), OTHER_DAY)
    if not collection.veils:
        yield from others
        return
    yield from itertools.islice(others, math.ceil(job.limit * OTHER_DAY_SHARE))
    yield from _drawn(Cases(collection, laid, job.limit, job.seed), SAME_DAY)


def in_turn(names: Sequence[str]) -> list[int]:
    """Orders places so that data sets take turns: the many chips of one do not crowd out the few scenes of another.

    Args:
        names: Of N places, the data set before the first slash.

    Returns:
        Their N numbers; those of one data set keep their order.
    """
    before: Counter[str] = Counter()
    ranks = []
    for name in names:
        data_set = name.partition("/")[0]
        ranks.append(before[data_set])
        before[data_set] += 1
    return sorted(range(len(names)), key=ranks.__getitem__)


def _drawn(cases: Cases, truth: str) -> Iterator[Shown]:
    """Yields those that show something under a cloud whose truth is known."""
    names = cases.collection.names
    turns = in_turn([names[position] for position in cases.order])
    for index in (number * len(names) + turn for number in range(cases.each) for turn in turns):
        case = cases[index]
        if case is not None and (case.sample.known & case.sample.observation.cloud).any():
            yield Shown(truth, case)
