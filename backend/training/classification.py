"""Training of classifiers on labelled images, which may have several classes each.

Softmax is trained against the classes in equal shares (Joulin et al., 2016; Zotov and Gamper, 2019), sigmoid against
each class for itself.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import lightning as L
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer

from ..classifier import Activation, band_values, preset, probabilities, scaled
from ..datasets.registry import CLASSES
from ..errors import TrainingDiverged, UsageError
from ..label_metrics import best_threshold, give_labels, label_scores
from ..models.resnet import ResNet
from .labelled import Batch, View
from .recipe import Recipe, recipe_facts
from .schedule import learning_rate_share


@dataclass(frozen=True)
class Settings:
    activation: Activation = "softmax"
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    """Share of a target that is spread evenly over all classes."""
    mixup: float = 0.0
    """Images are mixed in pairs by shares of Beta(mixup, mixup) (Zhang et al., 2018); 0: none are."""
    view: View = field(default_factory=View)
    description: str = ""
    """What the classes are worth, for the card."""
    licence: str = ""
    """For the card; empty: that of the data."""


class Classification(L.LightningModule):
    """A classifier that is trained.

    Args:
        recipe: Its settings are of Settings.
        mean: Of each band, reflectance.
        deviation: Of each band, reflectance.
    """

    Settings: ClassVar[type] = Settings
    presence: ClassVar[bool] = False
    """Whether planes for the presence of bands follow the bands."""
    mean: Tensor
    deviation: Tensor

    def __init__(self, recipe: Recipe, mean: Mapping[str, float], deviation: Mapping[str, float]) -> None:
        super().__init__()
        self.recipe = recipe
        self.settings: Settings = recipe.settings
        self.classes = classes_of(recipe)
        channels = len(recipe.bands) * (2 if self.presence else 1)
        self.network = ResNet(preset(recipe.generator.preset, channels, len(self.classes)))
        self.register_buffer("mean", band_values(mean, recipe.bands))
        self.register_buffer("deviation", band_values(deviation, recipe.bands))
        self.losses: dict[str, float] = {}
        """Mean of the epoch's losses so far."""
        self.figures: dict[str, float] = {}
        """Of the last validation: label_scores, and the threshold that was best on it."""
        self._steps = 0
        self._seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, batch: Batch) -> Tensor:
        """Gives the scores of a batch, (N, classes)."""
        channels = scaled(batch["reflectance"], batch["present"], self.mean, self.deviation, self.presence)
        scores: Tensor = self.network(channels)
        return scores.float()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Gives the loss of a batch.

        Raises:
            TrainingDiverged: It is infinite or not a number.
        """
        target = batch["target"]
        channels = scaled(batch["reflectance"], batch["present"], self.mean, self.deviation, self.presence)
        if self.settings.mixup:
            channels, target = mixed(channels, target, batch["measured"].sum(dim=1), self.settings.mixup)
        loss = label_loss(
            self.network(channels).float(), target, self.settings.activation, self.settings.label_smoothing
        )
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingDiverged(self.current_epoch, batch_idx, f"loss {value:.4g}")
        self._steps += 1
        before = self.losses.get("loss", 0.0)
        self.losses["loss"] = before + (value - before) / self._steps
        return loss

    def configure_optimizers(self) -> Optimizer:
        """Makes the optimiser; on_train_batch_start sets its learning rate."""
        chosen = torch.optim.AdamW if self.settings.optimizer == "adamw" else torch.optim.Adam
        return chosen(self.network.parameters(), self.settings.learning_rate, weight_decay=self.settings.weight_decay)

    def on_train_epoch_start(self) -> None:
        """Starts the random numbers anew, so that a resumed epoch is the same."""
        torch.manual_seed(self.recipe.fit.seed * 100_003 + self.current_epoch)
        self.losses, self._steps = {}, 0

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Sets the learning rate of this step."""
        fit, batches = self.recipe.fit, max(self.trainer.num_training_batches, 1)
        done = (self.current_epoch + batch_idx / batches) / fit.epochs
        optimizer = self.optimizers(use_pl_optimizer=False)
        for group in optimizer.param_groups:  # type: ignore[union-attr]
            group["lr"] = self.settings.learning_rate * learning_rate_share(fit, self.current_epoch, done)

    def on_validation_epoch_start(self) -> None:
        """Begins to count."""
        self._seen = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keeps what is said of a batch and what is true."""
        said = probabilities(self(batch), self.settings.activation)
        self._seen.append((said.cpu(), batch["target"].cpu() > 0))

    def on_validation_epoch_end(self) -> None:
        """Puts the figures of all images together."""
        said, truth = (torch.cat(parts) for parts in zip(*self._seen, strict=True))
        if self.trainer.world_size > 1:
            said, truth = self._of_all_processes(said), self._of_all_processes(truth)
        several = bool((truth.sum(dim=1) > 1).any())
        threshold = best_threshold(truth.numpy(), said.numpy()) if several else 0.0
        self.figures = {"threshold": threshold, **label_scores(truth.numpy(), give_labels(said.numpy(), threshold))}
        for name, value in self.figures.items():
            self.log(f"validation_{name}", value)

    def _of_all_processes(self, values: Tensor) -> Tensor:
        gathered = self.all_gather(values.to(self.device))
        return torch.as_tensor(gathered).flatten(0, 1).cpu()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what a run that goes on is held against."""
        checkpoint |= {"recipe": recipe_facts(self.recipe), "figures": self.figures, "data": {}}


def classes_of(recipe: Recipe) -> tuple[str, ...]:
    """Gives the classes of a recipe's data set.

    Raises:
        UsageError: It has none.
    """
    if recipe.data.name not in CLASSES:
        raise UsageError(
            f"The data set {recipe.data.name!r} has no classes.", f"Those that have: {', '.join(CLASSES)}."
        )
    return CLASSES[recipe.data.name]


def label_loss(scores: Tensor, target: Tensor, activation: Activation, smoothing: float) -> Tensor:
    """Cross-entropy of softmax with the target's shares, or of sigmoid with each class that the target holds.

    softmax: -sum_k t_k log softmax(s)_k; sigmoid: -sum_k [t_k > 0] log sigmoid(s_k) + [t_k = 0] log(1 - sigmoid(s_k)),
    divided by the number of classes; both as a mean over the images.

    Args:
        scores: (N, K)
        target: (N, K) shares, 1 in sum.
        activation: Which.
        smoothing: Share of the target that is spread evenly over the classes.
    """
    if activation == "sigmoid":
        wanted = (target > 0).to(scores.dtype)
        return functional.binary_cross_entropy_with_logits(scores, wanted * (1 - smoothing) + smoothing / 2)
    return functional.cross_entropy(scores, target * (1 - smoothing) + smoothing / target.shape[1])


def mixed(channels: Tensor, target: Tensor, kind: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Mixes each image and its target with another one of its kind in the batch, by one share of Beta(alpha, alpha).

    Args:
        channels: (N, C, H, W)
        target: (N, K)
        kind: (N,) images of all bands are not mixed with images of three, which no user has.
        alpha: Of the distribution.
    """
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    others = torch.randperm(len(channels), device=channels.device)
    order = torch.empty_like(others)
    order[kind.argsort(stable=True)] = others[kind[others].argsort(stable=True)]
    return torch.lerp(channels[order], channels, share), torch.lerp(target[order], target, share)


def parameters_of(network: ResNet) -> dict[str, Any]:
    """Gives the parameters of a network as a card holds them."""
    facts = dataclasses.asdict(network.params)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}
