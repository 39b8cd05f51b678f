"""Pictures of what a generator makes, one an epoch: cloudy image, output and truth of validation samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..sensors import Float
from .data import Batch
from .system import System

PICTURES = "pictures"
ROWS = 4
"""Samples in the picture of an epoch, at most one of each scene."""
RGB = ("B4", "B3", "B2")
GAP_PX = 4

Bytes = NDArray[np.uint8]


class Pictures(Callback):
    """Draws the first scenes of the validation.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / PICTURES
        self._rows: list[Bytes] = []

    def on_validation_batch_end(
        self, trainer: L.Trainer, system: L.LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Draws the first window of each scene of a batch until there are enough."""
        if trainer.is_global_zero and isinstance(system, System):
            for window in range(0, len(outputs), system.recipe.data.windows):
                if len(self._rows) < ROWS:
                    self._rows.append(draw_row(system.recipe.bands, batch, outputs, window))

    def on_validation_end(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        """Writes pictures/epoch_NNN.png, and shows it in TensorBoard."""
        if not self._rows:
            return
        epoch = trainer.current_epoch + 1
        picture: Bytes = np.concatenate(self._rows)[:-GAP_PX]
        self._rows = []
        self._folder.mkdir(exist_ok=True)
        Image.fromarray(picture).save(self._folder / f"epoch_{epoch:03d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("validation", picture, epoch, dataformats="HWC")


def draw_row(bands: tuple[str, ...], batch: Batch, outputs: Tensor, window: int) -> Bytes:
    """Draws one window: (H + 4, 3 W + 8, 3), cloudy image, output and truth beside each other, stretched alike.

    Args:
        bands: Of the network.
        batch: With `cloudy` and `truth`.
        outputs: (N, C or 2 C, H, W) what the generator makes of it.
        window: Which of the N.
    """
    shown = [bands.index(name) for name in RGB] if set(RGB) <= set(bands) else [0] * 3
    panels = [array[window, shown].float().cpu().numpy() for array in (batch["cloudy"], outputs, batch["truth"])]
    low, high = np.percentile(panels[2], (2, 98))
    row: Bytes = np.concatenate([_bytes(panel, low, high) for panel in panels], axis=1)[:, :-GAP_PX]
    return row


def _bytes(panel: Float, low: float, high: float) -> Bytes:
    """(3, H, W) to (H + 4, W + 4, 3)."""
    room = max(high - low, 1e-3)
    stretched = np.clip((panel - low + 0.1 * room) / (1.2 * room), 0, 1)
    return np.pad((255 * stretched).astype(np.uint8).transpose(1, 2, 0), ((0, GAP_PX), (0, GAP_PX), (0, 0)))
