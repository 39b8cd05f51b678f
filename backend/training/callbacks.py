"""What happens beside the learning: the log, pictures, progress, and the end that a user or the data bring."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image

from ..errors import TrainingDiverged
from ..reporting import Reporter
from ..sensors import Float
from .data import VALIDATION, Batch, Windows
from .system import System
from .validation import as_words

LOG = "log.csv"
PICTURES = "pictures"
SHOWN = 4
"""Samples in the picture of an epoch."""
RGB = ("B4", "B3", "B2")
GAP_PX = 4
FIT_SHARE = 0.98
"""Of the progress; the rest is the export."""


class Report(Callback):
    """Tells a reporter of progress and losses, and stops at once when the job is given up."""

    def __init__(self, report: Reporter) -> None:
        self._report = report

    def on_train_batch_end(self, trainer: L.Trainer, system: L.LightningModule, *_: Any) -> None:
        """Says how far the run is; raises Cancelled."""
        batches = float(trainer.num_training_batches)
        done = (trainer.current_epoch + (trainer.fit_loop.batch_idx + 1) / batches) / (trainer.max_epochs or 1)
        self._report.progress(FIT_SHARE * min(done, 1), f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}")

    def on_validation_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Raises Cancelled."""
        self._report.check_cancelled()

    def on_validation_end(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        """Says what an epoch has brought."""
        if not isinstance(system, System):
            return
        epoch = trainer.current_epoch + 1
        figures = {f"validation {key}": value for key, value in system.figures.items() if isinstance(value, float)}
        self._report.losses(epoch, system.losses | figures)
        words = ", ".join(f"{name} {value:.4g}" for name, value in system.losses.items())
        self._report.log("info", f"Epoch {epoch} of {trainer.max_epochs}: {words}; {as_words(system.figures)}.")


class CsvLog(Callback):
    """Writes a line an epoch into log.csv; a resumed run goes on behind the epoch from which it resumes.

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
        row: dict[str, Any] = {
            "epoch": trainer.current_epoch + 1,
            "seconds": round(time.monotonic() - self._started, 1),
        }
        row |= {name: f"{value:.6g}" for name, value in system.losses.items()}
        for part, figures in (("validation", system.figures), ("training", system.training_figures)):
            row |= {f"{part}_{name}": value for name, value in figures.items() if isinstance(value, float)}
        self._rows.append(row)
        names = list(dict.fromkeys(name for line in self._rows for name in line))
        with self._path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(self._rows)


class Pictures(Callback):
    """Draws cloudy image, output and truth of the first validation samples, after every epoch.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / PICTURES
        self._batch: Batch | None = None

    def on_train_epoch_end(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        """Writes pictures/epoch_NNN.png, and shows it in TensorBoard."""
        if not trainer.is_global_zero or not isinstance(system, System):
            return
        if self._batch is None:
            self._batch = self._samples(trainer, system)
        system.eval()
        with torch.inference_mode():
            output = system({key: value.to(system.device) for key, value in self._batch.items()}).cpu()
        system.train()
        picture = draw(system, self._batch, system.image(output))
        self._folder.mkdir(exist_ok=True)
        Image.fromarray(picture).save(self._folder / f"epoch_{trainer.current_epoch + 1:03d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("validation", picture, trainer.current_epoch + 1, dataformats="HWC")

    @staticmethod
    def _samples(trainer: L.Trainer, system: System) -> Batch:
        windows = Windows(trainer.datamodule.validation, system.recipe, VALIDATION, unpaired=False)  # type: ignore[attr-defined]
        items = [windows[item] for item in range(min(SHOWN, len(windows)))]
        return {key: torch.cat([item[key][:1] for item in items]) for key in items[0]}


def draw(system: System, batch: Batch, image: torch.Tensor) -> np.ndarray:
    """Gives (H, W, 3) bytes: a row for each sample; cloudy, output and truth beside each other, stretched alike."""
    bands = system.recipe.bands
    shown = [bands.index(name) for name in RGB] if set(RGB) <= set(bands) else [0] * 3
    rows = []
    for sample in range(len(image)):
        panels = [array[sample, shown].float().numpy() for array in (batch["cloudy"], image, batch["truth"])]
        low, high = np.percentile(panels[2], (2, 98))
        rows.append(np.concatenate([_bytes(panel, low, high) for panel in panels], axis=1))
    picture: np.ndarray = np.concatenate(rows)[:-GAP_PX, :-GAP_PX]
    return picture


def _bytes(panel: Float, low: float, high: float) -> np.ndarray:
    room = max(high - low, 1e-3)
    stretched = np.clip((panel - low + 0.1 * room) / (1.2 * room), 0, 1)
    return np.pad((255 * stretched).astype(np.uint8).transpose(1, 2, 0), ((0, GAP_PX), (0, GAP_PX), (0, 0)))


class Guard(Callback):
    """Ends a run whose validation error is no number."""

    def on_validation_end(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        """Raises TrainingDiverged."""
        if isinstance(system, System) and not np.isfinite(system.figures.get("reconstruction", 0.0)):
            raise TrainingDiverged(trainer.current_epoch, system.batches_done, "the validation error is no number")
