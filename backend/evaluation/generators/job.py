"""The job that measures generators and methods on a data set, beside the baselines that keep a table honest."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...card import Card, card_json, read_card
from ...classifier import default_classifier
from ...datasets.registry import root_of
from ...devices import find_device
from ...errors import InputError, ModelError
from ...evaluation_jobs import EvaluateGenerators
from ...protocol import Done
from ...reporting import Reporter
from ...version import VERSION
from ..cases import Cases, choose, open_places, training_prior
from ..reports import writing
from ..reports.facts import command
from ..reports.report import as_text
from ..rows import Row, cards_of, name_models, open_rows, whole_rows
from ..seen import check_all_unseen
from .findings import Findings, as_csv, gather
from .haze import HAZE, HazyCases
from .ledger import Ledger
from .passing import Pass
from .report import Measured, make_report
from .scores import check_writable, write_scores
from .sums import Sums
from .tables import brief
from .trust_tables import BY_BAND, BY_THICKNESS

CASES = ".cases.csv"
"""Behind the report's name: every case, row and figure."""


def evaluate_generators(job: EvaluateGenerators, report: Reporter) -> Done:
    """Runs the job.

    Raises:
        UsageError: There is no such data set, split, band or kind of truth; a generator is named twice; or the state
            beside the report is that of another evaluation.
        InputError: The data cannot be read, or no case can be measured.
        ModelError: A generator cannot be loaded, saw a place of the data, or none fits a case.
        DeviceError: The device does not exist here.
        OutputError: The report or a card cannot be written.
        Cancelled: The job was given up; the same job goes on with what was measured.
    """
    writing.check(job.output, job.overwrite, [CASES])
    paths = name_models(job.models)
    if job.write_scores:
        check_writable(paths.values())
    name, cases, remarks = open_cases(job, paths)
    rows = open_rows(job.models, job.methods, cases.collection.prior, job.device)
    rows = whole_rows(rows) if job.truth == HAZE else rows
    remarks += check_all_unseen(cards_of(rows), cases.collection.names, report)
    with contextlib.closing(Ledger(job.output, fingerprint(job, cases, rows), job.overwrite)) as ledger:
        sums = Sums(default_classifier().to(find_device(job.device)))
        Pass(cases, rows, ledger, sums, job.limit, report).run()
        found = gather(ledger.records(), [each for row in rows for each in row.names])
        measured = Measured(job, name, found, sums, fitting_rows(rows, found, ledger, report), cases, remarks, paths)
        report.progress(1.0, "drawing the report")
        made = make_report(measured)
        writing.write(made, job.output, job.overwrite, {CASES: as_csv(found)})
        if job.write_scores:
            write_scores(measured, command("evaluate", job))
    ledger.remove()
    summary = made.sections[0]
    trust = [table for table in writing.tables(made) if table.key in (BY_THICKNESS, BY_BAND)]
    shown = [as_text(brief(table)) for table in summary.tables] + [as_text(table) for table in trust]
    for text in (*shown, summary.text.replace("\n\n", "\n")):
        report.log("info", text)
    return Done(job.id, job.output)


def open_cases(job: EvaluateGenerators, paths: Mapping[str, str]) -> tuple[str, Cases, list[str]]:
    """Opens the data set: its name, its cases, and a sentence on what the constant row is.

    Args:
        job: What is asked for.
        paths: Of the generators.
    """
    hazy = job.truth == HAZE
    choices = choose("same-day" if hazy else job.truth, job.bands, job.sar, job.dates)
    name, collection = open_places(job.data, job.dataset, job.split)
    card_prior = read_card(next(iter(paths.values()))).prior if paths else {}
    prior, remark = training_prior(name, root_of(name, job.data), job.split, card_prior, collection)
    kind = HazyCases if hazy else Cases
    return name, kind(dataclasses.replace(collection, prior=prior), choices, job.each, job.seed), [remark]


def fitting_rows(rows: Sequence[Row], found: Findings, ledger: Ledger, report: Reporter) -> list[Row]:
    """Leaves out generators that fit no case, and says why; where nothing is left the state goes too.

    Raises:
        InputError: No case was measured.
        ModelError: No generator fits any case.
    """
    generators = [row for row in rows if row.generator is not None]
    unfit = [row for row in generators if not found.measured(row.name).any()]
    words = [f"{row.name} fits no case: {', '.join(found.lacking[row.name])}." for row in unfit]
    if not found.names:
        ledger.remove()
        reasons = "; ".join(f"{why} ({count})" for why, count in found.unmeasured.items())
        raise InputError(f"No case could be measured: {reasons}.", "Give other data, or another kind of truth.")
    if unfit and len(unfit) == len(generators):
        ledger.remove()
        raise ModelError(" ".join(words), "Choose other generators, or give other data.")
    for sentence in words:
        report.log("warning", f"{sentence} It is left out.")
    return [row for row in rows if row not in unfit]


def fingerprint(job: EvaluateGenerators, cases: Cases, rows: Sequence[Row]) -> dict[str, Any]:
    """Gives all that decides what comes out: an evaluation goes on only with what the same has measured."""
    asked = dataclasses.asdict(job)
    for name in ("id", "output", "overwrite", "write_scores", "models", "device"):
        del asked[name]
    data = Path(job.data) if job.data else None
    names = "\n".join(cases.collection.names)
    return {
        **asked,
        "data": str(data.resolve()) if data else None,
        "table": _sha256(data.read_bytes()) if data and data.is_file() else None,
        "places": _sha256(names.encode()),
        "models": {row.name: _identity(row.generator.card) for row in rows if row.generator is not None},
        "device": find_device(job.device).type,
        "version": VERSION,
    }


def _identity(card: Card) -> str:
    """The hash of a card without its scores: the weights' own hash is part of it."""
    return _sha256(card_json(dataclasses.replace(card, scores={})).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
