"""A disk that fills up while a run writes its checkpoints costs that epoch, and none of the files before it."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from unclouded.backend.errors import OutputError

from ..disks import disk
from .studio import run

NAME = "unet_small"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 20 MB in memory: not that of temporary files, from where a checkpoint is copied."""
    with disk(tmp_path / "disk", "20m") as folder:
        yield folder


def test_full_disk_leaves_the_checkpoints_whole(small_disk: Path, data: Path) -> None:
    folder, other = small_disk / "run", small_disk / "other"
    run(NAME, folder, data, "fit.epochs=1")
    before = {path.name: path.read_bytes() for path in folder.glob("*.ckpt")}
    status = os.statvfs(small_disk)
    other.write_bytes(bytes(status.f_bavail * status.f_frsize - len(before["last.ckpt"]) // 2))
    with pytest.raises(OutputError, match="checkpoint cannot be written"):
        run(NAME, folder, data, "fit.epochs=2", resume=True)

    assert {path.name: path.read_bytes() for path in folder.glob("*.ckpt*")} == before
    other.unlink()
    run(NAME, folder, data, "fit.epochs=2", resume=True)
    with (folder / "log.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
