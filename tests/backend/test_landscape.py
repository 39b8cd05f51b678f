"""Landscapes: grounds look like themselves in both sensors and change through the year."""

from __future__ import annotations

import numpy as np
import pytest

from unclouded.backend.landcover import BACKSCATTER_DB, CODE, CROPS, GROUNDS, SPECTRA, surface
from unclouded.backend.landscape import Landscape, landscape
from unclouded.backend.sensors import NAMES, VH_DB, VV_DB, Bool, Float

SPRING, SUMMER = 141, 166
HEIGHT, WIDTH = 320, 400


@pytest.fixture(scope="module")
def place() -> Landscape:
    return landscape(HEIGHT, WIDTH, seed=3)


@pytest.fixture(scope="module")
def optical(place: Landscape) -> Float:
    return place.optical(SUMMER)


@pytest.fixture(scope="module")
def sar(place: Landscape) -> Float:
    return place.sar(SUMMER)


def on(place: Landscape, *names: str) -> Bool:
    """Pixels of these grounds whose neighbours are of them too."""
    chosen = np.isin(place.ground, [CODE[name] for name in names])
    padded = np.pad(chosen, 2)
    shifts = [padded[i : i + HEIGHT, j : j + WIDTH] for i in range(5) for j in range(5)]
    inside: Bool = np.logical_and.reduce(shifts)
    return inside


def index(optical: Float, plus: str, minus: str) -> Float:
    high, low = optical[NAMES.index(plus)], optical[NAMES.index(minus)]
    ratio: Float = (high - low) / (high + low)
    return ratio


def test_shapes_and_ranges(optical: Float, sar: Float) -> None:
    assert optical.shape == (13, HEIGHT, WIDTH)
    assert sar.shape == (2, HEIGHT, WIDTH)
    assert optical.dtype == sar.dtype == np.float32
    assert optical.min() > 0
    assert optical.max() <= 1
    for band, (low, high) in zip(sar, (VV_DB, VH_DB), strict=True):
        assert low <= band.min() < band.max() <= high


def test_all_kinds_of_ground_are_there(place: Landscape) -> None:
    shares = {name: (place.ground == CODE[name]).mean() for name in GROUNDS}
    for name in ("water", "river", "broadleaf", "conifer", "grass", "asphalt", "track", "red roof", "grey roof"):
        assert shares[name] > 0.0005, name
    for crop in CROPS:
        assert sum(share for name, share in shares.items() if name.startswith(f"{crop} ")) > 0.01, crop


def test_vegetation_and_water_show_in_their_indices(place: Landscape, optical: Float) -> None:
    ndvi, ndwi = index(optical, "B8", "B4"), index(optical, "B3", "B8")
    forest, water = on(place, "broadleaf", "conifer"), on(place, "water", "river")
    assert np.median(ndvi[forest]) > 0.6
    assert np.median(ndvi[water]) < 0
    assert np.median(ndwi[water]) > 0.2 > np.median(ndwi[forest])
    assert 0 < np.median(ndvi[on(place, *(name for name in GROUNDS if "roof" in name), "asphalt")]) < 0.4


def test_vapour_swallows_the_cirrus_band(optical: Float) -> None:
    assert optical[NAMES.index("B10")].max() < 0.01
    assert np.median(optical[NAMES.index("B9")] / optical[NAMES.index("B8A")]) < 0.6


def test_backscatter_orders_water_fields_forest_and_towns(place: Landscape, sar: Float) -> None:
    crops = [name for name in GROUNDS if name.split()[0] in CROPS]
    roofs = [name for name in GROUNDS if "roof" in name]
    for polarisation in sar:
        means = [
            np.mean(polarisation[on(place, "water", "river")]),
            np.mean(polarisation[on(place, *crops)]),
            np.mean(polarisation[on(place, "broadleaf", "conifer")]),
            np.mean(polarisation[np.isin(place.ground, [CODE[name] for name in roofs])]),
        ]
        assert means == sorted(means)
        assert means[1] - means[0] > 4


def test_speckle_has_the_looks_of_a_ground_range_product(place: Landscape, sar: Float) -> None:
    power = 10 ** (sar[0][on(place, "grass", "broadleaf")] / 10)
    neighbours = 10 ** (sar[0] / 10)
    local_mean = (neighbours[:-1] + neighbours[1:])[on(place, "broadleaf")[:-1]] / 2
    local_half = (neighbours[:-1] - neighbours[1:])[on(place, "broadleaf")[:-1]] / 2
    looks = 1 / np.mean((local_half / local_mean) ** 2 * 2)
    assert power.size > 1000
    assert 3.5 < looks < 6.5


def test_fields_change_with_the_season_and_forests_hardly(place: Landscape, optical: Float) -> None:
    change = np.abs(index(place.optical(SPRING), "B8", "B4") - index(optical, "B8", "B4"))
    fields = on(place, *(name for name in GROUNDS if name.split()[0] in CROPS))
    assert np.mean(change[fields]) > 5 * np.mean(change[on(place, "broadleaf", "conifer")])


def test_the_same_seed_gives_the_same_place_and_another_another(place: Landscape, optical: Float, sar: Float) -> None:
    again = landscape(HEIGHT, WIDTH, seed=3)
    np.testing.assert_array_equal(again.optical(SUMMER), optical)
    np.testing.assert_array_equal(again.sar(SUMMER), sar)
    assert (landscape(HEIGHT, WIDTH, seed=4).ground != place.ground).mean() > 0.5


@pytest.mark.parametrize("shape", [(64, 64), (48, 200)])
def test_small_places_can_be_made(shape: tuple[int, int]) -> None:
    assert landscape(*shape, seed=1).optical(SUMMER).shape == (13, *shape)


def test_spectra_and_backscatter_name_the_same_grounds() -> None:
    assert SPECTRA.keys() == BACKSCATTER_DB.keys()
    assert all(len(spectrum) == len(NAMES) and 0 < min(spectrum) < max(spectrum) < 1 for spectrum in SPECTRA.values())


@pytest.mark.parametrize("day", [1, 100, 166, 230, 365])
def test_every_ground_has_a_look_on_every_day(day: float) -> None:
    reflectance, backscatter_db = surface(day)
    assert reflectance.shape == (len(GROUNDS), 13)
    assert backscatter_db.shape == (len(GROUNDS), 2)
    assert reflectance.min() > 0
    assert (backscatter_db[:, 0] > backscatter_db[:, 1]).all()


def test_crops_follow_their_year() -> None:
    def ndvi(crop: str, day: float) -> float:
        spectrum = surface(day)[0][CODE[f"{crop} 3"]]
        return float((spectrum[7] - spectrum[3]) / (spectrum[7] + spectrum[3]))

    assert ndvi("wheat", 120) > 0.6 > ndvi("wheat", 200) > 0
    assert ndvi("maize", 120) < 0.3
    assert ndvi("maize", 220) > 0.6
    flowering, green = (surface(day)[0][CODE["rapeseed 3"]] for day in (128, 100))
    assert flowering[NAMES.index("B4")] > 2 * green[NAMES.index("B4")]
