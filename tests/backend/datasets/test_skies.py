"""Skies over clear ground: what a recipe asks of them, and the physics of real clouds that lie over other ground."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from unclouded.backend.datasets.choices import Choices
from unclouded.backend.datasets.pairs import Veil
from unclouded.backend.datasets.skies import clouded, detected, hazed, smooth_field, transplant
from unclouded.backend.errors import InputError
from unclouded.backend.sensors import BY_COUNT, NAMES

SIZE = 160
EDGE = 0.0496
"""What the thinnest cloud, of opacity 0.05 at 550 nm, hides in B3."""
SIMULATED = Choices("simulated", haze=0)


def flat(value: float, size: int = SIZE) -> np.ndarray:
    return np.full((13, size, size), value, np.float32)


def blob(size: int, radius: int) -> Veil:
    rows, columns = np.ogrid[:size, :size]
    opacity = (np.hypot(rows - size // 2, columns - size // 2) < radius).astype(np.float32)
    return Veil("blob", opacity, np.broadcast_to(np.float32(0.8) * opacity, (13, size, size)))


def hidden(seed: int, choices: Choices) -> np.ndarray:
    """(13, H, W) share of the contrast between dark and light ground that is lost."""
    dark, light = (
        clouded(flat(value), NAMES, "L1C", [blob(96, 30)], np.random.default_rng(seed), choices) for value in (0.1, 0.3)
    )
    np.testing.assert_array_equal(dark.mask, light.mask)
    share: np.ndarray = 1 - (light.optical - dark.optical) / 0.2
    return share


@pytest.mark.parametrize("clouds", ["mixed", "simulated", "transplanted"])
@pytest.mark.parametrize("seed", range(4))
def test_the_mask_and_the_cloud_do_not_depend_on_the_ground(seed: int, clouds: Any) -> None:
    share = hidden(seed, Choices(clouds))
    assert share.min() > -1e-5
    assert share.max() < 1 + 1e-5


def test_thin_skies_let_the_ground_through_and_most_in_the_infrared() -> None:
    thin = [hidden(seed, dataclasses.replace(SIMULATED, thin=1)) for seed in range(8)]
    thick = [hidden(seed, dataclasses.replace(SIMULATED, thin=0)) for seed in range(8)]

    assert max(share[1].max() for share in thin) < 0.7
    assert max(share[1].max() for share in thick) > 0.95
    for share in thin:
        veiled = share[1] > 0.1
        assert (np.diff(share[:, veiled], axis=0) < 1e-5).all()


def test_cover_is_drawn_from_its_range() -> None:
    def covers(cover: tuple[float, float]) -> list[float]:
        choices = dataclasses.replace(SIMULATED, cover=cover, thin=1)
        return [float((hidden(seed, choices)[NAMES.index("B3")] > EDGE).mean()) for seed in range(10)]

    assert np.abs(np.array(covers((0.4, 0.4))) - 0.4).max() < 0.06
    assert np.ptp(covers((0.1, 0.9))) > 0.3


def test_haze_is_bluer_than_clouds_is_in_no_mask_and_not_in_the_cirrus_band() -> None:
    choices = dataclasses.replace(SIMULATED, cover=(0, 0), haze=1)
    made = [clouded(flat(0.1), NAMES, "L1C", [], np.random.default_rng(seed), choices) for seed in range(10)]
    added = np.mean([result.optical - flat(0.1) for result in made], axis=(0, 2, 3))

    assert not any(result.mask.any() for result in made)
    assert added[NAMES.index("B10")] == 0
    rest = np.delete(added, [0, NAMES.index("B10")])
    assert (np.diff(rest) < 0).all()
    assert rest[0] > 0.005
    assert hazed(flat(0.1), NAMES, np.random.default_rng(0)).dtype == np.float32


def test_transplanting_without_real_clouds_is_an_error() -> None:
    with pytest.raises(InputError, match=r"no cloudy image .* simulated or mixed"):
        clouded(flat(0.1), NAMES, "L1C", [], np.random.default_rng(0), Choices("transplanted"))


def test_mixed_skies_are_of_both_kinds() -> None:
    """The blob is opaque and hides nothing beyond; simulated clouds are soft."""
    soft = [((share := hidden(seed, Choices(haze=0))[1]) > 0.02).sum() > (share > 0.999).sum() for seed in range(20)]
    assert 4 < np.sum(soft) < 18


@pytest.mark.parametrize("seed", range(12))
def test_shadows_of_real_clouds_lie_as_far_away_as_sun_and_height_allow(seed: int) -> None:
    size = 1300
    clear = np.broadcast_to(np.float32(0.3), (1, size, size))
    optical, opacity, shadow = transplant(clear, ("B8",), "L2A", blob(size, 40), np.random.default_rng(seed))

    cloud = np.array(center_of_mass(opacity))
    np.testing.assert_allclose(cloud, size // 2, atol=1)
    untouched = (opacity == 0) & (shadow == 0)
    assert (optical[0, untouched] == np.float32(0.3)).all()
    if shadow.any():
        moved_m = 10 * np.hypot(*(np.array(center_of_mass(shadow)) - cloud))
        assert 600 / np.tan(np.radians(65)) - 10 < moved_m < 2500 / np.tan(np.radians(25)) + 10
        assert (shadow > 0).sum() == pytest.approx((opacity > 0).sum(), rel=0.01)
        assert optical[0, (shadow > 0) & (opacity == 0)].max() < 0.25


@pytest.mark.parametrize("seed", range(6))
def test_real_clouds_smaller_than_the_scene_go_on_mirrored(seed: int) -> None:
    rng = np.random.default_rng(seed)
    veil = Veil("veil", np.random.default_rng(1).random((50, 60), np.float32), np.zeros((13, 50, 60), np.float32))
    _, opacity, _ = transplant(flat(0.1, 128), NAMES, "L1C", veil, rng)

    assert opacity.shape == (128, 128)
    np.testing.assert_allclose(np.sort(np.unique(opacity)), np.sort(veil.opacity.ravel()))


def test_shaded_ground_keeps_the_light_of_the_air() -> None:
    """At the top of the atmosphere blue is brighter in a shadow than at the surface."""
    size = 1300
    clear = np.broadcast_to(np.float32(0.3), (12, size, size))
    for seed in range(10):
        (top, _, shadow), (surface, _, _) = (
            transplant(clear, BY_COUNT[12], level, blob(size, 40), np.random.default_rng(seed))
            for level in ("L1C", "L2A")
        )
        if (dark := shadow > 0).any():
            assert (top[1, dark] > surface[1, dark] + 0.01).all()
            return
    pytest.fail("no shadow was drawn")


def test_smooth_fields_are_standardised_and_smooth() -> None:
    fields = np.stack([smooth_field((100, 140), np.random.default_rng(seed), 5) for seed in range(60)])

    assert fields.dtype == np.float32
    assert fields.shape == (60, 100, 140)
    assert abs(fields.mean()) < 0.05
    assert 0.5 < fields.std() < 1.1
    assert np.abs(np.diff(fields, axis=1)).max() < 0.5


def test_cloud_that_fills_an_image_is_masked_up_to_its_rim() -> None:
    full, none = np.ones((40, 40), np.float32), np.zeros((40, 40), np.float32)
    assert all(detected(full, none, np.random.default_rng(seed)).all() for seed in range(20))
