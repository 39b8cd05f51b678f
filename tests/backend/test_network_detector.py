"""The network beside the rules: how far it sees, what it finds that rules miss, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from scipy import ndimage

from unclouded.backend.errors import BackendError
from unclouded.backend.haze_detector import HazeDetector
from unclouded.backend.mask_files import CLEAR, CLOUD, NODATA, SHADOW
from unclouded.backend.models.cloud_unet import STRIDE, path
from unclouded.backend.models.receptive import radius_px
from unclouded.backend.network_detector import BANDS, KEY, WEIGHTS, NetworkDetector, load
from unclouded.backend.sensors import Level
from unclouded.backend.simulate import Simulated, simulate

SIDE = 320
FOREST = (0.02, 0.04, 0.03, 0.28)
FIELDS = (0.06, 0.08, 0.09, 0.25)
SAND = (0.20, 0.30, 0.40, 0.50)
LAKE = (0.05, 0.05, 0.03, 0.02)


def ground(*kinds: tuple[float, ...], seed: int = 0) -> np.ndarray:
    """(4, SIDE, SIDE) patches of some surfaces, with grain."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 12, mode="wrap")
    rank = np.digitize(field, np.quantile(field, np.arange(1, len(kinds)) / len(kinds)))
    surface = np.moveaxis(np.array(kinds)[rank], -1, 0) * (1 + 0.05 * rng.normal(size=(SIDE, SIDE)))
    return np.clip(surface + rng.normal(0, 0.003, surface.shape), 0.0005, 1).astype(np.float32)


def detect(optical: np.ndarray, level: Level = "L2A", threshold: float = 0.4) -> np.ndarray:
    return NetworkDetector(BANDS, level, threshold, 10.0)(optical, np.ones(optical.shape[1:], bool))


def sky(kind: str, seed: int = 3) -> Simulated:
    clear = ground(FOREST, FIELDS)
    return simulate(clear, BANDS, 0.3, np.random.default_rng(seed), level="L2A", kind=kind)


@pytest.mark.parametrize("kind", ["cumulus", "stratus", "mixed"])
def test_simulated_clouds_are_found(kind: str) -> None:
    clouded = sky(kind)
    found = detect(clouded.optical) == CLOUD
    assert found[clouded.opacity > 0.4].mean() > 0.95
    near = ndimage.binary_dilation(clouded.opacity > 0.02, iterations=4)
    assert near[found].mean() > 0.95


def test_thin_cloud_is_found_that_the_rules_miss() -> None:
    clouded = sky("cirrus")
    thin = (clouded.opacity > 0.15) & (clouded.opacity < 0.5)
    rules = HazeDetector(BANDS, "L2A", 0.4, 10.0)(clouded.optical, np.ones(thin.shape, bool)) == CLOUD
    assert (detect(clouded.optical) == CLOUD)[thin].mean() > rules[thin].mean() + 0.1


@pytest.mark.parametrize("kinds", [(FOREST, FIELDS), (SAND,), (SAND, FIELDS), (FIELDS, LAKE)])
def test_clear_ground_is_left_alone(kinds: tuple[tuple[float, ...], ...]) -> None:
    assert (detect(ground(*kinds)) != CLEAR).mean() < 0.02


def test_bright_roofs_are_left_alone() -> None:
    optical = ground(FIELDS)
    for row in range(20, SIDE - 20, 60):
        optical[:, row : row + 3, 30 : SIDE - 30 : 9] = 0.45
    assert (detect(optical) == CLOUD).mean() < 0.02


def test_a_higher_threshold_finds_less() -> None:
    optical = sky("mixed").optical
    low, usual, high = ((detect(optical, threshold=limit) == CLOUD).mean() for limit in (0.1, 0.4, 0.8))
    assert low > usual > high


def test_no_shadow_without_cloud_in_reach() -> None:
    optical = ground(FIELDS)
    optical[:, 100:130, 100:140] *= 0.35
    classes = detect(optical)
    assert CLOUD not in classes
    assert SHADOW not in classes


def test_it_sees_no_farther_than_its_margin() -> None:
    network = NetworkDetector(BANDS, "L2A", 0.4, 20.0)
    radius = radius_px(path(load(WEIGHTS).params), STRIDE)
    assert network.margin_px >= radius
    optical = sky("mixed").optical
    seen = np.ones(optical.shape[1:], bool)
    changed = optical.copy()
    changed[:, :, 200:] = 0.9
    before, after = (network.probabilities(image, seen) for image in (optical, changed))
    np.testing.assert_allclose(before[..., : 200 - radius], after[..., : 200 - radius], atol=1e-5)
    assert np.abs(before - after)[..., 200 - 16 : 200].max() > 1e-3


def test_what_is_not_measured_is_nodata() -> None:
    optical, valid = ground(FOREST), np.zeros((SIDE, SIDE), bool)
    classes = NetworkDetector(BANDS, "L2A", 0.4, 10.0)(optical * valid, valid)
    assert (classes == NODATA).all()


def test_the_weights_say_what_they_learned_from_and_hold_no_place_of_validation() -> None:
    with safe_open(str(WEIGHTS), "pt") as file:
        facts = json.loads(file.metadata()[KEY])
    assert WEIGHTS.stat().st_size < 2**20
    assert {"cloud_labels/chip_1", "cloud_labels/chip_3"} <= set(facts["labelled"])
    assert not {"cloud_labels/chip_4", "series_boadella", "triples/2729"} & set(facts["labelled"])


@pytest.mark.parametrize("content", [b"", b"no network", WEIGHTS.read_bytes()[:-1000] if WEIGHTS.exists() else b"x"])
def test_damaged_weights_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "clouds.safetensors"
    file.write_bytes(content)
    with pytest.raises(BackendError) as caught:
        NetworkDetector(BANDS, "L2A", 0.4, 10.0, file)
    assert "clouds.safetensors" in caught.value.message
    assert "give a mask" in caught.value.hint
