"""Keeps two QGIS from installing into the same folder at once.

The system holds the lock and frees it when its holder dies, so that none is ever stale; the file says who holds it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Iterator

from ...backend.errors import BackendError

FAR = 1024
"""Byte that is locked: beyond the text, which others must be able to read on Windows."""


def lock_file(target: Path) -> Path:
    """Gives the lock of an environment; it lies beside it, for the environment comes and goes."""
    return target.with_name(target.name + ".lock")


@contextlib.contextmanager
def locked(target: Path) -> Iterator[None]:
    """Holds the lock of an environment.

    Raises:
        BackendError: Another process, or another thread of this one, holds it.
    """
    path = lock_file(target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BackendError(
            f"The folder {path.parent} cannot be written: {error.strerror or error}.",
            "Make it writable, or free space on its disk.",
        ) from error
    try:
        if not _take(descriptor):
            raise BackendError(
                f"The backend is being installed by another QGIS (process {_holder(descriptor)}).",
                "Wait until it has finished, or cancel it there.",
            )
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    text = os.read(descriptor, 20).decode(errors="replace")
    return text if text.isdigit() else "unknown"


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> bool:
        os.lseek(descriptor, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
