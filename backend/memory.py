"""What the C library does with freed memory: kept for the next tile, given back when a job has ended.

Left alone, glibc returns every large array to the system and is given it anew for the next tile, page by page, each of
them zeroed: on a processor with matrix units that took two thirds as long as the network itself.
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
"""Of malloc.h."""
NEVER_BYTES = 2**31 - 1


def keep_freed() -> None:
    """Keeps freed memory in this process, in one place for all threads. Elsewhere than on glibc nothing happens."""
    libc = _glibc()
    if libc is not None:
        libc.mallopt(M_MMAP_THRESHOLD, NEVER_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER_BYTES)
        libc.mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """Gives freed memory back to the system, for times in which nothing runs."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
