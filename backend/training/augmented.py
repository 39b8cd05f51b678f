"""Augmented CycleGAN (Almahairi et al., 2018), as Zotov and Gamper (2020) remove clouds with it: unpaired, one to many.

(x, z_y) ~ cloudy image and latent of the ground below, (y, z_x) ~ clear image and latent of the clouds above. With
generators G and F, encoders E_x and E_y, and a discriminator for each domain and each latent:

    from x:  y~ = G(x, z_y),  z~x = E_x(x, y~),  x' = F(y~, z~x),  z_y' = E_y(x, y~)
    from y:  x~ = F(y, z_x),  z~y = E_y(x~, y),  y' = G(x~, z~y),  z_x' = E_x(x~, y)

minimise: y~, x~, z~x and z~y fool their discriminators (least squares); |x' - x| + |y' - y| (image cycles);
|z_y' - z_y| + |z_x' - z_x| (latent cycles). All convolutions have spectral norm (Miyato et al., 2018).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..models.augmented import LatentDiscriminator, LatentEncoder
from ..models.spectral import add_spectral_norm
from ..models.zoo import build
from . import losses
from .cgan import Discriminator, check_window
from .cyclegan import check_plain
from .data import Batch
from .recipe import Recipe
from .system import AdamSettings, System

ENCODED_PX = 32
"""Least side of what a latent encoder sees."""


@dataclass(frozen=True)
class Settings:
    adam: AdamSettings = field(default_factory=AdamSettings)
    discriminator: Discriminator = field(default_factory=Discriminator)
    discriminator_rate: float = 0.2
    """Learning rate of the discriminators over that of the generators."""
    adversarial: losses.Adversarial = "least-squares"
    cycle_weight: float = 1.0
    latent_cycle_weight: float = 0.025


@dataclass(frozen=True)
class Made:
    """What the generators and encoders make of a batch."""

    clear: Tensor
    clouded: Tensor
    cloud_latent: Tensor
    """z~x, encoded."""
    ground_latent: Tensor
    """z~y, encoded."""
    cycles: Tensor
    latent_cycles: Tensor


class AugmentedCycleGAN(System):
    """All eight networks; `generator` is G."""

    Settings: ClassVar[type] = Settings
    unpaired: ClassVar[bool] = True

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        check_plain(recipe)
        check_window(recipe, ENCODED_PX, "A latent encoder")
        bands, discriminator = len(recipe.bands), recipe.settings.discriminator
        self.clouder = build(recipe.generator.architecture, recipe.generator.full)
        self.encode_cloud, self.encode_ground = (LatentEncoder(2 * bands, self.generator.latent) for _ in range(2))
        self.judge_clear, self.judge_cloudy = (discriminator.make(bands, recipe) for _ in range(2))
        self.judge_cloud, self.judge_ground = (LatentDiscriminator(self.generator.latent) for _ in range(2))
        for network in (*self._makers, *self._judges, *filter(None, [self.averaged])):
            add_spectral_norm(network)

    @property
    def _makers(self) -> tuple[nn.Module, ...]:
        return self.generator, self.clouder, self.encode_cloud, self.encode_ground

    @property
    def _judges(self) -> tuple[nn.Module, ...]:
        return self.judge_clear, self.judge_cloudy, self.judge_cloud, self.judge_ground

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Gives the optimisers of generators and encoders, and of the discriminators."""
        settings = self.recipe.settings
        slower = settings.adam.slower(settings.discriminator_rate)
        return [settings.adam.make(*self._makers), slower.make(*self._judges)]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Makes a step of generators and encoders, then one of the discriminators."""
        with self.turn_of(0):
            made = self._make(batch)
            self.learn(0, self._maker_losses(made), batch_idx)
        with self.turn_of(1):
            self.learn(1, self._judge_losses(batch, made), batch_idx)
        self.measure(made.clear, batch)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Takes singular vectors over into the average: they have no mean, since their signs are arbitrary."""
        super().on_train_batch_end(outputs, batch, batch_idx)
        if self.averaged is not None:
            for mean, value in zip(self.averaged.buffers(), self.generator.buffers(), strict=True):
                mean.copy_(value)

    def _make(self, batch: Batch) -> Made:
        x, y = batch["x"], batch["other"]
        z_x, z_y = (self.draw_latent(len(x)) for _ in range(2))
        clear, clouded = self.generator(x, z_y), self.clouder(y, z_x)
        cloud_latent, ground_latent = self.encode_cloud(x, clear), self.encode_ground(clouded, y)
        cycles = (self.clouder(clear, cloud_latent) - x).abs().mean()
        cycles = cycles + (self.generator(clouded, ground_latent) - y).abs().mean()
        latent_cycles = (self.encode_ground(x, clear) - z_y).abs().mean()
        latent_cycles = latent_cycles + (self.encode_cloud(clouded, y) - z_x).abs().mean()
        return Made(clear, clouded, cloud_latent, ground_latent, cycles, latent_cycles)

    def _maker_losses(self, made: Made) -> dict[str, Tensor]:
        settings = self.recipe.settings
        shown = (made.clear, made.clouded, made.cloud_latent, made.ground_latent)
        fooled = [
            losses.adversarial(judge(one).float(), True, settings.adversarial)
            for judge, one in zip(self._judges, shown, strict=True)
        ]
        return {
            "adversarial": torch.stack(fooled).sum(),
            "cycle": settings.cycle_weight * made.cycles,
            "latent_cycle": settings.latent_cycle_weight * made.latent_cycles,
        }

    def _judge_losses(self, batch: Batch, made: Made) -> dict[str, Tensor]:
        kind, count = self.recipe.settings.adversarial, len(batch["x"])
        real = (batch["other"], batch["x"], self.draw_latent(count), self.draw_latent(count))
        shown = (made.clear, made.clouded, made.cloud_latent, made.ground_latent)
        names = ("judge_clear", "judge_cloudy", "judge_cloud", "judge_ground")
        return {
            name: losses.discrimination(judge(one).float(), judge(other.detach()).float(), kind)
            for name, judge, one, other in zip(names, self._judges, real, shown, strict=True)
        }
