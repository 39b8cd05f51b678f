"""The hybrid of STGAN and CycleGAN, trained in three phases: one recipe, one run that can stop anywhere and go on.

1. STGAN learns alone: adversarial, L1 and temporal coherence (see cgan.py).
2. STGAN rests; the refiner learns on what STGAN makes: cycle consistency (a clouder puts the clouds, whose mask it is
   given, back on the refined image), adversarial, identity (what was clear stays), perceptual.
3. Both learn end to end on the sum of all of these, more slowly.

The published code shows the clear target to the generator. Here the generators are shown cloudy dates, the clouder
refined or clear images and a mask; the target is in losses and before discriminators only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..classifier import default_features
from ..errors import UsageError
from ..models.hybrid import Hybrid as HybridNetwork
from ..models.zoo import build
from . import losses
from .cgan import Discriminator, check_dates, incoherence, truth_or
from .data import Batch
from .perceptual import Perceptual
from .recipe import NetworkChoice, Recipe
from .system import AdamSettings, System


@dataclass(frozen=True)
class Settings:
    clouder: NetworkChoice
    """Of a residual generator; its channels follow from the recipe."""
    phases: tuple[int, int, int] = (8, 8, 8)
    """Epochs of each phase; together those of the recipe."""
    adam: AdamSettings = field(default_factory=AdamSettings)
    joint_rate: float = 0.5
    """Learning rates of the third phase over those of the others."""
    discriminator: Discriminator = field(default_factory=Discriminator)
    adversarial: losses.Adversarial = "least-squares"
    stgan_weight: float = 1.0
    """Of the adversarial loss of STGAN."""
    l1_weight: float = 100.0
    coherence_weight: float = 10.0
    refined_weight: float = 1.0
    """Of the adversarial loss of the refiner and the clouder."""
    refined_l1_weight: float = 100.0
    """Of the refined image's L1: not in the published loss, which leaves the refinement without an anchor."""
    cycle_weight: float = 10.0
    identity_weight: float = 5.0
    perceptual_weight: float = 1.0


class Hybrid(System):
    """STGAN and refiner (`generator`), clouder, and three discriminators."""

    Settings: ClassVar[type] = Settings
    unpaired: ClassVar[bool] = True
    generator: HybridNetwork

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        check_dates(recipe)
        settings, bands = recipe.settings, len(recipe.bands)
        if sum(settings.phases) != recipe.fit.epochs:
            raise UsageError(
                f"The phases of the recipe, {settings.phases}, are {sum(settings.phases)} epochs; "
                f"fit.epochs is {recipe.fit.epochs}.",
                "Change settings.phases or fit.epochs.",
            )
        channels = {"in_channels": bands + 1, "out_channels": bands}
        self.clouder = build(settings.clouder.architecture, settings.clouder.full | channels)
        self.judge_stgan = settings.discriminator.make(self.generator.in_channels + bands, recipe)
        self.judge_clear, self.judge_cloudy = (settings.discriminator.make(bands, recipe) for _ in range(2))
        self.perceptual: Perceptual | None = None
        if settings.perceptual_weight:
            self.perceptual = Perceptual(default_features(recipe.bands), recipe.encoding)

    @classmethod
    def tuning(cls, recipe: Recipe) -> Recipe:
        """Leaves out the first phase where the phases are not those of the epochs: STGAN has learned."""
        epochs = recipe.fit.epochs
        if sum(recipe.settings.phases) == epochs:
            return recipe
        phases = 0, epochs // 2, epochs - epochs // 2
        return replace(recipe, settings=replace(recipe.settings, phases=phases))

    @property
    def phase(self) -> int:
        """1, 2 or 3."""
        first, second, _ = self.recipe.settings.phases
        return sum(self.current_epoch >= start for start in (0, first, first + second))

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Gives the optimisers of all generators and of all discriminators; what gets no gradient rests."""
        make = self.recipe.settings.adam.make
        return [make(self.generator, self.clouder), make(self.judge_stgan, self.judge_clear, self.judge_cloudy)]

    def learning_rate_share(self, batch_idx: int) -> float:
        """Learns more slowly in the third phase."""
        return super().learning_rate_share(batch_idx) * (self.recipe.settings.joint_rate if self.phase == 3 else 1.0)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Makes a step of the generators of this phase, then one of their discriminators."""
        with self.turn_of(0):
            first, found = self._first(batch)
            made = {"stgan": first}
            if self.phase > 1:
                refined, more = self._second(batch, first)
                made |= refined
                found |= more
            self.learn(0, found, batch_idx)
        with self.turn_of(1):
            self.learn(1, self._judge(batch, {key: image.detach() for key, image in made.items()}), batch_idx)
        self.measure(made.get("clear", first), batch)

    def _first(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Gives STGAN's image and its losses; in the second phase it rests."""
        settings = self.recipe.settings
        if self.phase == 2:
            with torch.no_grad():
                return self.generator.stgan(batch["x"]).float(), {}
        image = self.generator.stgan(batch["x"]).float()
        judged = self.judge_stgan(batch["x"], image).float()
        found = {
            "stgan": settings.stgan_weight * losses.adversarial(judged, True, settings.adversarial),
            "l1": settings.l1_weight * losses.l1(image, batch["truth"], batch["known"]),
        }
        if settings.coherence_weight:
            unlike = incoherence(self.generator.stgan, batch, image, self.recipe.encoding.frames)
            found["coherence"] = settings.coherence_weight * unlike
        return image, found

    def _second(self, batch: Batch, first: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Gives the images of refiner and clouder, and their losses."""
        settings, cloud, cloudy = self.recipe.settings, batch["cloud"], batch["cloudy"]
        frame = batch["x"][:, : self.generator.params.frame_channels]
        clear = self.generator.refiner(first, frame).float()
        clouded = self.clouder(torch.cat([batch["other"], cloud], dim=1)).float()
        cycled_cloudy = self.clouder(torch.cat([clear, cloud], dim=1)).float()
        cycled_clear = self.generator.refiner(clouded, _with_bands(frame, clouded)).float()
        cycle = (cycled_cloudy - cloudy).abs().mean() + (cycled_clear - batch["other"]).abs().mean()
        fooled = losses.adversarial(self.judge_clear(clear).float(), True, settings.adversarial)
        fooled = fooled + losses.adversarial(self.judge_cloudy(clouded).float(), True, settings.adversarial)
        found = {
            "refined": settings.refined_weight * fooled,
            "refined_l1": settings.refined_l1_weight * losses.l1(clear, batch["truth"], batch["known"]),
            "cycle": settings.cycle_weight * cycle,
            "identity": settings.identity_weight * losses.l1(clear, cloudy, batch["known"] * (1 - cloud)),
        }
        if self.perceptual is not None:
            found["perceptual"] = settings.perceptual_weight * self.perceptual(clear, truth_or(batch, clear))
        return {"clear": clear, "clouded": clouded}, found

    def _judge(self, batch: Batch, made: dict[str, Tensor]) -> dict[str, Tensor]:
        """Gives the losses of the discriminators whose generators learn in this phase."""
        x = batch["x"]
        shown: dict[str, tuple[nn.Module, tuple[Tensor, ...], tuple[Tensor, ...]]] = {}
        if self.phase != 2:
            shown["judge_stgan"] = self.judge_stgan, (x, truth_or(batch, made["stgan"])), (x, made["stgan"])
        if self.phase > 1:
            shown["judge_clear"] = self.judge_clear, (batch["other"],), (made["clear"],)
            shown["judge_cloudy"] = self.judge_cloudy, (batch["cloudy"],), (made["clouded"],)
        kind = self.recipe.settings.adversarial
        return {
            name: losses.discrimination(judge(*real).float(), judge(*fake).float(), kind)
            for name, (judge, real, fake) in shown.items()
        }


def _with_bands(frame: Tensor, image: Tensor) -> Tensor:
    """Puts an image in the place of a frame's bands; what else the frame holds stays."""
    return torch.cat([image, frame[:, image.shape[1] :]], dim=1)
