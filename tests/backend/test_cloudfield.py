"""Skies: windows that agree, covers that are met, shadows that fall where they must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.backend import clouds
from unclouded.backend.cloudfield import CLEAR, CLOUD, CLOUD_OPACITY, KINDS, SHADOW, SHADOW_DEPTH, CloudField, Sun

SIZE = 200


def test_classes_are_those_of_masks() -> None:
    assert (CLEAR, CLOUD, SHADOW) == (clouds.CLEAR, clouds.CLOUD, clouds.SHADOW)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(list(KINDS)),
    row=st.integers(-50, 250),
    column=st.integers(-50, 250),
)
def test_windows_agree_to_the_last_bit(seed: int, kind: str, row: int, column: int) -> None:
    field = CloudField(seed, 0.5, SIZE, SIZE, kind=kind)
    whole, part = field.sky(-60, -60, 400, 400), field.sky(row, column, 70, 90)
    cut = np.s_[row + 60 : row + 130, column + 60 : column + 150]
    for name in ("low", "high", "shadow", "relief", "opacity", "mask"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[cut], err_msg=name)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("cover", [0.05, 0.3, 0.6, 0.95])
def test_the_cover_is_met(kind: str, cover: float) -> None:
    for seed in range(4):
        sky = CloudField(seed, cover, 256, 300, kind=kind).sky(0, 0, 256, 300)
        assert abs((sky.mask == CLOUD).mean() - cover) < 0.02


@pytest.mark.parametrize("kind", list(KINDS))
def test_covers_of_nothing_and_everything(kind: str) -> None:
    none = CloudField(3, 0, SIZE, SIZE, kind=kind).sky(0, 0, SIZE, SIZE)
    assert not none.opacity.any()
    assert not none.shadow.any()
    assert (none.mask == CLEAR).all()
    assert (CloudField(3, 1, SIZE, SIZE, kind=kind).sky(0, 0, SIZE, SIZE).mask == CLOUD).all()


def test_the_same_seed_gives_the_same_sky_and_another_another() -> None:
    first, again, other = (CloudField(seed, 0.4, SIZE, SIZE).sky(0, 0, SIZE, SIZE) for seed in (8, 8, 9))
    np.testing.assert_array_equal(first.opacity, again.opacity)
    assert (first.mask != other.mask).mean() > 0.1


@pytest.mark.parametrize(
    ("azimuth_deg", "shift"),
    [(180, (-100, 0)), (0, (100, 0)), (90, (0, -100)), (270, (0, 100)), (135, (-71, -71))],
)
def test_shadows_fall_away_from_the_sun(azimuth_deg: float, shift: tuple[int, int]) -> None:
    field = CloudField(1, 0.4, SIZE, SIZE, kind="cumulus", sun=Sun(azimuth_deg, 45), base_m=1000)
    assert field.shift == shift
    sky = field.sky(0, 0, SIZE, SIZE)
    casting = field.sky(-shift[0], -shift[1], SIZE, SIZE)
    np.testing.assert_allclose(sky.shadow, casting.opacity, atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_images_show_shadows_where_the_sun_s_geometry_puts_them(seed: int) -> None:
    """The offset is measured in the images by correlation; height / tan(elevation) in metres is what is expected."""
    rng = np.random.default_rng(seed)
    sun, base_m = Sun(rng.uniform(0, 360), rng.uniform(35, 65)), rng.uniform(600, 1500)
    resolution_m = float(rng.choice([10, 20]))
    sky = CloudField(seed, 0.3, 512, 512, resolution_m, kind="cumulus", sun=sun, base_m=base_m).sky(0, 0, 512, 512)
    cloud, shadow = (np.fft.rfft2(layer - layer.mean()) for layer in (1 - np.exp(-sky.low), sky.shadow))
    correlation = np.fft.irfft2(shadow * cloud.conj())
    down, right = np.unravel_index(correlation.argmax(), correlation.shape)
    north_m, east_m = -(((down + 256) % 512) - 256) * resolution_m, (((right + 256) % 512) - 256) * resolution_m

    length_m, azimuth = base_m / np.tan(np.radians(sun.elevation_deg)), np.radians(sun.azimuth_deg)
    assert north_m == pytest.approx(-length_m * np.cos(azimuth), abs=resolution_m)
    assert east_m == pytest.approx(-length_m * np.sin(azimuth), abs=resolution_m)


def test_a_low_sun_and_high_clouds_lengthen_shadows() -> None:
    def length(elevation_deg: float, base_m: float) -> float:
        return float(np.hypot(*CloudField(1, 0.4, 64, 64, sun=Sun(200, elevation_deg), base_m=base_m).shift))

    assert length(30, 1000) == pytest.approx(100 * np.sqrt(3), abs=1)
    assert length(30, 2000) == pytest.approx(2 * length(30, 1000), abs=1.5)


def test_the_mask_follows_its_thresholds() -> None:
    sky = CloudField(5, 0.4, SIZE, SIZE, kind="mixed").sky(0, 0, SIZE, SIZE)
    cloud = sky.opacity >= CLOUD_OPACITY
    near = np.abs(sky.opacity - CLOUD_OPACITY) < 1e-4
    np.testing.assert_array_equal((sky.mask == CLOUD)[~near], cloud[~near])
    np.testing.assert_array_equal(sky.mask[~cloud & ~near] == SHADOW, sky.shadow[~cloud & ~near] >= SHADOW_DEPTH)


def test_clouds_reach_from_thin_to_thick() -> None:
    sky = CloudField(2, 0.6, 400, 400, kind="stratus").sky(0, 0, 400, 400)
    opacity = sky.opacity[sky.mask == CLOUD]
    counts, _ = np.histogram(opacity, bins=5, range=(0, 1))
    assert (counts > 0.02 * opacity.size).all()
    assert opacity.max() > 0.97


def test_cirrus_is_thin_and_casts_no_shadow() -> None:
    sky = CloudField(2, 0.6, SIZE, SIZE, kind="cirrus").sky(0, 0, SIZE, SIZE)
    assert not sky.low.any()
    assert not sky.shadow.any()
    assert sky.opacity.max() < 0.7


def test_coarser_pixels_show_the_same_clouds_smaller() -> None:
    fine = CloudField(6, 0.4, 400, 400, resolution_m=10, kind="cumulus", sun=Sun(180, 45), base_m=1000)
    coarse = CloudField(6, 0.4, 200, 200, resolution_m=20, kind="cumulus", sun=Sun(180, 45), base_m=1000)
    assert coarse.shift == (-50, 0)
    small = coarse.sky(0, 0, 200, 200).mask == CLOUD
    large = fine.sky(0, 0, 400, 400).mask[::2, ::2] == CLOUD
    assert (small == large).mean() > 0.95


@pytest.mark.parametrize("azimuth_deg", [0, 90, 180, 270])
def test_tops_are_brighter_towards_the_sun(azimuth_deg: float) -> None:
    field = CloudField(4, 1, SIZE, SIZE, kind="stratus", sun=Sun(azimuth_deg, 40))
    sky = field.sky(0, 0, SIZE, SIZE)
    down, right = -np.cos(np.radians(azimuth_deg)), np.sin(np.radians(azimuth_deg))  # towards the sun
    rise = down * np.gradient(sky.low, axis=0) + right * np.gradient(sky.low, axis=1)
    assert np.corrcoef(rise.ravel(), sky.relief.ravel())[0, 1] < -0.4
