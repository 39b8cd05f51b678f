"""An evaluation that is killed without warning goes on, and says to the last digit what one in a single go says."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from unclouded.backend.evaluation.generators.ledger import EVERY

from ...generators import write_fusion
from ..pairs import write_pairs

LIMIT_S = 300


def started(folder: Path, data: Path, model: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-m", "unclouded.backend", "evaluate", "--data", str(data), "--model", model]
    command += ["--dataset", "sen12ms-cr", "--bands", "B2,B3,B4", "--each", "2", "--device", "cpu"]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([*command, "--report", "out.html"], cwd=folder, stderr=log)


def killed_after(lines: int, process: subprocess.Popen[bytes], folder: Path) -> int:
    """Kills it once so many cases are written down, and gives how many there are then."""
    cases, until = folder / ".out.html.state" / "cases.jsonl", time.monotonic() + LIMIT_S
    while not cases.exists() or len(cases.read_bytes().splitlines()) < lines:
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < until
        time.sleep(0.005)
    process.kill()
    process.wait()
    return len(cases.read_bytes().splitlines())


@pytest.mark.slow
def test_evaluation_that_is_killed_twice_comes_out_the_same(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data")
    model = write_fusion(tmp_path, training_data=["made: 1"])
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    assert started(whole, data, model).wait(LIMIT_S) == 0, (whole / "log").read_text()

    first = killed_after(EVERY + 3, started(parts, data, model), parts)
    second = killed_after(2 * EVERY + 1, started(parts, data, model), parts)
    assert EVERY < first < second
    assert not (parts / "out.html").exists()
    assert started(parts, data, model).wait(LIMIT_S) == 0, (parts / "log").read_text()

    log = (parts / "log").read_text()
    assert f"Going on behind {first // EVERY * EVERY} cases" in log
    for name in ("out.json", "out.csv", "out.cases.csv", "out.html"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    assert {path.name for path in parts.iterdir()} == {path.name for path in whole.iterdir()}
