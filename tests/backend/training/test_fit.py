"""A run learns, stops and goes on, and ends in a generator that can be loaded."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from unclouded.backend.card import read_card
from unclouded.backend.datasets.collection import Collection
from unclouded.backend.datasets.place import Place, clear_day
from unclouded.backend.errors import UsageError
from unclouded.backend.inference import Generator
from unclouded.backend.sensors import NAMES
from unclouded.backend.training.batches import Batches
from unclouded.backend.training.export import export
from unclouded.backend.training.fit import Fit, learning_rate
from unclouded.backend.training.losses import laplace
from unclouded.backend.training.recipe import Recipe, read_recipe
from unclouded.backend.training.validation import Validation

SIZE = 64


def place(name: str, seed: int) -> Place:
    rng = np.random.default_rng(seed)
    base = rng.uniform(0.05, 0.3, (13, 1, 1))
    return Place(name, NAMES, "L1C", [clear_day((base + 0.02 * rng.random((13, SIZE, SIZE))).astype(np.float32))])


COLLECTION = Collection([place("clear_l1c/a", 0), place("l2a_chips/7", 1)], [], dict.fromkeys(NAMES, 0.2))


@pytest.fixture
def recipe() -> Recipe:
    parameters = {"bands": 13, "widths": [8, 8, 8], "blocks": [1, 1, 1]}
    small = {"parameters": parameters, "steps": 4, "batch": 2, "windows": 1, "window_px": 32, "validate_every": 2}
    return dataclasses.replace(read_recipe("fusion"), **small)


@pytest.fixture
def validation() -> Validation:
    return Validation(COLLECTION, count=4, window_px=32)


def test_loss_is_least_at_the_truth_with_the_scale_of_the_error() -> None:
    truth = torch.zeros(1, 1, 4, 4)
    weight = torch.ones_like(truth)

    def loss(error: float, scale: float) -> float:
        output = torch.cat([truth + error, torch.full_like(truth, scale)], dim=1)
        return float(laplace(output, truth, weight, 0.0))

    assert loss(0.1, 0.1) < min(loss(0.1, 0.05), loss(0.1, 0.2), loss(0.2, 0.1))
    assert loss(0.1, 0.1) == pytest.approx(1 + np.log(0.2), abs=1e-5)


def test_unknown_truth_does_not_count() -> None:
    output = torch.rand(1, 2, 4, 4) + 0.1
    truth, weight = torch.rand(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    weight[..., :2, :] = 1
    other = truth.clone()
    other[..., 2:, :] = 9

    assert laplace(output, truth, weight, 1.0) == laplace(output, other, weight, 1.0)


def test_run_can_be_stopped_and_resumed(recipe: Recipe, validation: Validation, tmp_path: Path) -> None:
    Fit(dataclasses.replace(recipe, steps=2), COLLECTION, validation, tmp_path).run(workers=0)
    resumed = Fit(recipe, COLLECTION, validation, tmp_path)
    assert resumed.step == 2
    resumed.run(workers=0)

    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())


def test_same_seed_gives_the_same_weights(recipe: Recipe, validation: Validation, tmp_path: Path) -> None:
    results = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        fit = Fit(recipe, COLLECTION, validation, tmp_path / name)
        fit.run(workers=0)
        results.append(fit.weights())

    for key, value in results[0].items():
        torch.testing.assert_close(value, results[1][key], rtol=0, atol=0)


def test_widening_makes_intervals_hold_what_they_say(recipe: Recipe, validation: Validation, tmp_path: Path) -> None:
    network = Fit(recipe, COLLECTION, validation, tmp_path).averaged
    network.widen(validation.widening(network))

    assert validation.widening(network) == pytest.approx(1, abs=0.02)


def test_export_names_what_it_learned_from(recipe: Recipe, validation: Validation, tmp_path: Path) -> None:
    fit = Fit(recipe, COLLECTION, validation, tmp_path)
    path = str(tmp_path / "fusion.safetensors")
    export(recipe, fit.weights(), COLLECTION, path)
    card = read_card(path)

    assert Generator(path, "cpu").card == card
    assert any(line.endswith(": a") for line in card.training_data)
    assert card.overlap_px % card.align_px == 0
    assert card.prior["B2"] == 0.2


def test_batches_have_weights_only_where_bands_exist(recipe: Recipe) -> None:
    inputs, truth, weight = next(iter(Batches(COLLECTION, recipe)))

    assert inputs.shape[1:] == (61, 32, 32)
    assert truth.shape == weight.shape == (2, 13, 32, 32)
    present = inputs[:, -13:] > 0
    assert not weight[~present].any()
    assert weight.any()


def test_learning_rate_rises_and_falls(recipe: Recipe) -> None:
    long = dataclasses.replace(recipe, steps=1000)
    rates = [learning_rate(long, step) for step in range(1000)]

    assert max(rates) <= long.learning_rate
    assert 30 < int(np.argmax(rates)) < 70
    assert rates[0] < 0.1 * max(rates)
    assert rates[-1] < 0.02 * max(rates)


def test_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="fusion"):
        read_recipe("miracle")


def test_recipe_with_a_wrong_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("stpes: 3\n")

    with pytest.raises(UsageError, match="stpes"):
        read_recipe(str(path))
