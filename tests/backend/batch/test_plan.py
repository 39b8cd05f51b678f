"""What a batch plans: its dry run shows it, and what cannot be done is not started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest
import rasterio

from unclouded.backend.batch.run import LOCK, WHOLE

from .archive import PLAIN, SIDE, Batch, add_scene, hashes, reported


def test_files_of_somebody_else_are_kept(archive: Any, batch: Batch) -> None:
    (archive.folder / "out").mkdir()
    add_scene(archive, "out/T32TLR_2020-06-01.tif", 5)
    before = hashes(archive.folder / "out")
    refused = batch("in", "-o", "out")

    assert refused.exit_code == 5
    assert not (archive.folder / "out" / LOCK).exists()
    assert "exist and are not of this batch; nothing was started: out/T32TLR_2020-06-01.tif" in refused.output
    assert hashes(archive.folder / "out") == before
    assert batch("in/T32TLR_2020-06-01.tif", "-o", "out", "--overwrite").exit_code == 0
    assert hashes(archive.folder / "out") != before


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


def test_masks_of_a_folder_are_found_by_name(archive: Any, batch: Batch) -> None:
    for day, radius in (("2020-06-01", 5), ("2020-06-11", 15)):
        archive.mask(f"masks/T32TLR_{day}_mask.tif", archive.disc(SIDE, SIDE, 20, 20, radius))
    assert batch("in/T32TLR_2020-06-*.tif", "-o", "out", "--mask", "masks", "--grow", "0").exit_code == 0
    shares = [float(line["cloud_share"]) for line in reported(archive.folder / "out").values()]
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
    assert not hashes(archive.folder / "out")


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
    assert reported(archive.folder / "out")["cut"]["state"] == "failed"


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
    refused = batch("in", "-o", "out", "--method", "median", *more)

    assert refused.exit_code == 2
    assert "The method median needs other dates of the same place, and 6 scene(s) have none" in refused.output
    assert archive.contents() == before


def test_a_scene_without_the_dates_that_its_method_needs_fails_in_the_plan(archive: Any, batch: Batch) -> None:
    shown = batch("in", "-o", "out", "--method", "median", "--dates", "1", "--dry-run")

    assert shown.exit_code == 0, shown.output
    words = "Fails: else/T32TMR_2020-06-01: The method median needs other dates; found were 0 of 1 dates of its place."
    assert words in shown.output
    assert "6 scenes: 3 new, 3 fails." in shown.output


def _without_rights() -> list[str]:
    """Gives the start of a command whose process may not read closed folders, as that of root may."""
    if os.geteuid():
        return []
    rights = "-dac_override,-dac_read_search"
    start = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]
    if shutil.which("setpriv") is None or subprocess.run([*start, "true"], check=False).returncode:
        pytest.skip("root cannot give up its rights here: setpriv is missing or not allowed")
    return start


RUN_EACH = """
import json, sys
from click.testing import CliRunner
from unclouded.backend.__main__ import main
for arguments in json.loads(sys.argv[1]):
    ended = CliRunner().invoke(main, arguments)
    print(json.dumps([ended.exit_code, ended.output]))
"""


def test_a_folder_that_cannot_be_read_is_left_out(archive: Any) -> None:
    closed = archive.folder / "in" / "else"
    (archive.folder / "jobs.csv").write_text("optical,dates\nin/T32TLR_2020-06-01.tif,in/else/a.tif@2020-01-01\n")
    wanted = (
        ("Left out, cannot be read: Permission denied: in/else", 9, "batch in -o out"),
        ("5 scenes: 3 finished before, 2 failed.", 9, "batch in -o out"),
        ("in/else cannot be read: Permission denied", 2, "batch in/else -o x"),
        ("there is no in/else/a.tif", 2, "batch jobs.csv -o x"),
        ("There is no mask in/else/a.tif", 2, "batch in -o x --mask in/else/a.tif"),
        ("no such file, or it may not be read", 3, "remove in/else/T32TMR_2020-06-01.tif -o x.tif"),
    )
    each = json.dumps([[*line.split(), *PLAIN] for _, _, line in wanted])
    command = [*_without_rights(), sys.executable, "-I", "-c", RUN_EACH, each]
    closed.chmod(0)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=archive.folder)
    finally:
        closed.chmod(0o755)

    assert done.returncode == 0, done.stderr
    for (words, code, line), (exit_code, output) in zip(wanted, map(json.loads, done.stdout.splitlines()), strict=True):
        assert exit_code == code, (line, output)
        assert words in output
