"""The training run: batches in, a checkpoint, a log and at the end a generator out. Can be stopped and resumed."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..datasets.collection import Collection
from ..models.zoo import build
from .batches import Batch, loader
from .losses import laplace
from .recipe import Recipe
from .validation import Validation

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"
WARM_UP_SHARE = 0.05
GRADIENT_LIMIT = 1.0


def learning_rate(recipe: Recipe, step: int) -> float:
    """Rises evenly over the first twentieth of the steps, then falls as a half cosine to a hundredth."""
    warm_up = WARM_UP_SHARE * recipe.steps
    if step < warm_up:
        return recipe.learning_rate * (step + 1) / (warm_up + 1)
    left = (1 + math.cos(math.pi * (step - warm_up) / (recipe.steps - warm_up))) / 2
    return recipe.learning_rate * (0.01 + 0.99 * left)


@dataclass(frozen=True)
class Row:
    """A line of the log."""

    step: int
    seconds: float
    loss: float
    masked_error: float
    """Mean absolute error under the masks of the validation windows, reflectance."""
    masked_error_with_dates: float
    background_error: float
    coverage: float
    """Share of the validation pixels under the masks within the 90 % interval."""


class Fit:
    """State of a run.

    Args:
        recipe: What to train.
        training: Places to learn from.
        validation: What is measured on the way.
        folder: Gets checkpoint and log; a checkpoint in it is gone on from.
    """

    def __init__(self, recipe: Recipe, training: Collection, validation: Validation, folder: Path) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe, self._training, self._validation, self._folder = recipe, training, validation, folder
        self.network = build(recipe.architecture, recipe.parameters).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = build(recipe.architecture, recipe.parameters)
        self.averaged.load_state_dict(self.network.state_dict())
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.step = 0
        self._seconds = 0.0
        if (folder / CHECKPOINT).exists():
            self._resume()

    def run(self, workers: int) -> None:
        """Trains to the last step of the recipe."""
        started, losses = time.monotonic() - self._seconds, []
        batches = itertools.islice(
            loader(self._training, self._recipe, self.step, workers), self._recipe.steps - self.step
        )
        for batch in batches:
            losses.append(self._learn(batch))
            self.step += 1
            if self.step % self._recipe.validate_every == 0 or self.step == self._recipe.steps:
                self._seconds = time.monotonic() - started
                self._report(sum(losses) / len(losses))
                self._save()
                losses.clear()

    def _learn(self, batch: Batch) -> float:
        inputs, truth, weight = batch
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            output = self.network(inputs)
        loss = laplace(output.float(), truth, weight, self._recipe.absolute_weight)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._recipe, self.step)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT)
        self._optimizer.step()
        self._average()
        return float(loss.detach())

    def _average(self) -> None:
        """Moves the averaged weights towards the trained ones, faster at the start."""
        decay = min(self._recipe.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, weight in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(weight, 1 - decay)

    def _report(self, loss: float) -> None:
        row = Row(self.step, round(self._seconds, 1), round(loss, 4), **self._validation.measure(self.averaged))
        path = self._folder / LOG
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Row)])
            if new:
                writer.writeheader()
            writer.writerow(dataclasses.asdict(row))

    def _save(self) -> None:
        state: dict[str, Any] = {
            "step": self.step,
            "seconds": self._seconds,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        part = self._folder / f"{CHECKPOINT}.part"
        torch.save(state, part)
        os.replace(part, self._folder / CHECKPOINT)

    def _resume(self) -> None:
        state = torch.load(self._folder / CHECKPOINT, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self._seconds = state["step"], state["seconds"]

    def weights(self) -> dict[str, Tensor]:
        """Gives the averaged weights."""
        return self.averaged.state_dict()
