"""The state of an evaluation survives whatever stops it, and serves the same evaluation only."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.errors import OutputError, UsageError
from unclouded.backend.evaluation.generators.ledger import CASES, EVERY, FINGERPRINT, SUMS, Ledger, Record

FACTS = {"data": "made", "seed": 0, "bands": ["B2", "B3"]}


def record(index: int) -> Record:
    return Record(index, name=f"place {index}", group="g", floor=math.nan, rows={"identity": [1.5, math.inf, math.nan]})


def opened(folder: Path, overwrite: bool = False, **facts: object) -> Ledger:
    return Ledger(str(folder / "out.html"), FACTS | facts, overwrite)


def filled(folder: Path, count: int, saved: int) -> Ledger:
    ledger = opened(folder)
    for index in range(count):
        ledger.add(record(index))
        if index + 1 == saved:
            ledger.save({"sum": np.array([index])})
    ledger.close()
    return ledger


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 3, 3)
    again = opened(tmp_path)
    assert repr(list(again.records())) == repr([record(0), record(1), record(2)])
    assert again.count == 3
    assert again.sums["sum"] == [2]
    assert ledger.folder.name == ".out.html.state"
    again.close()


def test_it_goes_on_behind_what_the_sums_hold(tmp_path: Path) -> None:
    filled(tmp_path, 5, 3)
    again = opened(tmp_path)
    assert again.count == 3
    again.add(record(3))
    assert [found.index for found in again.records()] == [0, 1, 2, 3]
    again.close()


def test_without_sums_it_begins_anew(tmp_path: Path) -> None:
    filled(tmp_path, 5, 0)
    again = opened(tmp_path)
    assert (again.count, list(again.records()), again.sums) == (0, [], {})
    again.close()


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_torn_line_is_dropped(tmp_path: Path, cut: int) -> None:
    folder = filled(tmp_path, 4, 3).folder
    content = (folder / CASES).read_bytes()
    (folder / CASES).write_bytes(content[:-cut])
    again = opened(tmp_path)
    assert again.count == 3
    again.close()


def test_lines_that_the_sums_hold_and_that_are_lost_are_measured_again(tmp_path: Path) -> None:
    folder = filled(tmp_path, 4, 4).folder
    content = (folder / CASES).read_bytes()
    (folder / CASES).write_bytes(content[:-3])
    again = opened(tmp_path)
    assert (again.count, again.sums) == (0, {})
    again.close()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no archive"])
def test_torn_sums_begin_anew(tmp_path: Path, content: bytes) -> None:
    folder = filled(tmp_path, 4, 4).folder
    (folder / SUMS).write_bytes(content)
    again = opened(tmp_path)
    assert (again.count, again.sums) == (0, {})
    again.close()


def test_sums_are_due_every_few_cases(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    due = [ledger.add(record(index)) for index in range(2 * EVERY)]
    assert [index + 1 for index, now in enumerate(due) if now] == [EVERY, 2 * EVERY]
    ledger.close()


def test_other_evaluation_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    filled(tmp_path, 2, 2)
    with pytest.raises(UsageError, match=r"another kind: bands, seed differ\.") as raised:
        opened(tmp_path, seed=1, bands=["B2"])
    assert "--overwrite" in raised.value.hint
    again = opened(tmp_path)
    assert again.count == 2
    again.close()


def test_overwriting_drops_the_state_of_another_and_keeps_its_own(tmp_path: Path) -> None:
    filled(tmp_path, 2, 2)
    same = opened(tmp_path, overwrite=True)
    same.close()
    other = opened(tmp_path, overwrite=True, seed=1)
    other.close()
    assert (same.count, other.count) == (2, 0)


def test_torn_fingerprint_begins_anew(tmp_path: Path) -> None:
    folder = filled(tmp_path, 2, 2).folder
    (folder / FINGERPRINT).write_text('{"data"')
    again = opened(tmp_path)
    assert again.count == 0
    again.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not limit the size of files")
def test_full_disk_is_said_and_what_was_kept_serves(tmp_path: Path) -> None:
    import resource

    ledger = opened(tmp_path)
    ledger.add(record(0))
    ledger.save({"sum": np.zeros(1)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (ledger.folder / CASES).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with pytest.raises(OutputError, match="cannot be kept in"):
            ledger.add(record(1))
        with pytest.raises(OutputError, match="cannot be kept in"):
            ledger.save({"sum": np.zeros(1000)})
        ledger.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    again = opened(tmp_path)
    assert again.count == 1
    assert (ledger.folder / CASES).stat().st_size == size
    again.close()


def test_second_process_is_kept_off(tmp_path: Path) -> None:
    first = opened(tmp_path)
    with pytest.raises(UsageError, match="Another evaluation is at work"):
        opened(tmp_path)
    with pytest.raises(UsageError, match="Another evaluation is at work"):
        opened(tmp_path, overwrite=True, seed=1)
    first.close()
    opened(tmp_path).close()


def test_removed_state_is_gone(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.remove()
    assert not ledger.folder.exists()


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be written: Not a directory"):
        Ledger(str(tmp_path / "file" / "out.html"), FACTS, False)
