"""Files are hashed block by block, and whoever waits hears of each."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from unclouded.backend import hashing
from unclouded.backend.hashing import file_sha256


@pytest.mark.parametrize("size", [0, 1, 100, 101, 250])
def test_a_file_is_hashed_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(hashing, "BLOCK_BYTES", 100)
    content = bytes(range(size))
    (tmp_path / "file").write_bytes(content)
    heard: list[int] = []

    assert file_sha256(tmp_path / "file", heard.append) == hashlib.sha256(content).hexdigest()
    assert heard == [len(content[first : first + 100]) for first in range(0, size, 100)]
