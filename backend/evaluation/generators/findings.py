"""All figures of an evaluation in memory, some 5 kB for each case: columns over cases, and means over them."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...sensors import NAMES
from ...statistics import Figure, summarise
from .ledger import Record
from .measures import KEYS
from .trust import Counts, Trust, of_cases

Double = NDArray[np.float64]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True)
class Findings:
    """The figures of N cases."""

    names: list[str]
    groups: list[str]
    labels: list[tuple[str, ...]]
    guessed: bool
    """Whether some labels are what a classifier sees."""
    indices: list[int]
    """Numbers of the cases, by which they are drawn again."""
    cover: Double
    hidden: Double
    """(N,) pixels under cloud or shadow."""
    floor: Double
    truth_means: Double
    """(N, 13)"""
    values: dict[str, Double]
    """(N, KEYS) by row."""
    unmeasured: Counter[str]
    """Cases by why they were not measured."""
    lacking: dict[str, Counter[str]]
    """Of each row, cases by why it could not serve."""
    trust: dict[str, Trust]
    """Of each generator."""

    def column(self, row: str, key: str) -> Double:
        """(N,) one of measures.KEYS; NaN where a case has none."""
        return self.values[row][:, KEYS.index(key)]

    def measured(self, row: str) -> Chosen:
        """(N,) the cases that a row could serve."""
        found: Chosen = np.asarray(~np.isnan(self.values[row]).all(axis=1))
        return found

    def common(self, rows: Iterable[str]) -> Chosen:
        """(N,) the cases that all of these rows could serve."""
        chosen: Chosen = np.logical_and.reduce([self.measured(row) for row in rows])
        return chosen

    def figure(self, row: str, key: str, chosen: Chosen | None = None) -> Figure:
        """Gives the mean over cases; see mean."""
        return self.mean(self.column(row, key), chosen)

    def difference(self, one: str, other: str, key: str) -> Figure:
        """Gives the mean of one row minus another over the cases of both."""
        both = np.isfinite(self.column(one, key)) & np.isfinite(self.column(other, key))
        return self.mean(np.where(both, self.column(one, key), 0) - np.where(both, self.column(other, key), 0), both)

    def mean(self, column: Double, chosen: Chosen | None = None) -> Figure:
        """Gives the mean over cases with its interval over groups.

        Infinite values (PSNR of a case without error) are left out, unless all are infinite.
        """
        values = column if chosen is None else np.where(chosen, column, np.nan)
        if np.isinf(values).any():
            if not np.isfinite(values).any():
                return Figure(float(np.nanmax(values)), count=int(np.isinf(values).sum()))
            values = np.where(np.isinf(values), np.nan, values)
        return summarise(values, self.groups)


def gather(records: Iterable[Record], rows: list[str]) -> Findings:
    """Reads all records.

    Args:
        records: In order.
        rows: Names of what was measured.
    """
    names, groups, labels, indices = [], [], [], []
    facts, means = array("d"), array("d")
    numbers = {row: array("d") for row in rows}
    empty = [np.nan] * len(KEYS)
    unmeasured: Counter[str] = Counter()
    lacking: dict[str, Counter[str]] = {row: Counter() for row in rows}
    tallies: dict[str, dict[int, Counts]] = {}
    guessed = False
    for record in _measured(records, unmeasured):
        names.append(record.name)
        groups.append(record.group)
        labels.append(tuple(record.labels))
        indices.append(record.index)
        guessed = guessed or record.guessed
        facts.extend((record.cover, record.hidden, record.floor))
        means.extend(record.truth_means)
        for row in rows:
            numbers[row].extend(record.rows.get(row, empty))
        for row, why in record.lacking.items():
            lacking[row][why] += 1
        for row, counts in record.trust.items():
            tallies.setdefault(row, {})[len(names) - 1] = np.array(counts)
    cover, hidden, floor = np.array(facts).reshape(-1, 3).T
    return Findings(
        names=names,
        groups=groups,
        labels=labels,
        guessed=guessed,
        indices=indices,
        cover=cover,
        hidden=hidden,
        floor=floor,
        truth_means=np.array(means).reshape(-1, len(NAMES)),
        values={row: np.array(found).reshape(-1, len(KEYS)) for row, found in numbers.items()},
        unmeasured=unmeasured,
        lacking=lacking,
        trust={row: of_cases(list(of.values()), [groups[number] for number in of]) for row, of in tallies.items()},
    )


def _measured(records: Iterable[Record], unmeasured: Counter[str]) -> Iterator[Record]:
    """Yields the measured ones and counts the others."""
    for record in records:
        if record.unmeasured:
            unmeasured[record.unmeasured] += 1
        else:
            yield record


def as_csv(found: Findings) -> bytes:
    """Gives one line for each case and row, with all that was measured; what is not known is empty."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("case", "place", "classes", "cover", "floor", "method", *KEYS))
    for number, name in enumerate(found.names):
        facts = (name, found.groups[number], ";".join(found.labels[number]))
        shown = [*facts, *map(_cell, (found.cover[number], found.floor[number]))]
        for row, values in found.values.items():
            if not np.isnan(values[number]).all():
                lines.writerow((*shown, row, *map(_cell, values[number])))
    return text.getvalue().encode(errors="backslashreplace")


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.7g}"
