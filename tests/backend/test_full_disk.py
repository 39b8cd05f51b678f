"""A disk that is full or locked costs one message, never a broken file under its final name."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unclouded.backend.outputs import Outputs
from unclouded.backend.protocol import Done, Failed

from .disks import disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 KB in memory."""
    with disk(tmp_path / "disk", "400k") as folder:
        yield folder


def test_a_disk_that_is_too_small_is_named_before_the_work(shop: Any, small_disk: Path) -> None:
    optical = shop.raster("big.tif", shop.numbers(4, 300, 300))
    heard = shop.remove(optical, "disk/clear.tif", mask=shop.mask("m.tif", shop.disc(300, 300, 100, 100, 30)))

    assert heard.last.code == "output"
    assert re.search(r"has 0 MB free; up to 1 MB are needed", heard.last.message)
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("free_kb", [0, 4, 60, 160, 200])
def test_a_disk_that_fills_up_meanwhile(
    shop: Any, small_disk: Path, monkeypatch: pytest.MonkeyPatch, free_kb: int
) -> None:
    def fill(outputs: Outputs, disk_bytes: int) -> None:
        (small_disk / "other").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096 - free_kb * 1024))

    monkeypatch.setattr(Outputs, "check_room", fill)
    values = np.random.default_rng(0).integers(1, 9999, (4, 200, 200)).astype(np.uint16)
    heard = shop.remove(
        shop.raster("big.tif", values), "disk/clear.tif", mask=shop.mask("m.tif", shop.disc(200, 200, 90, 90, 30))
    )

    assert isinstance(heard.last, Failed)
    assert heard.last.code == "output"
    assert "the disk is full" in heard.last.message
    assert [path.name for path in small_disk.iterdir()] == ["other"]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may write, root neither."""
    folder = tmp_path / "locked"
    folder.mkdir()
    if os.geteuid() == 0:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("root writes everywhere, and no file system can be mounted here")
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
    else:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def test_a_folder_that_is_read_only_is_named(shop: Any, read_only: Path) -> None:
    optical = shop.raster("o.tif", shop.numbers(4, 60, 60))
    heard = shop.remove(optical, "locked/clear.tif", mask=shop.mask("m.tif", shop.disc(60, 60, 30, 30, 9)))

    assert heard.last.code == "output"
    assert re.search(r"folder .*locked cannot be written", heard.last.message)
    assert list(read_only.iterdir()) == []


def test_a_file_that_cannot_grow_fails_in_words(shop: Any) -> None:
    """The limit on the size of a file stands for a full disk: GDAL keeps silent about both when it closes a file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    optical = shop.raster("noise.tif", np.random.default_rng(0).integers(1, 9999, (4, 300, 300)).astype(np.uint16))
    mask = shop.mask("n.tif", shop.disc(300, 300, 100, 100, 50))
    whole = shop.remove(optical, "whole.tif", mask=mask)
    size = (shop.folder / "whole.tif").stat().st_size
    before = shop.contents()
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for limit in (size // 10, size // 3, size - 5000, size - 500, size - 1):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            heard = shop.remove(optical, mask=mask)
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            assert isinstance(heard.last, Failed), limit
            assert heard.last.code == "output"
            assert "the disk has room" in heard.last.hint
            assert shop.contents() == before
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert isinstance(whole.last, Done)
