"""Many scenes as a team would run them: real files, broken ones among them, kills and second runs."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rasterio
from click.testing import CliRunner, Result

from unclouded.backend.__main__ import main
from unclouded.backend.batch.display import Lines
from unclouded.backend.batch.run import LOCK, WHOLE, locked
from unclouded.backend.batch.scenes import Said
from unclouded.backend.errors import Cancelled

PLAIN = ("--method", "inpaint")
SIDE = 64
Batch = Callable[..., Result]


@pytest.fixture
def batch(shop: Any, monkeypatch: pytest.MonkeyPatch) -> Batch:
    """Runs the command in this process, in the shop's folder."""
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["batch", *arguments, *PLAIN], catch_exceptions=False)

    return run


def _scene(shop: Any, name: str, seed: int, **options: Any) -> None:
    numbers = shop.numbers(4, SIDE, SIDE, seed)
    numbers[:, shop.disc(SIDE, SIDE, 30, 30, 9)] = 7000
    shop.raster(name, numbers, descriptions=("B2", "B3", "B4", "B8"), **options)


@pytest.fixture
def archive(shop: Any) -> Any:
    """A folder with four scenes, two broken ones, and what is none."""
    for number, day in enumerate(("2020-06-01", "2020-06-11", "2020-07-01")):
        _scene(shop, f"in/T32TLR_{day}.tif", number)
    _scene(shop, "in/else/T32TMR_2020-06-01.tif", 9, west=900_000.0)
    data = (shop.folder / "in" / "T32TLR_2020-06-01.tif").read_bytes()
    (shop.folder / "in" / "cut.tif").write_bytes(data[: len(data) // 2])
    (shop.folder / "in" / "S2A_T31TCJ_20200101.SAFE").mkdir()
    shop.mask("in/mask.tif", shop.disc(SIDE, SIDE, 30, 30, 9))
    shop.raster("in/s1.tif", shop.land(2, SIDE, SIDE).astype("float32"), descriptions=("VV", "VH"))
    return shop


def _hashes(folder: Path) -> dict[str, str]:
    """Of the results in a folder and below."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.tif")
    }


def _report(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "report.csv").open(encoding="utf-8", newline="") as file:
        return {line["scene"]: line for line in csv.DictReader(file)}


def test_broken_scenes_stop_nothing_and_are_listed(archive: Any, batch: Batch) -> None:
    inputs = _hashes(archive.folder / "in")
    done = batch("in", "-o", "out", "--mask-out")
    report = _report(archive.folder / "out")

    assert done.exit_code == 9, done.output
    assert set(_hashes(archive.folder / "out")) == {
        f"{name}{suffix}.tif"
        for name in ("T32TLR_2020-06-01", "T32TLR_2020-06-11", "T32TLR_2020-07-01", "else/T32TMR_2020-06-01")
        for suffix in ("", "_mask")
    }
    assert _hashes(archive.folder / "in") == inputs
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
    before = _hashes(archive.folder / "out")
    again = batch(pattern, "-o", "out")
    assert "3 scenes: 3 finished before." in again.output
    with open("out/T32TLR_2020-06-01.tif", "rb+") as file:
        file.seek(3000)
        file.write(b"damaged")
    os.remove("out/T32TLR_2020-06-11.tif")
    _scene(archive, "in/T32TLR_2020-07-01.tif", 2, tags={"changed": "yes"})
    dry = batch(pattern, "-o", "out", "--dry-run")
    mended = batch(pattern, "-o", "out")
    after = _hashes(archive.folder / "out")

    assert mended.exit_code == 0
    for output in (dry.output, mended.output):
        for words in ("damaged: out/T32TLR_2020-06-01.tif", "missing: out/T32TLR_2020-06-11.tif", "changed: optical"):
            assert words in output
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"T32TLR_2020-07-01.tif"}


def test_files_of_somebody_else_are_kept(archive: Any, batch: Batch) -> None:
    (archive.folder / "out").mkdir()
    _scene(archive, "out/T32TLR_2020-06-01.tif", 5)
    before = _hashes(archive.folder / "out")
    refused = batch("in", "-o", "out")

    assert refused.exit_code == 5
    assert not (archive.folder / "out" / LOCK).exists()
    assert "exist and are not of this batch; nothing was started: out/T32TLR_2020-06-01.tif" in refused.output
    assert _hashes(archive.folder / "out") == before
    assert batch("in/T32TLR_2020-06-01.tif", "-o", "out", "--overwrite").exit_code == 0
    assert _hashes(archive.folder / "out") != before


def test_a_report_of_somebody_else_is_kept(archive: Any, batch: Batch) -> None:
    (archive.folder / "out").mkdir()
    (archive.folder / "out" / "report.csv").write_text("mine")

    assert batch("in", "-o", "out").exit_code == 5
    assert (archive.folder / "out" / "report.csv").read_text() == "mine"


def test_a_dry_run_says_what_and_why_and_writes_nothing(archive: Any, batch: Batch) -> None:
    archive.raster("sar/S1A_20200603.tif", archive.land(2, SIDE, SIDE).astype("float32"), descriptions=("VV", "VH"))
    before = archive.contents()
    shown = batch("in", "-o", "out", "--dates", "1", "--sar", "sar", "--within", "12", "--dry-run")

    assert shown.exit_code == 0
    assert archive.contents() == before
    lines = [line for line in shown.output.splitlines() if line.strip()]
    first = next(number for number, line in enumerate(lines) if "T32TLR_2020-06-01.tif" in line)
    assert "S1A_20200603.tif (covers 100%, 2 days later)" in lines[first]
    assert "T32TLR_2020-06-11.tif (tile 32TLR, 10 days later)" in lines[first + 1]
    last = next(line for line in lines if "T32TLR_2020-07-01.tif" in line and "new" in line)
    assert "no SAR of its place within 12 days" in last
    assert "0 of 1 dates of its place within 12 days" in lines[lines.index(last) + 1]
    assert "6 scenes: 4 new, 2 fails. To do: 0.0 megapixels" in shown.output


def test_pairs_reach_the_jobs(archive: Any, batch: Batch) -> None:
    done = batch("in/T32TLR_2020-06-01.tif", "-o", "out", "--dates", "2", "--dates-from", "in", "--json")
    lines = [line for line in map(json.loads, done.output.splitlines()) if line.get("id") != WHOLE]

    assert done.exit_code == 0
    assert [line["type"] for line in lines if line["type"] in ("Planned", "Done", "Summary")] == [
        "Planned",
        "Done",
        "Summary",
    ]
    assert lines[0]["dates"] == ["in/T32TLR_2020-06-11.tif", "in/T32TLR_2020-07-01.tif"]
    assert lines[0]["paired"]["in/T32TLR_2020-06-11.tif"] == "tile 32TLR, 10 days later"
    assert {line["id"] for line in lines[:-1]} == {"T32TLR_2020-06-01"}
    assert lines[-1] == {"type": "Summary", "done": 1, "report": "out/report.html"}
    with rasterio.open(archive.path("out/T32TLR_2020-06-01.tif")) as dataset:
        said = json.loads(dataset.tags()["UNCLOUDED_PARAMETERS"])
    assert said["dates"] == ["T32TLR_2020-06-11.tif", "T32TLR_2020-07-01.tif"]


def test_a_file_that_was_cut_off_spoils_no_other_scene(archive: Any, batch: Batch) -> None:
    archive.raster("in/T32TLR_2020-06-12.tif", archive.numbers(4, SIDE, SIDE, 7), driver="COG")
    os.truncate("in/T32TLR_2020-06-12.tif", os.path.getsize("in/T32TLR_2020-06-12.tif") - 100)
    done = batch("in/T32TLR_2020-06-1*.tif", "-o", "out", "--dates", "1", "--dates-from", "in/T32TLR*")
    report = _report(archive.folder / "out")

    assert done.exit_code == 9
    assert report["T32TLR_2020-06-11"]["state"] == "done"
    assert report["T32TLR_2020-06-11"]["dates"] == "in/T32TLR_2020-06-01.tif"
    assert "cut off" in report["T32TLR_2020-06-12"]["reason"]


def test_masks_of_a_folder_are_found_by_name(archive: Any, batch: Batch) -> None:
    for day, radius in (("2020-06-01", 5), ("2020-06-11", 15)):
        archive.mask(f"masks/T32TLR_{day}_mask.tif", archive.disc(SIDE, SIDE, 20, 20, radius))
    assert batch("in/T32TLR_2020-06-*.tif", "-o", "out", "--mask", "masks", "--grow", "0").exit_code == 0
    shares = [float(line["cloud_share"]) for line in _report(archive.folder / "out").values()]
    lacking = batch("in/T32TLR_*.tif", "-o", "other", "--mask", "masks")

    expected = [archive.disc(SIDE, SIDE, 20, 20, radius).mean() for radius in (5, 15)]
    assert shares == pytest.approx(expected, abs=1e-5)
    assert lacking.exit_code == 2
    assert "1 scene(s) have none or several: in/T32TLR_2020-07-01.tif" in lacking.output


def test_a_job_file_with_wrong_lines_starts_nothing(archive: Any, batch: Batch) -> None:
    (archive.folder / "jobs.csv").write_text(
        "optical,grow,cloud-threshold,method,model,bbox,level\n"
        "in/T32TLR_2020-06-01.tif,,,,,,\n"
        "in/T32TLR_2020-06-11.tif,-1,1.5,magic,no-such,1 2 3,L9\n"
        "in/none.tif,,,,,,\n"
    )
    refused = batch("jobs.csv", "-o", "out")

    assert refused.exit_code == 2
    assert "jobs.csv has 7 error(s); nothing was started" in refused.output
    for words in (
        "line 3: grow: -1 is not in the range",
        "line 3: cloud_threshold: 1.5 is not in the range",
        "line 3: method: 'magic' is not one of",
        "line 3: model: No generator 'no-such' is installed",
        "line 3: bbox:",
        "line 3: level: 'L9' is not one of",
        "line 4: there is no in/none.tif",
    ):
        assert words in refused.output
    assert not _hashes(archive.folder / "out")


def test_a_job_file_gives_each_scene_its_own(archive: Any, batch: Batch) -> None:
    (archive.folder / "jobs").mkdir()
    (archive.folder / "jobs" / "jobs.csv").write_text(
        "optical,output,mask,dates,method,bbox\n"
        "../in/T32TLR_2020-06-01.tif,first.tif,../in/mask.tif,../in/T32TLR_2020-06-11.tif@2020-06-12,median,\n"
        '../in/T32TLR_2020-06-01.tif,deep/part.tif,all,,,"600100 5099500 600300 5099800"\n'
        "../in/cut.tif,,,,,\n"
    )
    done = batch("jobs/jobs.csv", "-o", "out")

    assert done.exit_code == 9, done.output
    assert archive.read("out/first.tif").shape == (4, SIDE, SIDE)
    assert archive.read("out/deep/part.tif").shape == (4, 30, 20)
    assert _report(archive.folder / "out")["cut"]["state"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nowhere", "-o", "out"), 2, "There is no nowhere"),
        (("in/s1.tif", "-o", "out"), 2, "No optical scene was found; left out: in/s1.tif (SAR)"),
        (("in/T32TLR_2020-06-01.tif", "-o", "in"), 2, "in/T32TLR_2020-06-01.tif is an input"),
        (("in", "in/T32TLR_2020-06-01.tif", "-o", "out"), 2, "an output of its own name"),
        (("in", "-o", "out", "--device", "abacus"), 6, "abacus"),
        (("in", "-o", "in/cut.tif"), 5, "The folder in/cut.tif cannot be"),
        (("in", "-o", "deep/out", "--mask", "nomask"), 2, "There is no mask nomask"),
        (
            ("in", "-o", "out", "--bands", "B2,B3"),
            2,
            "T32TLR_2020-06-11: The 4 band(s) of in/T32TLR_2020-06-11.tif could",
        ),
        (("in", "-o", "out", "--bbox", "1", "2", "3", "4"), 2, "[1.0, 2.0, 3.0, 4.0] lies outside the optical image"),
        (("in/cut.tif", "-o", "out"), 2, "None of 1 scene(s) can be done; nothing was started"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_what_cannot_be_started(
    archive: Any, batch: Batch, arguments: tuple[str, ...], code: int, words: str, more: tuple[str, ...]
) -> None:
    before = archive.contents()
    refused = batch(*arguments, *more)

    assert refused.exit_code == code, refused.output
    assert words in refused.output
    assert archive.contents() == before


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_method_of_dates_without_dates(archive: Any, batch: Batch, more: tuple[str, ...]) -> None:
    before = archive.contents()
    refused = archive.command("batch", "in", "-o", "out", "--method", "median", *more)

    assert refused.returncode == 2
    assert "The method median needs other dates of the same place, and 6 scene(s) have none" in refused.stderr
    assert archive.contents() == before


def test_a_scene_without_the_dates_that_its_method_needs_fails_in_the_plan(archive: Any) -> None:
    shown = archive.command("batch", "in", "-o", "out", "--method", "median", "--dates", "1", "--dry-run")

    assert shown.returncode == 0, shown.stderr
    words = "Fails: else/T32TMR_2020-06-01: The method median needs other dates; found were 0 of 1 dates of its place."
    assert words in shown.stdout
    assert "6 scenes: 3 new, 3 fails." in shown.stdout


def test_names_are_printed_as_they_are(archive: Any, batch: Batch) -> None:
    name = "a:b:[red]c:smile:"
    os.rename("in/T32TLR_2020-06-01.tif", f"in/{name}.tif")
    os.rename("in/cut.tif", f"in/cut{name}.tif")
    shown, done = batch("in/*a:b:*", "-o", "out", "--dry-run"), batch("in/*a:b:*", "-o", "out")

    assert f" {name}.tif " in shown.output
    assert f"\n{name}: " in done.output
    assert f"Failed: cut{name}: in/cut{name}.tif cannot be read" in done.output


def _without_rights() -> list[str]:
    """Gives the start of a command whose process may not read closed folders, as that of root may."""
    if os.geteuid():
        return []
    rights = "-dac_override,-dac_read_search"
    start = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]
    if shutil.which("setpriv") is None or subprocess.run([*start, "true"], check=False).returncode:
        pytest.skip("root cannot give up its rights here: setpriv is missing or not allowed")
    return start


def test_a_folder_that_cannot_be_read_is_left_out(archive: Any) -> None:
    closed = archive.folder / "in" / "else"
    (archive.folder / "jobs.csv").write_text("optical,dates\nin/T32TLR_2020-06-01.tif,in/else/a.tif@2020-01-01\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*_without_rights(), sys.executable, "-I", "-m", "unclouded.backend", *arguments, *PLAIN]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=archive.folder)

    closed.chmod(0)
    try:
        done = run("batch", "in", "-o", "out")
        refused = {
            "in/else cannot be read": run("batch", "in/else", "-o", "x"),
            "there is no in/else/a.tif": run("batch", "jobs.csv", "-o", "x"),
            "There is no mask in/else/a.tif": run("batch", "in", "-o", "x", "--mask", "in/else/a.tif"),
            "no such file, or it may not be read": run("remove", "in/else/T32TMR_2020-06-01.tif", "-o", "x.tif"),
        }
    finally:
        closed.chmod(0o755)

    assert done.returncode == 9, done.stderr
    assert "Left out, cannot be read: Permission denied: in/else" in done.stderr
    assert "5 scenes: 3 done, 2 failed." in done.stderr
    for words, process in refused.items():
        assert process.returncode in (2, 3), process.stderr
        assert words in process.stderr


def test_two_batches_in_one_folder(archive: Any, batch: Batch) -> None:
    with locked(archive.folder / "out"):
        done = archive.command("batch", "in", "-o", "out", *PLAIN)
    assert done.returncode == 5
    assert "Another batch is at work on out" in done.stderr
    assert not _hashes(archive.folder / "out")


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
        assert _report(out)["2"]["state"] == "not done"
    else:
        assert "0.tif" in left
        assert "1.tif" not in left
    again = big.command("batch", "big", "-o", out.name, *PLAIN)

    assert again.returncode == 0, again.stderr
    assert "3 scenes: 2 done, 1 finished before." in again.stderr
    assert ("half-made" in again.stderr) == (number == signal.SIGKILL)
    assert _hashes(out) == _hashes(big.folder / "whole")
    assert not [path for path in out.iterdir() if path.name.endswith(".part")]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_verifying_is_seen_and_can_be_stopped(
    archive: Any, batch: Batch, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    assert batch("in/T32TLR_*.tif", "-o", "out").exit_code == 0
    before = _hashes(archive.folder / "out")
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
    assert _hashes(archive.folder / "out") == before


@pytest.mark.slow
def test_a_cluster_makes_the_same_bytes(archive: Any, batch: Batch) -> None:
    batch("in", "-o", "out", "--mask-out")
    done = archive.command("batch", "in", "-o", "far", "--mask-out", "--cluster", "local:2", *PLAIN)

    assert done.returncode == 9, done.stderr
    assert "6 scenes: 4 done, 2 failed." in done.stderr
    assert _hashes(archive.folder / "far") == _hashes(archive.folder / "out")


def test_a_cluster_that_is_not_there(archive: Any) -> None:
    done = archive.command("batch", "in", "-o", "out", "--cluster", "tcp://127.0.0.1:1", *PLAIN)

    assert done.returncode == 7, done.stderr
    assert "127.0.0.1:1" in done.stderr
    assert _report(archive.folder / "out")["T32TLR_2020-06-01"]["state"] == "not done"
