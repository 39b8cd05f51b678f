"""Steps of the training equal those of a plain loop: accumulation, clipping, schedule and average."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch

from unclouded.backend.errors import UsageError
from unclouded.backend.models.zoo import build
from unclouded.backend.training import losses
from unclouded.backend.training.data import Windows, joined
from unclouded.backend.training.feed import Feed
from unclouded.backend.training.recipe import Recipe
from unclouded.backend.training.run import make_system
from unclouded.backend.training.system import System
from unclouded.backend.training.trainer import make_trainer, quiet

from .studio import Listener, collection, tiny

BATCHES = 5


def fit(recipe: Recipe, folder: Path) -> System:
    """Trains one epoch in memory."""
    system = make_system(recipe)
    training, validation = collection(10), collection(2, seed=50)
    with quiet():
        trainer = make_trainer(recipe, folder, "cpu", Listener().reporter)
        trainer.fit(system, Feed(recipe, training, validation, None, 0))
    return system


def recipe(*further: str) -> Recipe:
    """Five batches of two windows, of which everything is known."""
    sizes = ("fit.epochs=1", "fit.batch=2", "data.windows=2", f"data.samples={2 * BATCHES}")
    return tiny("dsen2cr_small", *sizes, "settings.loss=l1", "settings.optimizer=adam", *further)


@pytest.mark.parametrize("accumulate", [1, 2, 3, 9])
def test_steps_are_those_of_a_plain_loop_over_the_joined_batches(accumulate: int, tmp_path: Path) -> None:
    chosen = recipe(f"fit.accumulate={accumulate}", "fit.clip=0.05", "fit.schedule=linear", "fit.average=0.9")
    system = fit(chosen, tmp_path)

    torch.manual_seed(chosen.fit.seed)
    network = build("dsen2cr", chosen.generator.full)
    average = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), chosen.settings.learning_rate)
    windows = Windows(collection(10), chosen, epoch=0)
    starts = range(0, BATCHES, accumulate)
    for step, start in enumerate(starts, 1):
        end = min(start + accumulate, BATCHES)
        batch = joined([windows[item] for item in range(start, end)])
        assert isinstance(batch, dict)
        assert batch["known"].all()
        losses.l1(network(batch["x"]), batch["truth"], batch["known"]).backward()
        norm = math.sqrt(
            sum(float((weight.grad**2).sum()) for weight in network.parameters() if weight.grad is not None)
        )
        assert norm > 0.05
        for weight in network.parameters():
            if weight.grad is not None:
                weight.grad *= 0.05 / norm
        optimizer.param_groups[0]["lr"] = chosen.settings.learning_rate * min(1, 2 * (1 - (end - 1) / BATCHES))
        optimizer.step()
        optimizer.zero_grad()
        decay = min(0.9, (1 + step) / (10 + step))
        for mean, value in zip(average.parameters(), network.parameters(), strict=True):
            mean.data = decay * mean.data + (1 - decay) * value.data

    assert system.steps_done == len(starts)
    for wanted, found in ((network, system.generator), (average, system.averaged)):
        assert found is not None
        for name, weight in wanted.named_parameters():
            torch.testing.assert_close(found.get_parameter(name), weight, rtol=2e-3, atol=2e-5)


def test_average_is_what_is_validated(tmp_path: Path) -> None:
    plain = fit(recipe(), tmp_path / "plain")
    averaged = fit(recipe("fit.average=0.99"), tmp_path / "averaged")

    for one, other in zip(plain.generator.parameters(), averaged.generator.parameters(), strict=True):
        assert torch.equal(one, other)
    assert plain.error != averaged.error
    assert averaged.used is averaged.averaged


def test_windows_must_suit_the_network() -> None:
    with pytest.raises(UsageError, match=r"a multiple of 4 px; data\.window_px is 30"):
        make_system(tiny("unet_small", "data.window_px=30"))
