"""What runs each kind of job: the one table that the command line and the worker share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .detection import detect
from .protocol import DetectClouds, Done, Job, RemoveClouds, SimulateClouds
from .removal import remove
from .reporting import Reporter
from .simulation import simulate_file

RUNNERS: dict[type, Callable[[Any, Reporter], Done]] = {
    RemoveClouds: remove,
    DetectClouds: detect,
    SimulateClouds: simulate_file,
}


def run(job: Job, report: Reporter) -> Done:
    """Runs a job.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    return RUNNERS[type(job)](job, report)
