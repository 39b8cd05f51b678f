"""Conditional adversarial training: pix2pix, SAR-Opt-cGAN (Grohnfeldt et al., 2018) and STGAN (Sarukkai et al., 2020).

G* = arg min_G max_D L_cGAN(G, D) + lambda L1(G), and for several dates a term of temporal coherence between the
predictions of the image's day and of a neighbouring one. The discriminator is shown what the generator is shown, and an
image; the generator is never shown the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..errors import UsageError
from ..models.frames import split
from ..models.patchgan import Params as PatchParams
from ..models.patchgan import PatchGAN
from . import losses
from .data import Batch
from .recipe import Recipe
from .system import AdamSettings, System


@dataclass(frozen=True)
class Discriminator:
    """Size of a PatchGAN; what it is shown follows from the recipe."""

    width: int = 64
    layers: int = 3

    def make(self, in_channels: int, recipe: Recipe) -> PatchGAN:
        """Makes one that is shown so many channels.

        Raises:
            UsageError: The recipe's windows are too small for it.
        """
        check_window(recipe, 3 << self.layers, f"A discriminator of {self.layers} layers")
        return PatchGAN(PatchParams(in_channels, self.width, self.layers))


@dataclass(frozen=True)
class Settings:
    adam: AdamSettings = field(default_factory=AdamSettings)
    discriminator: Discriminator = field(default_factory=Discriminator)
    adversarial: losses.Adversarial = "cross-entropy"
    adversarial_weight: float = 1.0
    l1_weight: float = 100.0
    coherence_weight: float = 0.0
    """Of the temporal coherence; needs other dates."""


class CGAN(System):
    """A generator, and a discriminator that is shown its input beside its output."""

    Settings: ClassVar[type] = Settings

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        check_dates(recipe)
        channels = self.generator.in_channels + len(recipe.bands)
        self.discriminator = recipe.settings.discriminator.make(channels, recipe)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Gives the optimisers of the generator and of the discriminator."""
        return [self.recipe.settings.adam.make(network) for network in (self.generator, self.discriminator)]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Makes a step of the generator, then one of the discriminator."""
        with self.turn_of(0):
            output = self.generator(batch["x"])
            image = self.image(output)
            self.learn(0, self.generator_losses(batch, image), batch_idx)
        with self.turn_of(1):
            self.learn(1, self.discriminator_losses(batch, image.detach()), batch_idx)
        self.measure(output, batch)

    def generator_losses(self, batch: Batch, image: Tensor) -> dict[str, Tensor]:
        """Gives the weighted losses of the generator.

        Args:
            batch: What was observed, and the truth.
            image: (N, C, H, W) what the generator makes of it.
        """
        settings = self.recipe.settings
        judged = self.discriminator(batch["x"], image).float()
        found = {
            "adversarial": settings.adversarial_weight * losses.adversarial(judged, True, settings.adversarial),
            "l1": settings.l1_weight * losses.l1(image, batch["truth"], batch["known"]),
        }
        if settings.coherence_weight:
            unlike = incoherence(self.generator, batch, image, self.recipe.encoding.frames)
            found["coherence"] = settings.coherence_weight * unlike
        return found

    def discriminator_losses(self, batch: Batch, image: Tensor) -> dict[str, Tensor]:
        """Gives the loss of the discriminator."""
        shown = truth_or(batch, image), image
        real, made = (self.discriminator(batch["x"], one).float() for one in shown)
        return {"discriminator": losses.discrimination(real, made, self.recipe.settings.adversarial)}


def check_window(recipe: Recipe, least_px: int, who: str) -> None:
    """Raises UsageError if the windows are too small for a network."""
    if recipe.data.window_px < least_px:
        raise UsageError(
            f"{who} looks at windows of {least_px} px or more; data.window_px is {recipe.data.window_px}.",
            "Raise data.window_px.",
        )


def check_dates(recipe: Recipe) -> None:
    """Raises UsageError if there are to be coherent dates, and there is only one."""
    if recipe.settings.coherence_weight and recipe.encoding.frames < 2:
        raise UsageError(
            "The temporal coherence of settings.coherence_weight needs other dates; encoding.frames is "
            f"{recipe.encoding.frames}.",
            "Set the weight to 0, or choose 2 frames or more.",
        )


def truth_or(batch: Batch, image: Tensor) -> Tensor:
    """(N, C, H, W) the truth, and where it is not known an image: cloud there shall not pass for ground."""
    return torch.where(batch["known"] > 0, batch["truth"], image)


def incoherence(network: nn.Module, batch: Batch, image: Tensor, frames: int) -> Tensor:
    """Holds the prediction of the first other date, from the same frames, against that of the image.

    Args:
        network: Makes images of frames.
        batch: With `clear`.
        image: (N, C, H, W) what the network makes of the batch.
        frames: In the batch's x, at least 2.
    """
    first = split(batch["x"], batch["x"].shape[1] // frames)  # (N, T, F, H, W)
    swapped = torch.cat([first[:, 1:2], first[:, :1], first[:, 2:]], dim=1)
    other = network(swapped.flatten(1, 2)).float()
    both = batch["known"] * batch["clear"][:, :1]
    return losses.coherence(image, other, batch["truth"], first[:, 1, : image.shape[1]], both)
