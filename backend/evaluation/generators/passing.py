"""The pass over all cases: each is drawn ahead in a thread, given to every row, measured, and written down."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from ...errors import Cancelled
from ...reporting import Reporter
from ...streams import ahead
from ..cases import Case, Cases
from ..rows import Row
from .ledger import Ledger, Record
from .measures import floor_of, hidden_of, measure, target_of, truth_means
from .sums import Sums
from .trust import tally


class Pass:
    """An evaluation on its way.

    Args:
        cases: What is measured on.
        rows: What is measured.
        ledger: Where figures go; the pass goes on behind what it holds.
        sums: Where the rest goes.
        limit: At most so many measured cases; None for all.
        report: Hears how far it is.
    """

    def __init__(
        self, cases: Cases, rows: Sequence[Row], ledger: Ledger, sums: Sums, limit: int | None, report: Reporter
    ) -> None:
        self._cases, self._rows, self._ledger, self._sums, self._report = cases, rows, ledger, sums, report
        self._limit = len(cases) if limit is None else limit
        self._places: dict[str, int] = {}
        """Groups in the order in which they came."""
        self._measured = 0
        for record in ledger.records():
            self._count(record)
        self._before, self._first = self._measured, ledger.count
        sums.take(ledger.sums)

    def run(self) -> None:
        """Measures what is not yet measured.

        Raises:
            Cancelled: The job was given up; what was measured is kept.
        """
        try:
            self._run()
        except Cancelled as cancelled:
            self._ledger.save(self._sums.arrays())
            cancelled.hint = "What was measured is kept: the same command goes on with it."
            raise
        self._ledger.save(self._sums.arrays())

    def _run(self) -> None:
        if self._first:
            self._report.log("info", f"Going on behind {self._first} cases that were measured before.")
        self._tell()
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        with ThreadPoolExecutor(workers) as pool:
            for index, case in ahead(self._draw):
                record = Record(index, case) if isinstance(case, str) else self._measure(index, case, pool)
                self._count(record)
                if self._ledger.add(record):
                    self._ledger.save(self._sums.arrays())
                self._tell()
                if self._measured >= self._limit:
                    return

    def _draw(self) -> Iterator[tuple[int, Case | str]]:
        """Draws what is left, nothing if there are enough."""
        if self._measured < self._limit:
            for index in range(self._first, len(self._cases)):
                yield index, self._cases.draw(index)

    def _measure(self, index: int, case: Case, pool: ThreadPoolExecutor) -> Record:
        sample = case.sample
        made, lacking = {}, {}
        for row in self._rows:
            self._report.check_cancelled()
            seen = case.given(row.told)
            why = row.suits(seen)
            if why:
                lacking[row.name] = why
            else:
                made[row.name] = row.reconstruct(seen)
        suited = [row for row in self._rows if row.name in made]
        images = {k: image for row in suited for k, image in row.images(sample.observation, made[row.name]).items()}
        figures = list(pool.map(lambda image: measure(image, sample), images.values()))
        for row in suited:
            if row.generator is not None:
                self._sums.add_uncertainty(row.name, made[row.name], sample)
        self._sums.add_images(images, sample, self._places.get(case.group, len(self._places)))
        return Record(
            index,
            name=case.name,
            group=case.group,
            labels=list(case.labels) or [self._sums.guess(sample)],
            guessed=not case.labels,
            cover=round(case.cover, 6),
            pixels=int(target_of(sample).sum()),
            hidden=int(hidden_of(sample).sum()),
            floor=floor_of(sample),
            truth_means=truth_means(sample),
            rows=dict(zip(images, figures, strict=True)),
            lacking=lacking,
            trust={row.name: tally(made[row.name], sample) for row in suited if row.generator is not None},
        )

    def _count(self, record: Record) -> None:
        if not record.unmeasured:
            self._measured += 1
            self._places.setdefault(record.group, len(self._places))

    def _tell(self) -> None:
        """Says how far it is: of what was left to do, so that the time left is not that of what was done before."""
        tried = (self._ledger.count - self._first) / max(len(self._cases) - self._first, 1)
        found = (self._measured - self._before) / max(self._limit - self._before, 1)
        of = min(self._limit, len(self._cases))
        self._report.progress(min(max(tried, found), 1.0), f"measured {self._measured} of up to {of} cases")
