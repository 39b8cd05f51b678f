"""The SHA-256 of files, read with breaks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

BLOCK_BYTES = 1 << 20


def file_sha256(path: Path, heard: Callable[[int], None] = lambda _: None) -> str:
    """Gives the SHA-256 of a whole file.

    Args:
        path: Of the file.
        heard: Told after each block how many bytes it has; may raise to stop the reading.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            heard(len(block))
    return digest.hexdigest()
