"""Two processes that train together are one with twice the batch."""

from __future__ import annotations

import contextlib
import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from unclouded.backend.card import read_card
from unclouded.backend.errors import BackendError, Cancelled, InputError, UsageError
from unclouded.backend.protocol import Log
from unclouded.backend.training.trainer import make_trainer

from .studio import Listener, changes, run, tiny, write_places

FURTHER = ("data.windows=1", "data.samples=12", "data.validation_samples=4")


PATIENCE_S = 900
"""After which a run is ended: a machine ten times slower than a desktop, and busy, needs less."""


@contextlib.contextmanager
def started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Starts a command and ends it with all that it has started; what it prints is in said(folder)."""
    with (folder / "said.txt").open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=file,
            stderr=file,
            text=True,
            cwd=folder,
            env=os.environ | {"COLUMNS": "1000"},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def said(folder: Path) -> str:
    return (folder / "said.txt").read_text()


def until(wanted: Callable[[], bool], folder: Path) -> None:
    """Waits, not for ever."""
    end = time.monotonic() + PATIENCE_S
    while not wanted():
        assert time.monotonic() < end, said(folder)
        time.sleep(0.1)


def processes(group: int) -> list[tuple[int, str]]:
    """Gives number and command of all processes of a group that still run."""
    lines = subprocess.run(
        ["ps", "-Awwo", "pid=,pgid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(maxsplit=3) for line in lines]
    return [(int(row[0]), row[3]) for row in rows if int(row[1]) == group and not row[2].startswith("Z")]


def words(name: str, data: Path, *further: str) -> list[str]:
    made = [word for change in changes(name, *FURTHER, *further) for word in ("--set", change)]
    return ["unclouded.backend", "train", name, *made, "--data", str(data), "--device", "cpu"]


def train(name: str, folder: Path, data: Path, processes: int, *further: str, resume: bool = False) -> str:
    """Runs the command, through torchrun where there are several processes, and gives all that it prints."""
    sizes = (f"fit.devices={processes}", f"fit.batch={4 // processes}")
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}"] if processes > 1 else []
    command = [*launcher, "-m", *words(name, data, *sizes, *further), "--out", str(folder)]
    place = folder.with_name(f"{folder.name}-{resume}")
    place.mkdir()
    with started([*command, *(["--resume"] if resume else [])], place) as process:
        until(lambda: process.poll() is not None, place)
    assert process.returncode == 0, said(place)
    return said(place)


def log(folder: Path) -> list[dict[str, float]]:
    with (folder / "log.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize("variable", ["WORLD_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_more_processes_than_the_recipe_says_are_refused(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "2")
    with pytest.raises(
        UsageError, match=r"2 processes were started; the recipe wants 1 \(fit\.devices=1, fit\.nodes=1\)"
    ):
        make_trainer(tiny("unet_small"), tmp_path, "cpu", Listener().reporter)


@pytest.mark.slow
def test_two_processes_learn_what_one_with_twice_the_batch_learns(tmp_path: Path, data: Path) -> None:
    further = ("fit.average=0.9", "fit.accumulate=2", "data.validation_samples=64")
    one = train("dsen2cr_small", tmp_path / "one", data, 1, *further)
    two = train("dsen2cr_small", tmp_path / "two", data, 2, *further)

    assert two.replace("two/", "one/") == one
    assert len(list((tmp_path / "two" / "tensorboard").glob("events*"))) == 1
    assert "validation_frechet" in log(tmp_path / "one")[0]
    for single, both in zip(log(tmp_path / "one"), log(tmp_path / "two"), strict=True):
        assert both == pytest.approx(single, rel=1e-4)
    weights = [torch.load(tmp_path / run / "last.ckpt", weights_only=True)["state_dict"] for run in ("one", "two")]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_adversaries_learn_in_two_processes_and_go_on(tmp_path: Path, data: Path) -> None:
    train("pix2pix_small", tmp_path / "run", data, 2, "fit.epochs=1", "fit.average=0.9")
    folder, settings = tmp_path / "run", ("fit.epochs=2", "fit.average=0.9")
    first = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
    train("pix2pix_small", folder, data, 2, *settings, resume=True)
    second = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]

    assert [row["epoch"] for row in log(folder)] == [1, 2]
    assert all(bool(weight.isfinite().all()) for weight in second.values())
    for part in ("generator.", "discriminator."):
        assert any(not torch.equal(first[key], second[key]) for key in first if key.startswith(part))


@pytest.fixture
def endless(tmp_path: Path, data: Path) -> Iterator[subprocess.Popen[str]]:
    """Two processes that have trained for an epoch, and would for hours."""
    command = ["-m", *words("dsen2cr_small", data, "fit.devices=2", "fit.epochs=99999"), "--out", "run"]
    with started(command, tmp_path) as process:
        until(lambda: process.poll() is not None or (tmp_path / "run" / "best.ckpt").exists(), tmp_path)
        assert process.poll() is None, said(tmp_path)
        yield process


def second(first: int) -> int:
    """Gives the number of the process that the first has started."""
    (number,) = (number for number, command in processes(first) if "spawn_main" in command)
    return number


@pytest.mark.slow
def test_signal_to_the_first_process_ends_all_and_keeps_the_best(
    endless: subprocess.Popen[str], tmp_path: Path
) -> None:
    endless.terminate()
    until(lambda: not processes(endless.pid), tmp_path)

    assert endless.wait() == Cancelled.exit_code, said(tmp_path)
    assert "The best generator so far was kept: run/dsen2cr_small.safetensors" in said(tmp_path)
    assert read_card(str(tmp_path / "run" / "dsen2cr_small.safetensors")).name == "dsen2cr_small"


@pytest.mark.slow
def test_process_that_is_killed_is_named_by_the_first_which_keeps_the_best(
    endless: subprocess.Popen[str], tmp_path: Path
) -> None:
    os.kill(second(endless.pid), signal.SIGKILL)
    until(lambda: not processes(endless.pid), tmp_path)

    assert endless.wait() == BackendError.exit_code, said(tmp_path)
    assert "Error: Of the 2 processes that trained together, number 1 was killed by SIGKILL. If it" in said(tmp_path)
    assert "fault of the program" not in said(tmp_path)
    assert read_card(str(tmp_path / "run" / "dsen2cr_small.safetensors")).name == "dsen2cr_small"


@pytest.mark.slow
def test_others_end_when_the_first_process_is_killed(endless: subprocess.Popen[str], tmp_path: Path) -> None:
    endless.kill()
    until(lambda: not processes(endless.pid), tmp_path)

    assert "fault of the program" not in said(tmp_path)
    export = [sys.executable, "-m", "unclouded.backend", "export", "run/best.ckpt", "-o", "kept.safetensors"]
    subprocess.run(export, cwd=tmp_path, check=True, capture_output=True, timeout=PATIENCE_S)


def test_first_process_tells_the_error_of_another(tmp_path: Path) -> None:
    root = write_places(tmp_path / "data")

    def begun() -> bool:
        if any("places to learn from" in event.text for event in listener.of(Log)):
            shutil.rmtree(root, ignore_errors=True)
        return False

    listener = Listener(begun)
    before = dict(os.environ)
    with pytest.raises(InputError, match=f"There is no {re.escape(str(root))}"):
        run("dsen2cr_small", tmp_path / "run", root, *FURTHER, "fit.devices=2", listener=listener, device="cpu")
    assert {name: value for name, value in os.environ.items() if name in before} == before


def test_several_machines_need_a_launcher(tmp_path: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="torchrun or srun"):
        run("dsen2cr_small", tmp_path / "run", data, *FURTHER, "fit.devices=2", "fit.nodes=2", device="cpu")
