"""Two processes that train together are one with twice the batch."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from unclouded.backend.card import read_card
from unclouded.backend.errors import Cancelled, UsageError
from unclouded.backend.training.trainer import make_trainer

from .studio import Listener, changes, tiny

FURTHER = ("data.windows=1", "data.samples=12", "data.validation_samples=4")


def train(name: str, folder: Path, data: Path, processes: int, *further: str, resume: bool = False) -> str:
    """Runs the command, through torchrun where there are several processes, and gives all that it prints."""
    sizes = (f"fit.devices={processes}", f"fit.batch={4 // processes}")
    words = [word for change in changes(name, *FURTHER, *sizes, *further) for word in ("--set", change)]
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}"] if processes > 1 else []
    words += ["--data", str(data), "--out", str(folder), "--device", "cpu", *(["--resume"] if resume else [])]
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "unclouded.backend", "train", name, *words],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=folder.parent,
        env=os.environ | {"COLUMNS": "1000"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


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


@pytest.mark.slow
def test_signal_to_the_first_process_ends_all_and_keeps_the_best(tmp_path: Path, data: Path) -> None:
    settings = changes("dsen2cr_small", *FURTHER, "fit.devices=2", "fit.epochs=999")
    words = [word for change in settings for word in ("--set", change)]
    words += ["--data", str(data), "--out", "run", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "unclouded.backend", "train", "dsen2cr_small", *words],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "1000"},
    )
    with process:
        while process.poll() is None and not (tmp_path / "run" / "best.ckpt").exists():
            time.sleep(0.1)
        process.terminate()
        said = process.communicate(timeout=100)[1]

    assert process.returncode == Cancelled.exit_code, said
    assert "The best generator so far was kept: run/dsen2cr_small.safetensors" in said
    assert read_card(str(tmp_path / "run" / "dsen2cr_small.safetensors")).name == "dsen2cr_small"
