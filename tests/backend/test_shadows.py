"""Shadows on a flat meadow, where each rule can be seen alone."""

from __future__ import annotations

import numpy as np
import pytest

from unclouded.backend.shadows import REACH_M, find_shadows, margin_cells

CELL_M = 20.0
SIDE = 160
CLOUD = np.s_[75:85, 10:20]
NEAR = np.s_[75:85, 30:40]
FAR = np.s_[75:85, 120:130]


def meadow(where: tuple[slice, slice], green: float, nir: float, swir: float) -> dict[str, np.ndarray]:
    """Sunlit grass with a patch of other reflectance."""
    ground = {"B3": np.full((SIDE, SIDE), 0.08), "B8": np.full((SIDE, SIDE), 0.35), "B11": np.full((SIDE, SIDE), 0.2)}
    for band, value in zip(("B3", "B8", "B11"), (green, nir, swir), strict=True):
        ground[band][where] = value
    return {band: values.astype(np.float32) for band, values in ground.items()}


def found(ground: dict[str, np.ndarray], cloudy: bool = True) -> np.ndarray:
    cloud = np.zeros((SIDE, SIDE), bool)
    cloud[CLOUD] = cloudy
    return find_shadows(ground, np.ones_like(cloud), cloud, CELL_M)


def test_dark_ground_near_a_cloud_is_shadow() -> None:
    shadow = found(meadow(NEAR, green=0.03, nir=0.1, swir=0.06))
    assert shadow[NEAR].mean() > 0.9
    assert shadow.sum() == shadow[NEAR].sum()


def test_dark_ground_out_of_reach_is_none() -> None:
    assert (FAR[1].start - CLOUD[1].stop) * CELL_M > REACH_M
    assert not found(meadow(FAR, green=0.03, nir=0.1, swir=0.06)).any()


def test_dark_ground_without_a_cloud_is_none() -> None:
    assert not found(meadow(NEAR, green=0.03, nir=0.1, swir=0.06), cloudy=False).any()


@pytest.mark.parametrize(
    ("what", "green", "nir", "swir"),
    [
        ("clear water", 0.04, 0.02, 0.01),
        ("turbid water", 0.1, 0.1, 0.03),
        ("dry stubble, bright in short-wave infrared", 0.05, 0.15, 0.25),
        ("a crop, a little darker", 0.07, 0.3, 0.18),
    ],
)
def test_other_dark_ground_is_none(what: str, green: float, nir: float, swir: float) -> None:
    assert not found(meadow(NEAR, green, nir, swir)).any(), what


def test_short_wave_infrared_is_not_needed_near_infrared_is() -> None:
    ground = meadow(NEAR, green=0.03, nir=0.1, swir=0.06)
    del ground["B11"]
    assert found(ground)[NEAR].mean() > 0.9
    del ground["B8"]
    assert not found(ground).any()


def test_the_margin_covers_the_reach() -> None:
    for cell_m in (10.0, 20.0, 60.0, 300.0):
        assert margin_cells(cell_m) >= round(REACH_M / cell_m)
