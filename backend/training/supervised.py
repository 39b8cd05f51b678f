"""Learning from pairs: the generator's output is held against the ground of the same day, or of another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ..errors import UsageError
from . import losses
from .data import Batch
from .recipe import Recipe
from .system import System


@dataclass(frozen=True)
class Settings:
    loss: Literal["l1", "carl", "laplace", "gaussian"] = "l1"
    optimizer: Literal["adam", "adamw", "nadam"] = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    clear_weight: float = 1.0
    """Of clear pixels in the loss; clouded ones weigh 1. `carl` weighs by itself."""
    absolute_weight: float = 0.0
    """Of the absolute error beside the likelihood `laplace`."""


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
}


class Supervised(System):
    """One network, one loss."""

    Settings: ClassVar[type] = Settings
    in_turns: ClassVar[bool] = False

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        loss, output = recipe.settings.loss, recipe.encoding.output
        if loss in ("laplace", "gaussian") and loss != output:
            raise UsageError(
                f"The loss {loss!r} needs a generator that gives it; encoding.output is {output!r}.",
                "Change settings.loss or the generator and its encoding.",
            )

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gives the one optimiser."""
        chosen = self.recipe.settings
        return OPTIMIZERS[chosen.optimizer](
            self.generator.parameters(), lr=chosen.learning_rate, weight_decay=chosen.weight_decay
        )

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Makes one step."""
        output = self.generator(batch["x"]).float()
        self.learn(0, {self.recipe.settings.loss: self._loss(output, batch)}, batch_idx)
        self.measure(output, batch)

    def _loss(self, output: Tensor, batch: Batch) -> Tensor:
        settings, truth, known = self.recipe.settings, batch["truth"], batch["known"]
        if settings.loss == "carl":
            return losses.carl(self.image(output), batch["cloudy"], truth, batch["cloud"], known)
        weight = known * torch.where(batch["cloud"] > 0, 1.0, settings.clear_weight)
        if settings.loss == "laplace":
            return losses.laplace(output, truth, weight, settings.absolute_weight)
        if settings.loss == "gaussian":
            return losses.gaussian(output, truth, weight)
        return losses.l1(self.image(output), truth, weight)
