"""Light through clouds: what stays, what is hidden in which band, what is shaded."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.backend.cloudfield import CLOUD, Sky
from unclouded.backend.sensors import BY_COUNT, NAMES, Float
from unclouded.backend.simulate import Brightness, add_clouds, simulate

SHAPE = (96, 128)


def ground(bands: tuple[str, ...] = NAMES) -> Float:
    rng = np.random.default_rng(0)
    clear = rng.uniform(0.02, 0.4, size=(len(bands), *SHAPE)).astype(np.float32)
    if "B10" in bands:
        clear[bands.index("B10")] = 0.002
    return clear


def sky(low: float = 0, high: float = 0, shadow: float = 0) -> Sky:
    return Sky(*(np.full((1, 1), value, np.float32) for value in (low, high, shadow, 1)))


def spectrum(reflectance: float, over: Sky, level: str = "L1C", bands: tuple[str, ...] = NAMES) -> dict[str, float]:
    clear = np.full((len(bands), 1, 1), reflectance, np.float32)
    return dict(zip(bands, add_clouds(clear, bands, level, over, Brightness())[:, 0, 0].tolist(), strict=True))


def share_hidden(over: Sky) -> dict[str, float]:
    """By how much the contrast of dark and light ground shrinks in each band."""
    dark, light = spectrum(0.1, over), spectrum(0.3, over)
    return {band: 1 - (light[band] - dark[band]) / 0.2 for band in NAMES}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), cover=st.floats(0, 0.9))
def test_clear_pixels_stay_exactly_and_only_they(seed: int, cover: float) -> None:
    clear = ground()
    made = simulate(clear, NAMES, cover, np.random.default_rng(seed))
    untouched = (made.opacity == 0) & (made.shadow == 0)
    np.testing.assert_array_equal(made.optical[:, untouched], clear[:, untouched])
    assert np.abs(made.optical - clear).max(axis=0)[made.mask == CLOUD].min(initial=1) > 0
    assert np.isfinite(made.optical).all()
    assert made.optical.min() >= 0
    assert made.optical.max() < 1.5


def test_the_same_generator_state_gives_the_same_image() -> None:
    first, again = (simulate(ground(), NAMES, 0.5, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.optical, again.optical)
    np.testing.assert_array_equal(first.mask, again.mask)


@pytest.mark.parametrize("count", list(BY_COUNT))
def test_any_set_of_bands_gives_the_same_values_for_a_band(count: int) -> None:
    bands = BY_COUNT[count]
    whole = simulate(ground(), NAMES, 0.5, np.random.default_rng(1))
    chosen = [NAMES.index(band) for band in bands]
    part = simulate(ground()[chosen], bands, 0.5, np.random.default_rng(1))
    np.testing.assert_array_equal(part.optical, whole.optical[chosen])


@pytest.mark.parametrize("over", [sky(low=0.5), sky(high=0.5)])
def test_thin_clouds_hide_less_at_longer_wavelengths(over: Sky) -> None:
    hidden = list(share_hidden(over).values())
    assert all(shorter > longer for shorter, longer in itertools.pairwise(hidden))
    assert hidden[0] > 0.4
    assert hidden[-1] > 0.1


def test_thick_clouds_hide_everything_and_are_white() -> None:
    hidden, cloud = share_hidden(sky(low=6)), spectrum(0.1, sky(low=6))
    assert min(hidden.values()) > 0.97
    visible = [cloud[band] for band in ("B2", "B3", "B4")]
    assert min(visible) > 0.5
    assert max(visible) - min(visible) < 0.15
    assert cloud["B12"] < cloud["B8"]


def test_the_cirrus_band_sees_high_clouds_only() -> None:
    assert spectrum(0.002, sky(low=6))["B10"] < 0.03
    assert spectrum(0.002, sky(high=0.5))["B10"] > 0.05


def test_vapour_darkens_clouds_in_band_9_at_the_top_of_the_atmosphere_only() -> None:
    without = tuple(band for band in NAMES if band != "B10")
    top, corrected = spectrum(0.2, sky(low=6)), spectrum(0.2, sky(low=6), "L2A", without)
    assert top["B9"] < 0.8 * top["B8A"]
    assert corrected["B9"] > 0.9 * corrected["B8A"]


def test_shadows_darken_and_turn_blue() -> None:
    shaded = spectrum(0.3, sky(shadow=1), "L2A", BY_COUNT[12])
    values = list(shaded.values())
    assert all(shorter > longer for shorter, longer in itertools.pairwise(values))
    assert 0.2 < shaded["B2"] / 0.3 < 0.5
    assert 0 < shaded["B12"] / 0.3 < 0.2


def test_path_radiance_is_not_shaded() -> None:
    assert spectrum(0.3, sky(shadow=1))["B1"] > spectrum(0.3, sky(shadow=1), "L2A", BY_COUNT[12])["B1"] + 0.03
