"""Many scenes as a team would run them: real files, broken ones among them, kills and second runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from unclouded.backend.batch.display import Lines
from unclouded.backend.batch.run import locked
from unclouded.backend.batch.scenes import Said
from unclouded.backend.errors import Cancelled

from .archive import PLAIN, SIDE, Batch, add_scene, hashes, reported


def test_broken_scenes_stop_nothing_and_are_listed(archive: Any, batch: Batch) -> None:
    inputs = hashes(archive.folder / "in")
    done = batch("in", "-o", "out", "--mask-out")
    report = reported(archive.folder / "out")

    assert done.exit_code == 9, done.output
    assert set(hashes(archive.folder / "out")) == {
        f"{name}{suffix}.tif"
        for name in ("T32TLR_2020-06-01", "T32TLR_2020-06-11", "T32TLR_2020-07-01", "else/T32TMR_2020-06-01")
        for suffix in ("", "_mask")
    }
    assert hashes(archive.folder / "in") == inputs
    assert "6 scenes: 4 done, 2 failed." in done.output
    assert "Failed: cut: in/cut.tif cannot be read as a raster" in done.output
    assert "Left out, one band: a mask, or a part of an image: in/mask.tif" in done.output
    assert "Left out, SAR: in/s1.tif" in done.output
    assert {name: line["state"] for name, line in report.items()} == {
        "S2A_T31TCJ_20200101": "failed",
        "T32TLR_2020-06-01": "done",
        "T32TLR_2020-06-11": "done",
        "T32TLR_2020-07-01": "done",
        "cut": "failed",
        "else/T32TMR_2020-06-01": "done",
    }
    assert "reconstructed" in report["T32TLR_2020-06-01"]["quality"]
    assert float(report["T32TLR_2020-06-01"]["cloud_share"]) > 0.03
    assert report["cut"]["hint"].startswith("Give a raster")
    page = (archive.folder / "out" / "report.html").read_text()
    assert "What went wrong" in page
    assert "in/cut.tif cannot be read" in page


def test_results_are_no_scenes_and_simulated_images_are(archive: Any, batch: Batch) -> None:
    archive.command("simulate", "in/T32TLR_2020-06-01.tif", "-o", "in/simulated.tif")
    batch("in/T32TLR_2020-06-11.tif", "-o", "in/results", "--uncertainty-out")
    shown = batch("in", "-o", "out", "--dry-run", "--json")
    names = {line["id"] for line in map(json.loads, shown.output.splitlines()) if line["type"] == "Planned"}

    assert "simulated" in names
    assert not [name for name in names if name.startswith("results/")]


def test_results_are_those_of_remove(archive: Any, batch: Batch) -> None:
    batch("in/T32TLR_2020-06-*.tif", "-o", "out")
    archive.remove(archive.path("in/T32TLR_2020-06-01.tif"), "alone.tif")

    assert (archive.read("out/T32TLR_2020-06-01.tif") == archive.read("alone.tif")).all()


def test_a_second_run_verifies_and_mends(archive: Any, batch: Batch) -> None:
    pattern = "in/T32TLR_*.tif"
    assert batch(pattern, "-o", "out").exit_code == 0
    before = hashes(archive.folder / "out")
    again = batch(pattern, "-o", "out")
    assert "3 scenes: 3 finished before." in again.output
    with open("out/T32TLR_2020-06-01.tif", "rb+") as file:
        file.seek(3000)
        file.write(b"damaged")
    os.remove("out/T32TLR_2020-06-11.tif")
    add_scene(archive, "in/T32TLR_2020-07-01.tif", 2, tags={"changed": "yes"})
    dry = batch(pattern, "-o", "out", "--dry-run")
    mended = batch(pattern, "-o", "out")
    after = hashes(archive.folder / "out")

    assert mended.exit_code == 0
    for output in (dry.output, mended.output):
        for words in ("damaged: out/T32TLR_2020-06-01.tif", "missing: out/T32TLR_2020-06-11.tif", "changed: optical"):
            assert words in output
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"T32TLR_2020-07-01.tif"}


def test_a_file_that_was_cut_off_spoils_no_other_scene(archive: Any, batch: Batch) -> None:
    archive.raster("in/T32TLR_2020-06-12.tif", archive.numbers(4, SIDE, SIDE, 7), driver="COG")
    os.truncate("in/T32TLR_2020-06-12.tif", os.path.getsize("in/T32TLR_2020-06-12.tif") - 100)
    done = batch("in/T32TLR_2020-06-1*.tif", "-o", "out", "--dates", "1", "--dates-from", "in/T32TLR*")
    report = reported(archive.folder / "out")

    assert done.exit_code == 9
    assert report["T32TLR_2020-06-11"]["state"] == "done"
    assert report["T32TLR_2020-06-11"]["dates"] == "in/T32TLR_2020-06-01.tif"
    assert "cut off" in report["T32TLR_2020-06-12"]["reason"]


def test_names_are_printed_as_they_are(archive: Any, batch: Batch) -> None:
    name = "a:b:[red]c:smile:"
    os.rename("in/T32TLR_2020-06-01.tif", f"in/{name}.tif")
    os.rename("in/cut.tif", f"in/cut{name}.tif")
    shown, done = batch("in/*a:b:*", "-o", "out", "--dry-run"), batch("in/*a:b:*", "-o", "out")

    assert f" {name}.tif " in shown.output
    assert f"\n{name}: " in done.output
    assert f"Failed: cut{name}: in/cut{name}.tif cannot be read" in done.output


def test_two_batches_in_one_folder(archive: Any, batch: Batch) -> None:
    with locked(archive.folder / "out"):
        done = archive.command("batch", "in", "-o", "out", *PLAIN)
    assert done.returncode == 5
    assert "Another batch is at work on out" in done.stderr
    assert not hashes(archive.folder / "out")


def _start(shop: Any, folder: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-m", "unclouded.backend", "batch", "big", "-o", folder, "--json", *PLAIN]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=shop.folder)


@pytest.fixture(scope="module")
def big(module_shop: Any) -> Any:
    """Three scenes that take a while, and their results of a run that nothing disturbed."""
    for number in range(3):
        numbers = module_shop.numbers(4, 700, 700, number)
        numbers[:, module_shop.disc(700, 700, 350, 350, 200)] = 7000
        module_shop.raster(f"big/{number}.tif", numbers, descriptions=("B2", "B3", "B4", "B8"))
    done = module_shop.command("batch", "big", "-o", "whole", *PLAIN)
    assert done.returncode == 0, done.stderr
    return module_shop


def _wait_for_the_second(process: subprocess.Popen[str]) -> None:
    for line in process.stdout:
        event = json.loads(line)
        if event["type"] == "Progress" and event["id"] == "1" and event["stage"] == "reconstructing":
            return
    pytest.fail("the second scene was never begun")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_batch_that_was_ended_goes_on(big: Any, number: signal.Signals) -> None:
    out = big.folder / number.name
    with _start(big, out.name) as process:
        _wait_for_the_second(process)
        process.send_signal(number)
        rest, said = process.communicate(timeout=300)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130), said
    left = {path.name for path in out.glob("*.tif*")}
    if number == signal.SIGTERM:
        summary, failed = (json.loads(line) for line in rest.splitlines()[-2:])
        assert left == {"0.tif"}
        assert summary == {"type": "Summary", "done": 1, "not done": 2, "report": f"{out.name}/report.html"}
        assert failed["code"] == "cancelled"
        assert reported(out)["2"]["state"] == "not done"
    else:
        assert "0.tif" in left
        assert "1.tif" not in left
    again = big.command("batch", "big", "-o", out.name, *PLAIN)

    assert again.returncode == 0, again.stderr
    assert "3 scenes: 2 done, 1 finished before." in again.stderr
    assert ("half-made" in again.stderr) == (number == signal.SIGKILL)
    assert hashes(out) == hashes(big.folder / "whole")
    assert not [path for path in out.iterdir() if path.name.endswith(".part")]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_verifying_is_seen_and_can_be_stopped(
    archive: Any, batch: Batch, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    assert batch("in/T32TLR_*.tif", "-o", "out").exit_code == 0
    before = hashes(archive.folder / "out")
    planning = Lines.planning

    @contextlib.contextmanager
    def interrupted(lines: Lines) -> Iterator[Said]:
        with planning(lines) as say:

            def press(text: str, share: float) -> None:
                say(text, share)
                if text.startswith("verifying"):
                    signal.raise_signal(signal.SIGINT)

            yield press

    monkeypatch.setattr(Lines, "planning", interrupted)
    stopped = batch("in/T32TLR_*.tif", "-o", "out", "--json", *more)
    *rest, progress, failed = map(json.loads, stopped.output.splitlines())

    assert stopped.exit_code == Cancelled.exit_code
    assert (progress["type"], progress["stage"]) == ("Progress", "verifying T32TLR_2020-06-01.tif")
    assert (failed["type"], failed["code"]) == ("Failed", "cancelled")
    assert {line["type"] for line in rest} == {"Progress"}
    assert hashes(archive.folder / "out") == before


@pytest.mark.slow
def test_a_cluster_makes_the_same_bytes(archive: Any, batch: Batch) -> None:
    batch("in", "-o", "out", "--mask-out")
    done = archive.command("batch", "in", "-o", "far", "--mask-out", "--cluster", "local:2", *PLAIN)

    assert done.returncode == 9, done.stderr
    assert "6 scenes: 4 done, 2 failed." in done.stderr
    assert hashes(archive.folder / "far") == hashes(archive.folder / "out")


def test_a_cluster_that_is_not_there(archive: Any) -> None:
    done = archive.command("batch", "in", "-o", "out", "--cluster", "tcp://127.0.0.1:1", *PLAIN)

    assert done.returncode == 7, done.stderr
    assert "127.0.0.1:1" in done.stderr
    assert reported(archive.folder / "out")["T32TLR_2020-06-01"]["state"] == "not done"
