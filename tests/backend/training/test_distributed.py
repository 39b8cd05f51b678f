"""Two processes that train together are one with twice the batch."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from .studio import changes

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
        env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "1000"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def log(folder: Path) -> list[dict[str, float]]:
    with (folder / "log.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_two_processes_learn_what_one_with_twice_the_batch_learns(tmp_path: Path, data: Path) -> None:
    further = ("fit.average=0.9", "fit.accumulate=2")
    one = train("dsen2cr_small", tmp_path / "one", data, 1, *further)
    two = train("dsen2cr_small", tmp_path / "two", data, 2, *further)

    assert two.replace("two/", "one/") == one
    assert len(list((tmp_path / "two" / "tensorboard").glob("events*"))) == 1
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
