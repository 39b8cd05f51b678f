"""Says how fast a file comes."""

from __future__ import annotations

import time

from ..reporting import Reporter

EVERY_S = 0.2


class Pace:
    """Turns bytes that have come into progress.

    Args:
        name: Of what comes.
        start_bytes: What was there before.
        size_bytes: All of it.
        report: Of the job.
    """

    def __init__(self, name: str, start_bytes: int, size_bytes: int, report: Reporter) -> None:
        self._name = name
        self._start = start_bytes
        self._size = size_bytes
        self._report = report
        self._began = time.monotonic()
        self._said = 0.0

    def say(self, have_bytes: int) -> None:
        """Says how much is there, a few times a second; the fraction is that of what was missing at the start.

        Raises:
            Cancelled: The job was given up.
        """
        now = time.monotonic()
        if now - self._said < EVERY_S and have_bytes < self._size:
            return
        self._said = now
        self._start = min(self._start, have_bytes)
        come, missing = have_bytes - self._start, self._size - self._start
        speed = come / max(now - self._began, EVERY_S)
        self._report.progress(
            come / missing if missing else 1.0,
            f"{self._name}: {have_bytes / 1e6:.1f} of {self._size / 1e6:.1f} MB, {speed / 1e6:.1f} MB/s",
        )
