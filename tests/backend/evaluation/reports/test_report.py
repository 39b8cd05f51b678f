"""Tables for logs and terminals."""

from __future__ import annotations

import math

from unclouded.backend.evaluation.reports.report import Column, Row, Table, as_text
from unclouded.backend.statistics import Figure

COLUMNS = [
    Column("cases", "cases", digits=0),
    Column("a", "target MAE"),
    Column("b", "reproduction MAE"),
    Column("c", "reconstruction MAE"),
    Column("d", "reconstruction PSNR", "dB", 2),
]
ROWS = [
    Row("identity", {"cases": 6, "a": Figure(0.0978, 0.09, 0.11), "b": 0.0, "c": 0.1451, "d": math.inf}),
    Row("clear mean", {"cases": 12, "a": 0.0189, "c": math.nan, "d": 28.791}),
]


def test_neighbours_share_the_first_word_of_their_titles() -> None:
    assert as_text(Table("overall", "All cases", COLUMNS, ROWS, "method")).splitlines() == [
        "All cases",
        "method      cases  target  reproduction  reconstruction",
        "                      MAE           MAE      MAE   PSNR",
        "                                                   (dB)",
        "identity        6  0.0978        0.0000   0.1451    inf",
        "clear mean     12  0.0189             -        -  28.79",
    ]


def test_words_that_are_wider_than_their_columns_have_room() -> None:
    columns = [Column("a", "reconstruction", digits=0), Column("b", "SAM", digits=0)]
    assert as_text(Table("t", "T", columns, [Row("x", {"a": 1, "b": 2})], "a long label")).splitlines() == [
        "T",
        "a long label  reconstruction  SAM",
        "x                          1    2",
    ]


def test_tables_without_rows_or_columns_are_texts() -> None:
    assert as_text(Table("t", "T", [Column("a", "a")], [])) == "T\n  a"
    assert as_text(Table("t", "T", [], [Row("x", {})])) == "T\n\nx"
