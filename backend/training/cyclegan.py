"""CycleGAN (Zhu et al., 2017): cloudy to clear and back, from images that show different places.

Least squares; cycle consistency; identity: clear ground stays as it is; perceptual: features of the cycled images are
those of the originals (paper's "perceptual loss in CycleGAN"). Validation alone uses pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ..classifier import default_features
from ..errors import UsageError
from ..models.zoo import build
from . import losses
from .cgan import Discriminator
from .data import Batch
from .perceptual import Perceptual
from .pool import Pool
from .recipe import Recipe
from .system import AdamSettings, System


@dataclass(frozen=True)
class Settings:
    adam: AdamSettings = field(default_factory=AdamSettings)
    discriminator: Discriminator = field(default_factory=Discriminator)
    adversarial: losses.Adversarial = "least-squares"
    cycle_weight: float = 10.0
    identity_weight: float = 5.0
    perceptual_weight: float = 0.0
    pool: int = 50
    """Earlier images among which the discriminators' are drawn."""


def check_plain(recipe: Recipe) -> None:
    """Refuses anything but the bands of one image: what is made from a clear image has no radar and no other dates.

    Raises:
        UsageError: The encoding holds more.
    """
    bands = len(recipe.bands)
    if recipe.encoding.layout != "frames" or recipe.encoding.in_channels(bands) != bands:
        raise UsageError(
            f"The scheme {recipe.scheme!r} translates the {bands} bands of one image and nothing else.",
            "Leave SAR, masks, days and further frames out of the recipe's encoding.",
        )


class CycleGAN(System):
    """Two generators, two discriminators. `generator` makes clear images of cloudy ones."""

    Settings: ClassVar[type] = Settings
    unpaired: ClassVar[bool] = True

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        check_plain(recipe)
        settings, bands = recipe.settings, len(recipe.bands)
        self.clouder = build(recipe.generator.architecture, recipe.generator.full)
        self.judge_clear, self.judge_cloudy = (settings.discriminator.make(bands, recipe) for _ in range(2))
        self.perceptual: Perceptual | None = None
        if settings.perceptual_weight:
            self.perceptual = Perceptual(default_features(recipe.bands), recipe.encoding)
        self._pools = Pool(settings.pool), Pool(settings.pool)

    def on_train_epoch_start(self) -> None:
        """Empties the pools, so that a resumed epoch is the same."""
        super().on_train_epoch_start()
        self._pools = Pool(self.recipe.settings.pool), Pool(self.recipe.settings.pool)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Gives the optimisers of the generators and of the discriminators."""
        make = self.recipe.settings.adam.make
        return [make(self.generator, self.clouder), make(self.judge_clear, self.judge_cloudy)]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Makes a step of both generators, then one of both discriminators."""
        with self.turn_of(0):
            clear = self.image(self.generator(batch["x"]))
            clouded = self.image(self.clouder(batch["other"]))
            self.learn(0, self._generator_losses(batch, clear, clouded), batch_idx)
        with self.turn_of(1):
            self.learn(1, self._discriminator_losses(batch, clear.detach(), clouded.detach()), batch_idx)
        self.measure(clear, batch)

    def _generator_losses(self, batch: Batch, clear: Tensor, clouded: Tensor) -> dict[str, Tensor]:
        settings, cloudy, other = self.recipe.settings, batch["cloudy"], batch["other"]
        cycled_cloudy = self.image(self.clouder(clear))
        cycled_clear = self.image(self.generator(clouded))
        fooled = sum(
            losses.adversarial(judge(image).float(), True, settings.adversarial)
            for judge, image in ((self.judge_clear, clear), (self.judge_cloudy, clouded))
        )
        cycle = (cycled_cloudy - cloudy).abs().mean() + (cycled_clear - other).abs().mean()
        found = {"adversarial": torch.as_tensor(fooled), "cycle": settings.cycle_weight * cycle}
        if settings.identity_weight:
            same = (self.image(self.generator(other)) - other).abs().mean()
            same = same + (self.image(self.clouder(cloudy)) - cloudy).abs().mean()
            found["identity"] = settings.identity_weight * same
        if self.perceptual is not None:
            unlike = self.perceptual(cycled_cloudy, cloudy) + self.perceptual(cycled_clear, other)
            found["perceptual"] = settings.perceptual_weight * unlike
        return found

    def _discriminator_losses(self, batch: Batch, clear: Tensor, clouded: Tensor) -> dict[str, Tensor]:
        kind = self.recipe.settings.adversarial
        shown = (
            ("judge_clear", self.judge_clear, batch["other"], self._pools[0].exchange(clear)),
            ("judge_cloudy", self.judge_cloudy, batch["cloudy"], self._pools[1].exchange(clouded)),
        )
        return {
            name: losses.discrimination(judge(real).float(), judge(made).float(), kind)
            for name, judge, real, made in shown
        }
