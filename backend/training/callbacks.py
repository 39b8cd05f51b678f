"""What happens beside the learning: progress, the log, checkpoints, and the end that a user or the data bring."""

from __future__ import annotations

import csv
import os
import shutil
import time
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
from lightning.pytorch.callbacks import Callback, Checkpoint

from ..errors import Cancelled, OutputError, TrainingDiverged
from ..reporting import Reporter
from .curves import LOG
from .system import System
from .validation import as_words

BEST, LAST = "best.ckpt", "last.ckpt"
FIT_SHARE = 0.98
"""Of the progress; the rest is the export."""


class Report(Callback):
    """Tells a reporter of progress and losses, and stops at once, on all processes, when the job is given up."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._warned = False

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Says how far the run is; raises Cancelled."""
        self._check(trainer)
        batches = float(trainer.num_training_batches)
        done = (trainer.current_epoch + (trainer.fit_loop.batch_idx + 1) / batches) / (trainer.max_epochs or 1)
        self._report.progress(FIT_SHARE * min(done, 1), f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}")

    def on_validation_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Raises Cancelled."""
        self._check(trainer)

    def on_validation_end(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        """Says what an epoch has brought."""
        if not isinstance(system, System):
            return
        if system.likeness.lacking and not self._warned:
            self._report.log("warning", system.likeness.lacking)
            self._warned = True
        epoch = trainer.current_epoch + 1
        figures = {f"validation {key}": value for key, value in system.figures.items() if isinstance(value, float)}
        self._report.losses(epoch, system.losses | figures)
        words = ", ".join(f"{name} {value:.4g}" for name, value in system.losses.items())
        self._report.log("info", f"Epoch {epoch} of {trainer.max_epochs}: {words}; {as_words(system.figures)}.")

    def _check(self, trainer: L.Trainer) -> None:
        """Raises Cancelled on all processes if one of them is to stop: those left alone would wait for it forever."""
        try:
            self._report.check_cancelled()
            cancelled = False
        except Cancelled:
            cancelled = True
        if trainer.strategy.reduce_boolean_decision(cancelled, all=False):
            raise Cancelled


class Log(Callback):
    """Writes a line an epoch into log.csv and TensorBoard; a resumed run goes on behind the epoch it resumes from.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG
        self._rows: list[dict[str, Any]] = []
        self._started = time.monotonic()

    def on_train_start(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        """Keeps the lines of the epochs that are done."""
        if self._path.exists():
            with self._path.open(newline="") as file:
                self._rows = [row for row in csv.DictReader(file) if int(row["epoch"]) <= trainer.current_epoch]
        before = float(self._rows[-1]["seconds"]) if self._rows else 0.0
        self._started = time.monotonic() - before

    def on_train_epoch_end(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        """Adds the line of this epoch."""
        if not trainer.is_global_zero or not isinstance(system, System):
            return
        values = dict(system.losses)
        for part, figures in (("validation", system.figures), ("training", system.training_figures)):
            values |= {f"{part}_{name}": value for name, value in figures.items() if isinstance(value, float)}
        epoch, seconds = trainer.current_epoch + 1, round(time.monotonic() - self._started, 1)
        for logger in trainer.loggers:
            logger.log_metrics(values, step=epoch)
        self._rows.append(
            {"epoch": epoch, "seconds": seconds} | {name: f"{value:.6g}" for name, value in values.items()}
        )
        names = list(dict.fromkeys(name for line in self._rows for name in line))
        with self._path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(self._rows)


class Guard(Callback):
    """Ends a run whose validation error is no number."""

    def on_validation_end(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        """Raises TrainingDiverged."""
        if isinstance(system, System) and not np.isfinite(system.error):
            raise TrainingDiverged(trainer.current_epoch, system.steps_done, "the validation error is no number")


class Keep(Checkpoint):
    """Writes last.ckpt after every epoch, and best.ckpt where the validation error is the least so far.

    Lightning's own forgets which was the best when the folder has been moved.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._least = float("inf")

    def on_train_epoch_end(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        """Writes them.

        Raises:
            OutputError: There is no room.
        """
        if not isinstance(system, System):
            return
        better = system.error < self._least
        self._least = min(self._least, system.error)
        part = self._folder / f"{LAST}.part"
        try:
            trainer.save_checkpoint(part)
            if trainer.is_global_zero:
                if better:
                    shutil.copyfile(part, self._folder / f"{BEST}.part")
                    os.replace(self._folder / f"{BEST}.part", self._folder / BEST)
                os.replace(part, self._folder / LAST)
        except OSError as error:
            for name in (LAST, BEST):
                (self._folder / f"{name}.part").unlink(missing_ok=True)
            raise OutputError(
                f"The checkpoint cannot be written to {self._folder}: {error.strerror or error}.",
                "Make room there; then go on with --resume.",
            ) from error

    def state_dict(self) -> dict[str, Any]:
        """Goes into the checkpoint."""
        return {"least": self._least}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Comes out of it."""
        self._least = state_dict["least"]
