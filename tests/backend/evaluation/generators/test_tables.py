"""Tables say of which cases their figures are, and compare like with like."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from unclouded.backend.evaluation.generators.examples import choose_examples
from unclouded.backend.evaluation.generators.findings import Findings, as_csv, gather
from unclouded.backend.evaluation.generators.ledger import Record
from unclouded.backend.evaluation.generators.measures import KEYS
from unclouded.backend.evaluation.generators.tables import (
    best_untrained,
    brief,
    class_table,
    cover_table,
    difference_table,
    main_table,
    part_tables,
    verdict,
)
from unclouded.backend.evaluation.reports.report import Table, as_text
from unclouded.backend.sensors import NAMES
from unclouded.backend.statistics import Figure

MAE, PSNR = KEYS.index("reconstruction.mae"), KEYS.index("target.psnr")


def figures(mae: float, psnr: float = 20.0) -> list[float]:
    """All figures 1, but for these."""
    values = [1.0] * len(KEYS)
    values[MAE], values[PSNR] = mae, psnr
    return values


def record(number: int, rows: dict[str, float], cover: float = 0.4, labels: tuple[str, ...] = ("Forest",)) -> Record:
    return Record(
        number,
        name=f"case {number}",
        group=f"place {number // 2}",
        labels=list(labels),
        cover=cover,
        hidden=100,
        floor=0.01,
        truth_means=[0.1] * len(NAMES),
        rows={row: figures(mae) for row, mae in rows.items()},
    )


def found(*records: Record) -> Findings:
    rows = list(dict.fromkeys(row for one in records for row in one.rows))
    return gather(iter(records), rows)


def means(table: Table, row: str) -> dict[str, float]:
    cells = next(line.cells for line in table.rows if line.label == row)
    return {key: cell.mean for key, cell in cells.items() if isinstance(cell, Figure)}


def test_bins_of_cover_hold_each_case_once() -> None:
    covers = [0, 0.05, 0.1, 0.3, 0.69, 0.7, 1.0]
    table = cover_table(found(*(record(i, {"a": i}, cover) for i, cover in enumerate(covers))), ["a"])
    titles = {column.key: column.title for column in table.columns}
    assert titles == {
        "0___to_10__": "0 % to 10 % (2 cases)",
        "10___to_30__": "10 % to 30 % (1 case)",
        "30___to_50__": "30 % to 50 % (1 case)",
        "50___to_70__": "50 % to 70 % (1 case)",
        "70___to_100__": "70 % to 100 % (2 cases)",
    }
    assert means(table, "a")["70___to_100__"] == 5.5


def test_case_of_several_classes_counts_in_each() -> None:
    table = class_table(
        found(record(0, {"a": 1.0}, labels=("Sea", "Beach")), record(1, {"a": 3.0}, labels=("Sea",))), ["a"]
    )
    assert means(table, "a") == {"beach": 1.0, "sea": 2.0}
    assert table.note == "Classes are those of the data set."


def test_rare_classes_are_left_out_and_counted() -> None:
    table = class_table(found(*(record(i, {"a": 1.0}, labels=(f"class {i}",)) for i in range(15))), ["a"])
    assert len(table.columns) == 12
    assert table.note.endswith("3 rarer classes are left out.")


def test_best_is_marked_only_where_all_rows_are_of_the_same_cases() -> None:
    both = main_table(found(record(0, {"a": 1, "b": 2}), record(2, {"a": 1, "b": 2})), ["a", "b"])
    mixed = found(record(0, {"a": 1, "b": 2}), record(2, {"a": 1}))
    assert {column.best for column in both.columns[1:]} == {"low", "high"}
    assert {column.best for column in main_table(mixed, ["a", "b"]).columns} == {""}
    common = main_table(mixed, ["a", "b"], mixed.common(["a", "b"]))
    assert {column.best for column in common.columns[1:]} == {"low", "high"}
    assert [row.cells["cases"] for row in common.rows] == [1, 1]


def test_cases_without_error_are_left_out_of_the_mean_of_psnr() -> None:
    perfect = Record(2, name="c", group="g", hidden=1, truth_means=[0.1] * 13, rows={"a": figures(0, math.inf)})
    figure = found(record(0, {"a": 1}), perfect).figure("a", "target.psnr")
    assert (figure.mean, figure.count) == (20, 1)
    assert found(perfect).figure("a", "target.psnr").mean == math.inf
    assert part_tables(found(perfect), ["a"])[0].rows[0].cells["psnr"] == Figure(math.inf)


def test_best_without_training_serves_all_cases_of_the_generator() -> None:
    few = [record(0, {"g": 5, "a": 3, "b": 4, "dates": 1}), record(2, {"g": 5, "a": 3, "b": 1.5})]
    assert best_untrained(found(*few), "g", ["a", "b", "dates"]) == "b"
    assert best_untrained(found(few[0]), "g", ["a", "b", "dates"]) == "dates"


def test_differences_are_of_common_cases() -> None:
    rng = np.random.default_rng(0)
    cases = [record(i, {"g": 1 + rng.normal(0, 0.1), "a": 2 + rng.normal(0, 0.1), "all": 9}) for i in range(20)]
    cases += [record(20, {"g": 100.0, "all": 9}), record(22, {"a": -100.0, "all": 9})]
    first, second = difference_table(found(*cases), ["g"], ["a", "all"]).rows
    assert (first.label, first.cells["cases"]) == ("g - all (best without training)", 21)
    figure = second.cells["mae"]
    assert isinstance(figure, Figure)
    assert figure.mean == pytest.approx(-1, abs=0.1)
    assert (second.label, second.cells["cases"], second.cells["verdict"]) == ("g - a", 20, "better")


def test_generators_are_compared_with_each_other_once() -> None:
    rows = difference_table(found(record(0, {"g": 1, "h": 2, "a": 3})), ["g", "h"], ["a"]).rows
    assert [row.label for row in rows] == [
        "g - a (best without training)",
        "g - h",
        "h - a (best without training)",
    ]


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (Figure(-1, -2, -0.5, 9, 6), "better"),
        (Figure(1, 0.5, 2, 9, 6), "worse"),
        (Figure(-1, -2, 0.5, 9, 6), "not told apart"),
        (Figure(-1, -2, -0.5, 9, 5), "not told apart"),
        (Figure(-1), "not told apart"),
    ],
)
def test_verdict_needs_an_interval_on_one_side_and_enough_places(figure: Figure, words: str) -> None:
    assert verdict(figure) == words


def test_unmeasured_cases_are_counted_and_not_shown() -> None:
    findings = gather(iter([record(0, {"a": 1}), Record(1, "no such day"), Record(2, "no such day")]), ["a"])
    assert findings.unmeasured == {"no such day": 2}
    assert findings.names == ["case 0"]


def test_table_of_cases_leaves_empty_what_is_not_known() -> None:
    lines = as_csv(found(record(0, {"a": math.nan}), record(1, {"b": 2}))).decode().splitlines()
    assert len(lines) == 3
    header = lines[0].split(",")
    first = dict(zip(header, lines[1].split(","), strict=True))
    assert (first["method"], first["reconstruction.mae"], first["target.mae"]) == ("a", "", "1")


def test_examples_are_best_median_worst_and_of_several_covers() -> None:
    cases = found(*(record(i, {"a": (i * 7) % 20}, cover=i / 20) for i in range(20)))
    chosen = choose_examples(cases, "a")
    errors = cases.column("a", "reconstruction.mae")
    by_words = {words: number for number, words in chosen.items()}
    assert errors[by_words["best"]] == 0
    assert errors[by_words["worst"]] == 19
    assert errors[by_words["median"]] == 10
    assert 3 < len(chosen) <= 6


def test_examples_without_any_reconstruction_are_none() -> None:
    assert choose_examples(found(record(0, {"a": math.nan})), "a") == {}


def test_main_table_fits_into_a_terminal() -> None:
    table = main_table(found(record(0, {"generator": 0.1}), record(1, {"generator": 0.2})), ["generator"])
    named = dataclasses.replace(table, rows=[dataclasses.replace(table.rows[0], label="fusion, network alone")])
    text = as_text(brief(named))
    assert max(map(len, text.splitlines())) < 80
    assert text.splitlines()[1].split() == ["method", "cases", "target", "reproduction", "reconstruction"]
