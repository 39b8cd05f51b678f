"""Reports appear whole or not at all, and say the same to people and to programs."""

from __future__ import annotations

import contextlib
import csv
import json
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend.errors import OutputError
from unclouded.backend.evaluation.reports.report import Report, Section
from unclouded.backend.evaluation.reports.writing import check, write

from .example import HOSTILE, ROWS, report, table

SMALL = Report("Small", "", {}, [Section("Only", tables=[table()])])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def output(tmp_path: Path) -> str:
    return str(tmp_path / "out.html")


def read_json(output: str) -> Any:
    return json.loads(Path(output).with_suffix(".json").read_text(), parse_constant=lambda name: pytest.fail(name))


def read_csv(output: str) -> list[dict[str, str]]:
    with Path(output).with_suffix(".csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_page_json_and_csv_appear_together_and_nothing_else(tmp_path: Path, output: str) -> None:
    write(SMALL, output, overwrite=False, more={".cases.csv": b"case\n"})

    assert set(contents(tmp_path)) == {"out.html", "out.json", "out.csv", "out.cases.csv"}
    assert contents(tmp_path)["out.cases.csv"] == b"case\n"


def test_a_second_report_replaces_the_first_only_if_allowed(tmp_path: Path, output: str) -> None:
    write(SMALL, output, overwrite=False)
    before = contents(tmp_path)

    with pytest.raises(OutputError, match=r"out\.html exists"):
        write(report(), output, overwrite=False)
    assert contents(tmp_path) == before

    write(report(), output, overwrite=True)
    assert read_json(output)["title"] == report().title


@pytest.mark.parametrize("taken", ["out.json", "out.csv", "out.cases.csv"])
def test_what_lies_beside_the_page_is_kept_too(tmp_path: Path, output: str, taken: str) -> None:
    (tmp_path / taken).write_text("precious")

    with pytest.raises(OutputError, match="exists") as error:
        check(output, overwrite=False, more=[".cases.csv"])

    assert "overwrit" in error.value.hint
    assert contents(tmp_path) == {taken: b"precious"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out.tif", "no HTML file by its name"),
        ("out", "no HTML file by its name"),
        ("missing/out.html", "missing does not exist"),
        ("folder.html", "is a folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.html").mkdir()

    for refuse in (lambda: check(str(tmp_path / name), True), lambda: write(SMALL, str(tmp_path / name), True)):
        with pytest.raises(OutputError, match=words) as error:
            refuse()
        assert error.value.hint


def test_asking_leaves_no_trace(tmp_path: Path, output: str) -> None:
    check(output, overwrite=False)

    assert contents(tmp_path) == {}


@contextlib.contextmanager
def little_room() -> Iterator[None]:
    """The limit on the size of a file stands for a full disk; it holds for the log of the tests, too."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, output: str) -> None:
    write(SMALL, output, overwrite=False)
    before = contents(tmp_path)

    with little_room(), pytest.raises(OutputError, match=r"out\.html could not be written") as error:
        write(report(), output, overwrite=True)

    assert "room" in error.value.hint
    assert contents(tmp_path) == before


def test_json_holds_every_figure(output: str) -> None:
    write(report(), output, overwrite=False)
    content = read_json(output)

    assert content["title"] == report().title
    assert content["command"] == report().command
    assert content["facts"] == report().facts
    assert list(content["tables"]) == ["target", "rest"]
    assert [section["title"] for section in content["sections"]] == ["Three numbers", "Pictures"]
    table = content["tables"]["target"]
    assert table["columns"][0] == {"key": "mae", "title": "MAE", "unit": "reflectance", "best": "low"}
    assert [row["label"] for row in table["rows"]] == [name for name, _ in ROWS]
    cells = [row["cells"] for row in table["rows"]]
    assert cells[0]["mae"] == {"mean": 0.14, "low": 0.13, "high": 0.15, "count": 22}
    assert cells[1]["mae"] == {"mean": None, "low": None, "high": None, "count": 0}
    assert cells[2]["psnr"]["mean"] == "inf"
    assert cells[3]["psnr"]["mean"] == "-inf"
    assert cells[3]["mae"] == {"mean": 0.04, "low": None, "high": None, "count": 1}
    assert cells[1]["remark"] == "needs dates"


def test_csv_holds_a_line_for_each_cell(output: str) -> None:
    write(report(), output, overwrite=False)
    lines = read_csv(output)

    assert len(lines) == 2 * sum(len(cells) for _, cells in ROWS)
    assert lines[0] == {
        "table": "target",
        "row": "identity",
        "column": "mae",
        "unit": "reflectance",
        "mean": "0.14",
        "low": "0.13",
        "high": "0.15",
        "count": "22",
        "text": "",
    }
    hostile = {line["column"]: line for line in lines if line["row"] == HOSTILE and line["table"] == "rest"}
    assert hostile["psnr"]["mean"] == "inf"
    assert hostile["remark"]["text"] == "a, <b>"
    assert {line["mean"] for line in lines if line["row"] == "least-cloudy" and line["column"] == "mae"} == {""}


def test_names_of_files_that_are_no_text_can_be_written(output: str) -> None:
    write(Report("of \udcff.tif", "\udcfe", {"Data": "\udcff"}, [Section("\ud800")]), output, overwrite=False)

    assert "of \\udcff.tif" in Path(output).read_text("utf-8")


def test_tables_of_one_key_are_a_mistake(output: str) -> None:
    with pytest.raises(ValueError, match="a key of its own"):
        write(Report("", "", {}, [Section("", tables=[table(), table()])]), output, overwrite=False)
