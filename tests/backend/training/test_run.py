"""A run: what it leaves in its folder, how it goes on after a stop, and what it says."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from unclouded.backend.errors import Cancelled

from .studio import Listener, run

STOPS = ("unet_small", "fit.epochs=3", "fit.schedule=cosine", "fit.average=0.9", "fit.clip=1", "fit.accumulate=3")


def rows(folder: Path) -> list[dict[str, str]]:
    """The lines of a run's log without their times."""
    with (folder / "log.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def after(asked: int) -> Listener:
    """Gives the job up when it has asked so often."""
    left = iter(range(asked))
    return Listener(lambda: next(left, None) is None)


def same(one: Any, other: Any) -> bool:
    """Whether two checkpoints hold the same numbers, bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize(
    ("name", "further"),
    [
        ("unet_small", ("fit.schedule=cosine", "fit.average=0.9", "fit.clip=1", "fit.accumulate=3")),
        ("pix2pix_small", ("fit.schedule=linear", "fit.precision=bf16")),
        ("fusion", ("fit.schedule=steps", "fit.milestones=[1, 2]", "fit.patience=2")),
    ],
)
def test_stopped_run_goes_on_as_if_it_had_not_stopped(
    name: str, further: tuple[str, ...], tmp_path: Path, data: Path
) -> None:
    further = ("fit.epochs=3", *further)
    run(name, tmp_path / "whole", data, *further)
    with pytest.raises(Cancelled):
        run(name, tmp_path / "stopped", data, *further, listener=after(11))
    shutil.move(tmp_path / "stopped", tmp_path / "moved")
    assert len(rows(tmp_path / "moved")) == 1
    run(name, tmp_path / "moved", data, *further, resume=True)

    assert rows(tmp_path / "moved") == rows(tmp_path / "whole")
    for file in ("best.ckpt", "last.ckpt"):
        whole, moved = (torch.load(tmp_path / folder / file, weights_only=True) for folder in ("whole", "moved"))
        for part in ("state_dict", "optimizer_states", "callbacks", "steps_done", "figures", "recipe", "data", "epoch"):
            assert same(whole[part], moved[part]), (file, part)
