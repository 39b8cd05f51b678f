"""What tests of the schemes with several networks share: tiny ones, places seen through clouds, steps in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from torch import Tensor

from unclouded.backend import jobs
from unclouded.backend.datasets.collection import Collection, collect
from unclouded.backend.datasets.place import Day, Place, clear_day
from unclouded.backend.datasets.source import Loaded
from unclouded.backend.errors import Cancelled
from unclouded.backend.protocol import Done, TrainGenerator
from unclouded.backend.sensors import NAMES
from unclouded.backend.training.data import Batch
from unclouded.backend.training.feed import Feed
from unclouded.backend.training.recipe import Recipe, read_recipe
from unclouded.backend.training.run import make_system
from unclouded.backend.training.system import System
from unclouded.backend.training.trainer import make_trainer, quiet

from .studio import Listener, optical, sar
from .test_run import rows, same

SIZES = (
    "fit.epochs=1",
    "fit.batch=2",
    "fit.precision=32",
    "data.windows=2",
    "data.samples=4",
    "data.validation_samples=8",
    "data.window_px=32",
    "data.choices.scene_px=48",
)
"""Two batches of one scene an epoch, and four to validate on."""
GENERATORS = {
    "augmented": ("width=4", "blocks=1", "latent=4"),
    "cyclegan": ("width=4", "blocks=1"),
    "dsen2cr": ("features=8", "blocks=1"),
    "fusion": ("widths=[8, 8, 8]", "blocks=[1, 1, 1]"),
    "hybrid": ("widths=[4, 4, 8]", "encoder_blocks=1", "decoder_blocks=1", "refiner_blocks=1"),
    "stgan": ("widths=[4, 4, 8]", "encoder_blocks=1", "decoder_blocks=1"),
    "uncrtaints": ("width=8", "decoder_blocks=1", "heads=4", "attention_width=16"),
    "unet": ("widths=[8, 16]", "dropout_levels=1"),
}
"""What makes a network tiny."""
JUDGES = ("settings.discriminator={width: 4, layers: 1}",)
SCHEMES = {
    "supervised": (),
    "cgan": JUDGES,
    "augmented": JUDGES,
    "cyclegan": (*JUDGES, "settings.perceptual_weight=0"),
    "hybrid": (
        *JUDGES,
        "settings.perceptual_weight=0",
        "settings.clouder={architecture: cyclegan, preset: small, parameters: {width: 4, blocks: 1}}",
        "settings.phases=[1, 0, 0]",
    ),
}


def changes(name: str, *further: str) -> list[str]:
    """What makes a recipe's networks tiny; the perceptual loss needs a classifier and is left out."""
    whole = read_recipe(name)
    generator = [f"generator.parameters.{size}" for size in GENERATORS[whole.generator.architecture]]
    return [*SIZES, *generator, *SCHEMES[whole.scheme], *further]


def tiny(name: str, *further: str) -> Recipe:
    return read_recipe(name, changes(name, *further))


def run(name: str, folder: Path, data: Path, *further: str, listener: Listener | None = None, **job: Any) -> Done:
    """Trains a tiny recipe on data of studio.write_places."""
    there = ("data.name=sen12ms-cr", 'data.clear=""', "data.choices.clouds=simulated")
    wanted = TrainGenerator("1", name, str(folder), data=str(data), settings=changes(name, *there, *further), **job)
    return jobs.run(wanted, (listener or Listener()).reporter)


def place(number: int, bands: tuple[str, ...] = NAMES) -> Place:
    """One clear day, and three of which a third is under cloud, each elsewhere."""
    index = [NAMES.index(name) for name in bands]
    ground = optical(number)[index]
    days = [clear_day(ground)]
    for day in range(1, 4):
        cloudy, clear = ground + np.float32(0.01 * day), np.ones(ground.shape[-2:], bool)
        clear[16 * day - 10 : 16 * day + 10, :] = False
        cloudy[:, ~clear] = 0.7
        days.append(Day(cloudy, clear, 10.0 * day))
    return Place(f"made/{number}", bands, "L1C", days, sar=sar(number))


def collection(count: int = 4, seed: int = 0) -> Collection:
    return collect(Loaded([place(number) for number in range(seed, seed + count)]))


def feed(recipe: Recipe, kind: Callable[..., Feed] = Feed) -> Feed:
    return kind(recipe, collection(), collection(2, seed=50), collection(4, seed=20), 0)


def fit(system: System, folder: Path, data: Feed | None = None, watch: L.Callback | None = None) -> System:
    """Trains in memory, as run.train does."""
    with quiet():
        trainer = make_trainer(system.recipe, folder, "cpu", Listener().reporter)
        trainer.callbacks.insert(0, watch or L.Callback())
        trainer.fit(system, data or feed(system.recipe))
    return system


def trained(name: str, folder: Path, *further: str, watch: L.Callback | None = None) -> System:
    """Makes a tiny recipe's system and trains it."""
    return fit(make_system(tiny(name, *further)), folder, watch=watch)


def batch_of(recipe: Recipe) -> Batch:
    """The first batch of an epoch."""
    return next(iter(feed(recipe).train_dataloader()))


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """Names of what is not the same bit for bit."""
    assert before.keys() == after.keys()
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


class Watch(L.Callback):
    """Notes something whenever an epoch starts, and when the last has ended.

    Args:
        note: Says of a system what.
    """

    def __init__(self, note: Callable[[System], Any]) -> None:
        self.seen: list[Any] = []
        self._note = note

    def on_train_epoch_start(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        assert isinstance(system, System)
        self.seen.append(self._note(system))

    def on_train_end(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        self.on_train_epoch_start(trainer, system)


def parts(system: System) -> dict[str, dict[str, Tensor]]:
    """A copy of what each network holds, by its name; of a hybrid generator, those of its parts."""
    networks = dict(system.named_children())
    if hasattr(system.generator, "refiner"):
        networks |= dict(networks.pop("generator").named_children())
    return {
        name: {key: value.clone() for key, value in network.state_dict().items()} for name, network in networks.items()
    }


class Turns(L.Callback):
    """Notes which networks have gradients, and in all of their weights, whenever an optimiser moves its own."""

    def __init__(self) -> None:
        self.seen: list[dict[str, bool]] = []

    def on_before_optimizer_step(
        self, trainer: L.Trainer, system: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        networks = system.named_children()
        got = {name: [weight.grad is not None for weight in network.parameters()] for name, network in networks}
        self.seen.append({name: all(ones) for name, ones in got.items() if any(ones)})


def stopped(folder: Path, epoch: int) -> Listener:
    """Gives a job up within an epoch, counted from 1, after its first step."""
    asked: list[int] = []

    def cancelled() -> bool:
        if (folder / "log.csv").exists() and len(rows(folder)) == epoch - 1:
            asked.append(epoch)
        return len(asked) > 1

    return Listener(cancelled)


def check_goes_on(name: str, folder: Path, data: Path, epoch: int, *further: str) -> None:
    """A run that is given up within an epoch, and gone on with, ends like one that is not, bit for bit."""
    run(name, folder / "whole", data, *further)
    with pytest.raises(Cancelled):
        run(name, folder / "stopped", data, *further, listener=stopped(folder / "stopped", epoch))
    assert len(rows(folder / "stopped")) == epoch - 1
    run(name, folder / "stopped", data, *further, resume=True)
    check_same_end(folder / "whole", folder / "stopped")


def check_same_end(one: Path, other: Path) -> None:
    assert rows(one) == rows(other)
    last = [torch.load(folder / "last.ckpt", weights_only=True) for folder in (one, other)]
    for part in ("state_dict", "optimizer_states", "steps_done", "figures"):
        assert same(*(checkpoint[part] for checkpoint in last)), part
