"""The command line as a process: what it prints, how it ends, and that its help can be understood."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from unclouded.backend.__main__ import main
from unclouded.backend.version import VERSION

from .patience import PATIENCE_S, line_with


@pytest.fixture
def files(shop: Any) -> Any:
    """An image and a mask, with names that a shell or a terminal could stumble over."""
    shop.raster("[red]o ä.tif", shop.numbers(4, 60, 60))
    shop.mask("m.tif", shop.disc(60, 60, 30, 30, 9))
    return shop


ARGUMENTS = ["remove", "[red]o ä.tif", "--mask", "m.tif", "--method", "inpaint", "-o", "clear.tif"]


def test_people_are_told_what_happens(files: Any) -> None:
    done = files.command(*ARGUMENTS, "--mask-out", "mask.tif")

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    for words in ("[red]o ä.tif", "B2, B3, B4, B8", "of the area is cloud", "Wrote clear.tif", "Wrote mask.tif"):
        assert words in done.stderr
    assert files.read("clear.tif").shape == (4, 60, 60)


def test_programs_get_one_object_a_line(files: Any) -> None:
    done = files.command(*ARGUMENTS, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 0
    assert {event["type"] for event in events} == {"Log", "Progress", "Estimate", "Done"}
    assert events[-1]["type"] == "Done"
    assert events[-1]["output"] == "clear.tif"


def test_an_error_is_one_line_and_an_exit_code(files: Any) -> None:
    done = files.command("remove", "missing.tif", "-o", "clear.tif")

    assert done.returncode == 3
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert [line for line in done.stderr.splitlines() if line.strip()][-1].startswith(
        "Error: missing.tif cannot be read"
    )


def test_an_error_for_programs(files: Any) -> None:
    done = files.command("remove", "missing.tif", "-o", "clear.tif", "--json")
    event = json.loads(done.stdout.splitlines()[-1])

    assert done.returncode == 3
    assert (event["type"], event["code"]) == ("Failed", "unreadable")


def test_an_existing_output_is_kept_unless_asked(files: Any) -> None:
    files.command(*ARGUMENTS)
    before = files.contents()
    refused, allowed = files.command(*ARGUMENTS), files.command(*ARGUMENTS, "--overwrite")

    assert refused.returncode == 5
    assert "clear.tif exists" in refused.stderr
    assert allowed.returncode == 0
    assert files.contents() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_job_that_is_interrupted_leaves_nothing(shop: Any, number: signal.Signals) -> None:
    optical = shop.raster("o.tif", shop.numbers(4, 1600, 1600), tiled=True)
    mask = shop.mask("m.tif", shop.disc(1600, 1600, 800, 800, 700))
    before = shop.contents()
    command = [sys.executable, "-I", "-m", "unclouded.backend", "remove", optical, "--mask", mask, "--json"]
    command += ["--method", "inpaint", "-o", shop.path("clear.tif")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line_with('"Progress"', process)
        process.send_signal(number)
        rest, said = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130, said
    assert json.loads(rest.splitlines()[-1])["code"] == "cancelled"
    assert shop.contents() == before


def test_detect_and_simulate_write_their_files(files: Any) -> None:
    detected = files.command("detect", "[red]o ä.tif", "-o", "mask.tif")
    simulated = files.command("simulate", "[red]o ä.tif", "-o", "cloudy.tif", "--mask-out", "truth.tif", "--seed", "3")

    assert (detected.returncode, simulated.returncode) == (0, 0), detected.stderr + simulated.stderr
    for name, bands in (("mask.tif", 1), ("cloudy.tif", 4), ("truth.tif", 1)):
        assert files.read(name).shape == (bands, 60, 60)


def test_info_tells_versions_devices_and_models(shop: Any) -> None:
    people, programs = shop.command("info"), shop.command("info", "--json")
    facts = json.loads(programs.stdout)

    assert (people.returncode, programs.returncode) == (0, 0)
    assert facts["versions"]["unclouded"] == VERSION
    assert facts["devices"][-1]["name"] == "cpu"
    for word in (VERSION, "torch", "cpu", *(model["name"] for model in facts["models"])):
        assert word in people.stdout


def test_the_version() -> None:
    assert VERSION in CliRunner().invoke(main, ["--version"]).output


@pytest.mark.parametrize("command", [[], *([name] for name in main.commands)])
def test_help_explains_every_option(command: list[str]) -> None:
    result = CliRunner().invoke(main, [*command, "--help"])
    target = main.commands[command[0]] if command else main

    assert result.exit_code == 0
    assert target.help
    for option in target.params:
        if getattr(option, "opts", [""])[0].startswith("-"):
            assert getattr(option, "help", None), option.name
            assert max(option.opts, key=len) in result.output


def test_the_start_loads_nothing_heavy() -> None:
    script = (
        "import sys; import unclouded.backend.__main__; print([m for m in sys.modules if m in ('torch', 'rasterio')])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_pipe_that_closes_is_no_fault_of_the_files(files: Any) -> None:
    """As with `unclouded ... --json | head -1`."""
    command = [sys.executable, "-I", "-m", "unclouded.backend", *ARGUMENTS, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=files.folder) as process:
        process.stdout.readline()
        process.stdout.close()
        process.wait(60)

    assert not [name for name in files.contents() if name.startswith(".")]
