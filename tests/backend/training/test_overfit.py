"""Every recipe can learn one batch by heart: its reconstruction or cycle error falls below a fifth of its start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
from torch.utils.data import DataLoader

from unclouded.backend.training.data import Batch
from unclouded.backend.training.feed import Feed
from unclouded.backend.training.recipe import Recipe, read_recipe, recipes
from unclouded.backend.training.run import make_system
from unclouded.backend.training.schemes import CLASSIFIERS
from unclouded.backend.training.system import System

from .adversaries import collection, fit

SIZES = (
    "fit.epochs=1",
    "fit.batch=1",
    "fit.precision=32",
    "fit.schedule=constant",
    "fit.average=0",
    "data.windows=1",
    "data.validation_samples=4",
    "data.window_px=32",
    "data.choices.scene_px=48",
    "data.choices.haze=0",
)
GENERATORS = {
    "augmented": ("width=8", "blocks=1"),
    "cyclegan": ("width=12", "blocks=1"),
    "dsen2cr": ("features=32", "blocks=2", "scale=1.0"),
    "fusion": ("widths=[16, 16, 16]", "blocks=[1, 1, 1]"),
    "hybrid": ("widths=[8, 8, 16]", "encoder_blocks=1", "decoder_blocks=1", "refiner_blocks=1"),
    "stgan": ("widths=[8, 16, 16]", "encoder_blocks=1", "decoder_blocks=1"),
    "uncrtaints": ("width=16", "decoder_blocks=1", "heads=4", "attention_width=32"),
    "unet": ("widths=[32, 64]", "dropout=0.0"),
}
"""What makes a network small enough, and leaves it enough weights."""
JUDGES = "settings.discriminator={width: 8, layers: 1}"
SCHEMES = {
    "supervised": ("settings.learning_rate=0.003",),
    "cgan": (JUDGES, "settings.adam.learning_rate=0.002"),
    "cyclegan": (JUDGES, "settings.adam.learning_rate=0.002", "settings.perceptual_weight=0"),
    "augmented": (JUDGES, "settings.adam.learning_rate=0.002", "settings.cycle_weight=10"),
    "hybrid": (
        JUDGES,
        "settings.adam.learning_rate=0.002",
        "settings.perceptual_weight=0",
        "settings.clouder={architecture: cyclegan, preset: small, parameters: {width: 8, blocks: 1}}",
        "settings.phases=[0, 0, 1]",
    ),
}
STEPS = 150
LAST = 10


class Same(Feed):
    """The first batch, again and again."""

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader([self.first] * STEPS, batch_size=1, collate_fn=lambda items: items[0])

    @property
    def first(self) -> Batch:
        batch = next(iter(super().train_dataloader()))
        assert isinstance(batch, dict)
        return batch


class Errors(L.Callback):
    """Keeps the error of each step: of the reconstruction, or of schemes without pairs of the cycles."""

    def __init__(self) -> None:
        self._means: list[float] = [0.0]

    def on_train_batch_end(self, trainer: L.Trainer, system: L.LightningModule, *_: Any) -> None:
        assert isinstance(system, System)
        self._means.append(system.losses["cycle"] if system.unpaired else system.training_figures["target"])

    @property
    def each(self) -> np.ndarray:
        """(STEPS,) of the running means that a system keeps."""
        return np.diff(np.array(self._means) * np.arange(len(self._means)))


def small(name: str) -> Recipe:
    whole = read_recipe(name)
    generator = [f"generator.parameters.{size}" for size in GENERATORS[whole.generator.architecture]]
    return read_recipe(name, [*SIZES, *generator, *SCHEMES[whole.scheme]])


NAMES = [name for name in recipes() if name.endswith("_small")] + ["fusion"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if read_recipe(name).scheme not in CLASSIFIERS])
def test_one_batch_is_learned_by_heart(name: str, tmp_path: Path) -> None:
    recipe, errors = small(name), Errors()
    data = Same(recipe, collection(2), collection(2, seed=50), collection(2, seed=20), 0)
    fit(make_system(recipe), tmp_path, data, errors)

    assert len(errors.each) == STEPS
    assert errors.each[-LAST:].mean() < 0.2 * errors.each[0]
