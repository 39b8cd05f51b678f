"""What all ways of training share: the generator and its average, steps of optimisers, validation, exact resume."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..errors import InputError, TrainingDiverged, UsageError
from ..models.network import Network
from ..models.zoo import build
from .data import Batch
from .likeness import Likeness
from .recipe import Recipe, recipe_facts
from .schedule import learning_rate_share
from .validation import Figures

MONITOR = "validation_reconstruction"
"""The logged figure that says which generator is the best."""


class System(L.LightningModule):
    """A way of training.

    A subclass makes its further networks in __init__, its optimisers in configure_optimizers, and in training_step
    calls `learn` once for each of them.

    Args:
        recipe: What is trained. Its settings are of the subclass's Settings.
    """

    Settings: ClassVar[type]
    """A frozen dataclass: the weights of the losses, learning rates, further networks."""
    unpaired: ClassVar[bool] = False
    """Whether batches hold `other`."""
    in_turns: ClassVar[bool] = True
    """Whether a step has parts that move some of the weights only."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.recipe = recipe
        self.generator = build(recipe.generator.architecture, recipe.generator.full)
        self._check_fit()
        self.averaged: Network | None = copy.deepcopy(self.generator) if recipe.fit.average else None
        if self.averaged is not None:
            self.averaged.requires_grad_(False)
        self.steps_done = 0
        self.losses: dict[str, float] = {}
        """Means of the epoch's losses so far, for logs."""
        self.figures: dict[str, Any] = {}
        """Of the last validation, see validation.Figures and likeness.Likeness."""
        self.likeness = Likeness(recipe)
        self._measured = Figures(recipe.encoding, recipe.bands)
        self._trained = Figures(recipe.encoding, recipe.bands)
        self._counts: dict[str, int] = {}

    @classmethod
    def tuning(cls, recipe: Recipe) -> Recipe:
        """Gives the recipe by which a generator that this scheme has trained is trained on."""
        return recipe

    def _check_fit(self) -> None:
        bands, network, size = len(self.recipe.bands), self.generator, self.recipe.data.window_px
        wanted = (self.recipe.encoding.in_channels(bands), bands * (1 if self.recipe.encoding.output == "image" else 2))
        if (network.in_channels, network.out_channels) != wanted:
            raise UsageError(
                f"The generator {self.recipe.generator.architecture} takes {network.in_channels} channels and gives "
                f"{network.out_channels}; {bands} bands in this encoding are {wanted[0]} and {wanted[1]}.",
                "Change the recipe's bands, encoding or generator.parameters.",
            )
        if size % network.stride_px:
            raise UsageError(
                f"The generator {self.recipe.generator.architecture} takes windows whose side is a multiple of "
                f"{network.stride_px} px; data.window_px is {size}.",
                "Change data.window_px.",
            )

    @property
    def used(self) -> Network:
        """The generator that is validated and exported."""
        return self.generator if self.averaged is None else self.averaged

    def begin_at(self, prior: Mapping[str, float]) -> None:
        """Lets all networks that give images begin at the mean of the ground.

        Args:
            prior: Mean reflectance of each band.
        """
        mean = np.array([prior[band] for band in self.recipe.bands], np.float32)
        units = torch.from_numpy(self.recipe.encoding.to_units(mean))
        for network in self.modules():
            if isinstance(network, Network):
                network.begin_at(units)

    def image(self, output: Tensor) -> Tensor:
        """(N, C, H, W) the image in a generator's output, in its units."""
        return output[:, : len(self.recipe.bands)].float()

    def draw_latent(self, count: int, network: Network | None = None) -> Tensor:
        """Draws z ~ N(0, I), (N, latent)."""
        return torch.randn(count, (network or self.generator).latent, device=self.device)

    def forward(self, batch: Batch) -> Tensor:
        """Gives the generator's output for a batch; of one that samples, for z = 0."""
        network = self.used
        if network.latent:
            output: Tensor = network(batch["x"], torch.zeros(len(batch["x"]), network.latent, device=self.device))
        else:
            output = network(batch["x"])
        return output.float()

    def learn(self, optimizer: int, losses: Mapping[str, Tensor], batch_idx: int) -> None:
        """Adds the gradients of the sum of some losses to what one optimiser moves, and moves it when it is time.

        Args:
            optimizer: Its place in configure_optimizers.
            losses: Named and already weighted; scalars.
            batch_idx: Of the training step.

        Raises:
            TrainingDiverged: A loss is infinite or not a number.
        """
        self._note(losses)
        chosen, accumulate = self._optimizer(optimizer), self.recipe.fit.accumulate
        together = min(accumulate, int(self.trainer.num_training_batches) - batch_idx // accumulate * accumulate)
        self.manual_backward(torch.stack(list(losses.values())).sum() / together)
        if self._moves(batch_idx):
            chosen.step()
            chosen.zero_grad(set_to_none=True)

    def _moves(self, batch_idx: int) -> bool:
        """Whether the weights move after a batch, or its gradients wait for more: never beyond the end of an epoch."""
        done = batch_idx + 1
        return done % self.recipe.fit.accumulate == 0 or done == self.trainer.num_training_batches

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clips the gradients, which here are without the factor of 16-bit precision."""
        if self.recipe.fit.clip:
            weights = [weight for group in optimizer.param_groups for weight in group["params"]]
            nn.utils.clip_grad_norm_(weights, self.recipe.fit.clip)

    def measure(self, output: Tensor, batch: Batch) -> None:
        """Counts an output of the training for the curves, as validation does."""
        self._trained.add(output.detach().float(), batch)

    @property
    def training_figures(self) -> dict[str, Any]:
        """Of the epoch, when it has been validated; empty where nothing was measured."""
        return self._trained.means()

    @contextlib.contextmanager
    def turn_of(self, optimizer: int) -> Iterator[None]:
        """Lets gradients reach nothing but what one optimiser moves: losses are reckoned within, and learned."""
        chosen = self._optimizer(optimizer)
        self.toggle_optimizer(chosen)
        yield
        self.untoggle_optimizer(chosen)

    def _optimizer(self, index: int) -> Any:
        found = self.optimizers()
        return found[index] if isinstance(found, list) else found

    def _note(self, losses: Mapping[str, Tensor]) -> None:
        values = dict(zip(losses, torch.stack([loss.detach() for loss in losses.values()]).tolist(), strict=True))
        if not all(map(math.isfinite, values.values())):
            words = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            raise TrainingDiverged(self.current_epoch, self.steps_done, words)
        for name, value in values.items():
            count = self._counts[name] = self._counts.get(name, 0) + 1
            before = self.losses.get(name, 0.0)
            self.losses[name] = before + (value - before) / count

    def on_train_start(self) -> None:
        """Lets the recipe say how optimisers go on: a resumed one comes with its settings, which may have changed."""
        made = self.configure_optimizers()
        for optimizer, new in zip(self._all_optimizers(), made if isinstance(made, list) else [made], strict=True):
            for group, wanted in zip(optimizer.param_groups, new.param_groups, strict=True):
                group.update({key: value for key, value in wanted.items() if key != "params"})
                group["initial_lr"] = wanted["lr"]

    def on_train_epoch_start(self) -> None:
        """Starts the random numbers of dropout and latents anew, so that a resumed epoch is the same."""
        torch.manual_seed(hash((self.recipe.fit.seed, self.current_epoch, self.global_rank)) % 2**63)
        self.losses, self._counts = {}, {}
        self._trained = Figures(self.recipe.encoding, self.recipe.bands)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Sets the learning rates of this step."""
        share = self.learning_rate_share(batch_idx)
        for optimizer in self._all_optimizers():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * share

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Moves the averaged weights towards the trained ones where these have moved, faster at the start."""
        if not self._moves(batch_idx):
            return
        self.steps_done += 1
        if self.averaged is None:
            return
        decay = min(self.recipe.fit.average, (1 + self.steps_done) / (10 + self.steps_done))
        with torch.no_grad():
            for mean, value in zip(_state(self.averaged), _state(self.generator), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)

    def learning_rate_share(self, batch_idx: int) -> float:
        """Gives the share of the first learning rate that the schedule leaves, 0..1."""
        epoch, batches = self.current_epoch, max(self.trainer.num_training_batches, 1)
        fit = self.recipe.fit
        return learning_rate_share(fit, epoch, (epoch + batch_idx / batches) / fit.epochs)

    def _all_optimizers(self) -> Iterable[Optimizer]:
        found = self.optimizers(use_pl_optimizer=False)
        return found if isinstance(found, list) else [found]

    def on_validation_epoch_start(self) -> None:
        """Begins to count."""
        self._measured = Figures(self.recipe.encoding, self.recipe.bands)
        self.likeness.begin(self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Measures the generator on a batch and gives its output."""
        output: Tensor = self(batch)
        self._measured.add(output, batch)
        self.likeness.add(output, batch, self.global_rank, self.trainer.world_size)
        return output

    def on_validation_epoch_end(self) -> None:
        """Puts the figures and losses of all processes together.

        Raises:
            InputError: There was nothing under cloud to measure.
        """
        for figures in (self._measured, self._trained):
            figures.sums = {name: self._over_processes(sums) for name, sums in figures.sums.items()}
        self.likeness.gather(self._of_all_processes)
        self.figures = self._measured.means() | self.likeness.figures()
        if "reconstruction" not in self.figures:
            raise InputError(
                f"None of the windows of the data set {self.recipe.data.name!r} that are validated on has clouded "
                "pixels of which the truth is known.",
                "Raise data.validation_samples, choose simulated clouds (data.choices.clouds), or give more data.",
            )
        means = self._over_processes(torch.tensor(list(self.losses.values()), dtype=torch.float64))
        self.losses = dict(zip(self.losses, (means / self.trainer.world_size).tolist(), strict=True))
        self.log(MONITOR, self.error, logger=False)

    @property
    def error(self) -> float:
        """Mean absolute error under cloud in the last validation, in reflectance: the best generator has the least."""
        return float(self.figures["reconstruction"])

    def _over_processes(self, sums: Tensor) -> Tensor:
        return self._of_all_processes(sums).sum(dim=0)

    def _of_all_processes(self, sums: Tensor) -> Tensor:
        """Gives the tensors of all processes, (processes, ...)."""
        if self.trainer.world_size == 1:
            return sums[None]
        gathered: Tensor = self.all_gather(sums.to(self.device))  # type: ignore[assignment]
        return gathered.cpu()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds all that an export needs."""
        checkpoint["recipe"] = recipe_facts(self.recipe)
        checkpoint["steps_done"] = self.steps_done
        checkpoint["figures"] = self.figures
        checkpoint["data"] = self.trainer.datamodule.facts  # type: ignore[attr-defined]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes back what is no weight."""
        self.steps_done = checkpoint["steps_done"]


def _state(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


@dataclasses.dataclass(frozen=True)
class AdamSettings:
    """Of an Adam optimiser, as adversarial training uses it."""

    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999

    def slower(self, share: float) -> AdamSettings:
        """Gives the same with a share of the learning rate."""
        return dataclasses.replace(self, learning_rate=share * self.learning_rate)

    def make(self, *networks: nn.Module) -> torch.optim.Adam:
        """Makes the optimiser of some networks."""
        weights = [weight for network in networks for weight in network.parameters() if weight.requires_grad]
        return torch.optim.Adam(weights, self.learning_rate, (self.beta1, self.beta2))
