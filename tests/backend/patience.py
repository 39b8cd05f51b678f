"""Waiting for processes that tests start: long enough for a slow and busy machine, never for ever."""

from __future__ import annotations

import subprocess
import threading

PATIENCE_S = 600
"""Ten times what a slow machine needs."""


def line_with(words: str, process: subprocess.Popen[str]) -> str:
    """Reads what a process prints up to the line that holds some words; it is killed if that never comes."""
    assert process.stdout is not None
    end = threading.Timer(PATIENCE_S, process.kill)
    end.start()
    try:
        while words not in (line := process.stdout.readline()):
            assert line, f"{process.args} ended before it said {words!r}"
    finally:
        end.cancel()
    return line
