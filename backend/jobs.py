"""What runs each kind of job: the one table that the command line and the worker share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from .detection import detect
from .errors import BackendError
from .protocol import DetectClouds, Done, Job, RemoveClouds, SimulateClouds, TrainGenerator
from .removal import remove
from .reporting import Reporter
from .simulation import simulate_file

FOR_TRAINING = {
    "lightning": "lightning>=2.6",
    "jsonargparse": "jsonargparse[signatures]>=4.49",
    "tensorboard": "tensorboard>=2.18",
    "matplotlib": "matplotlib>=3.9",
}
"""Modules that every training needs and what pip calls them: the optional extra `train`."""


def check_training_libraries() -> None:
    """Raises BackendError if a library that training needs is not installed; the hint is the command that does it."""
    missing = [name for name in FOR_TRAINING if find_spec(name) is None]
    if missing:
        wanted = " ".join(f'"{FOR_TRAINING[name]}"' for name in missing)
        raise BackendError(
            f"Training needs libraries that are not installed here: {', '.join(missing)}.",
            f"Install them: {sys.executable} -m pip install {wanted}",
        )


def _train(job: TrainGenerator, report: Reporter) -> Done:
    check_training_libraries()
    from .training.run import train

    return train(job, report)


RUNNERS: dict[type, Callable[[Any, Reporter], Done]] = {
    RemoveClouds: remove,
    DetectClouds: detect,
    SimulateClouds: simulate_file,
    TrainGenerator: _train,
}


def run(job: Job, report: Reporter) -> Done:
    """Runs a job.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    return RUNNERS[type(job)](job, report)
