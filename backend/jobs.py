"""What runs each kind of job: the one table that the command line and the worker share."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from .catalogue_jobs import FetchImages
from .detection import detect
from .errors import BackendError
from .evaluation_jobs import EVALUATIONS, Evaluation
from .model_jobs import MODEL_JOBS, ModelJob
from .protocol import DetectClouds, Done, Job, RemoveClouds, SimulateClouds, TrainGenerator
from .removal import remove
from .reporting import Reporter
from .simulation import simulate_file

FOR_TRAINING = {
    "lightning": "lightning>=2.6",
    "jsonargparse": "jsonargparse[signatures]>=4.49",
    "tensorboard": "tensorboard>=2.18",
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


def _remove(job: RemoveClouds, report: Reporter) -> Done:
    if job.cluster is None:
        return remove(job, report)
    from .cluster import remove_on_cluster

    return remove_on_cluster(job, report)


def _train(job: TrainGenerator, report: Reporter) -> Done:
    check_training_libraries()
    from .training.run import train

    with _without_gdal_threads():
        return train(job, report)


def _evaluate(job: Evaluation, report: Reporter) -> Done:
    from .evaluation.runners import RUNNERS as evaluations

    return evaluations[type(job)](job, report)


def _manage_models(job: ModelJob, report: Reporter) -> Done:
    from .library.runners import RUNNERS as managing

    return managing[type(job)](job, report)


def _fetch(job: FetchImages, report: Reporter) -> Done:
    from .catalogue.runner import fetch

    return fetch(job, report)


@contextlib.contextmanager
def _without_gdal_threads() -> Iterator[None]:
    """Keeps GDAL from threads of its own: the processes that draw samples, which inherit this, keep the cores busy."""
    before = os.environ.get("GDAL_NUM_THREADS")
    os.environ["GDAL_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["GDAL_NUM_THREADS"]
        else:
            os.environ["GDAL_NUM_THREADS"] = before


class _Ear(logging.Handler):
    """Passes warnings of the program's own modules on to whoever started the job.

    Those of a process that draws samples go to standard error: the channel is not its own.
    """

    def __init__(self, report: Reporter) -> None:
        super().__init__(logging.WARNING)
        self._report = report
        self._process = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        if os.getpid() == self._process:
            self._report.log("warning", record.getMessage())
        elif logging.lastResort is not None:
            logging.lastResort.handle(record)


RUNNERS: dict[type, Callable[[Any, Reporter], Done]] = {
    RemoveClouds: _remove,
    DetectClouds: detect,
    SimulateClouds: simulate_file,
    TrainGenerator: _train,
    FetchImages: _fetch,
    **dict.fromkeys(EVALUATIONS, _evaluate),
    **dict.fromkeys(MODEL_JOBS, _manage_models),
}


def run(job: Job, report: Reporter) -> Done:
    """Runs a job.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then, but for what it says was kept.
    """
    ear, logger = _Ear(report), logging.getLogger(__package__)
    logger.addHandler(ear)
    try:
        return RUNNERS[type(job)](job, report)
    finally:
        logger.removeHandler(ear)
