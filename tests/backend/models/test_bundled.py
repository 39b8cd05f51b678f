"""The generator that comes with Unclouded is whole, small, and says what it is worth."""

from pathlib import Path

import numpy as np

from unclouded.backend.inference import Generator
from unclouded.backend.installed import DEFAULT_MODEL, find_model, installed_models
from unclouded.backend.models.weights import load
from unclouded.backend.observation import Observation
from unclouded.backend.sensors import BY_COUNT, NAMES

MAX_BYTES = 12_000_000


def test_default_is_installed_and_small() -> None:
    card, path = installed_models()[0]

    assert card.name == DEFAULT_MODEL
    assert path == find_model("default")
    assert Path(path).stat().st_size <= MAX_BYTES


def test_its_weights_are_those_of_its_card() -> None:
    card, network = load(find_model("default"))

    assert network.radius_px <= card.overlap_px
    assert card.overlap_px % card.align_px == card.tile_px % card.align_px == 0
    assert network.stride_px == card.align_px


def test_its_card_says_where_it_learned_and_how_well() -> None:
    card, _ = installed_models()[0]

    assert tuple(card.bands) == NAMES
    assert set(card.prior) == set(NAMES)
    assert any("TEST split" in line for line in card.training_data)
    for scores in card.scores.values():
        assert scores["command"].startswith("unclouded evaluate --model default ")
        assert scores["minus_best_without_training"]["interval_95"][1] < 0


SOIL = {
    "B2": 0.1,
    "B3": 0.14,
    "B4": 0.18,
    "B5": 0.2,
    "B6": 0.22,
    "B7": 0.23,
    "B8": 0.25,
    "B8A": 0.26,
    "B11": 0.3,
    "B12": 0.25,
}


def test_clear_ground_stays_about_what_it_is() -> None:
    rng, everywhere = np.random.default_rng(0), np.ones((64, 64), bool)
    mean = np.array([SOIL[name] for name in BY_COUNT[10]], np.float32)[:, None, None]
    ground = mean * (0.85 + 0.3 * rng.random((10, 64, 64), np.float32))
    seen = Observation(BY_COUNT[10], "L2A", ground, everywhere, ~everywhere, np.broadcast_to(mean, ground.shape))
    result = Generator("default", "cpu")([seen])[0]

    assert np.abs(result.reflectance - ground).mean() < 0.02
