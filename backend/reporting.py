"""How a running job speaks to whoever started it, and how it learns that it should stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from .errors import Cancelled
from .model_jobs import Checkpoint, Models
from .protocol import Estimate, Log, Losses, Message, Progress


class Reporter:
    """Turns what a job has to say into events.

    Args:
        job_id: Of the job; every event carries it.
        emit: Takes each event.
        cancelled: Tells whether the job was given up.
    """

    def __init__(
        self, job_id: str, emit: Callable[[Message], None], cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._id = job_id
        self._emit = emit
        self._cancelled = cancelled
        self._started = time.monotonic()

    def of_job(self, job_id: str) -> Reporter:
        """Gives the reporter of a job that is a part of this one: it speaks and is cancelled by the same ways."""
        return Reporter(job_id, self._emit, self._cancelled)

    def log(self, level: str, text: str) -> None:
        """Says a sentence; level is `info` or `warning`."""
        self._emit(Log(self._id, level, text))

    def progress(self, fraction: float, stage: str) -> None:
        """Says how far the job is (0..1) and derives the time left; raises Cancelled if the job was given up."""
        self.check_cancelled()
        elapsed_s = time.monotonic() - self._started
        left_s = elapsed_s / fraction * (1 - fraction) if fraction > 0.02 else None
        self._emit(Progress(self._id, round(fraction, 4), stage, left_s))

    def estimate(self, seconds: float, disk_bytes: int, cloud_fraction: float) -> None:
        """Says what the rest of the job will take."""
        self._emit(Estimate(self._id, seconds, disk_bytes, cloud_fraction))

    def losses(self, epoch: int, values: Mapping[str, float]) -> None:
        """Says what the losses of an epoch (from 1) are; those that are not finite are left out."""
        self._emit(
            Losses(self._id, epoch, {name: float(value) for name, value in values.items() if math.isfinite(value)})
        )

    def models(self, entries: list[dict[str, Any]]) -> None:
        """Says which generators there are."""
        self._emit(Models(self._id, entries))

    def checkpoint(self, kind: str, title: str, **facts: Any) -> None:
        """Says what a foreign file holds; the facts are fields of `Checkpoint`."""
        self._emit(Checkpoint(self._id, kind, title, **facts))

    def check_cancelled(self) -> None:
        """Raises Cancelled if the job was given up."""
        if self._cancelled():
            raise Cancelled
