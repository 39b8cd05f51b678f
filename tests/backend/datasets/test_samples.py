"""Samples show what an engine would see: the truth never reaches the observation but through clear pixels."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from unclouded.backend.background import GroundSums
from unclouded.backend.datasets.collection import Collection
from unclouded.backend.datasets.pairs import Veil
from unclouded.backend.datasets.place import Day, Place, clear_day
from unclouded.backend.datasets.samples import (
    Choices,
    Sample,
    cut,
    draw_clear,
    draw_scene,
    draw_window,
    select,
    suits_clear,
    suits_scene,
    with_context,
)
from unclouded.backend.sensors import NAMES

SIZE = 160
QUIET = Choices(bands=NAMES, dates=0, turns=False, gain=0, haze=0)
"""Nothing but the clouds is drawn."""


def ground(seed: int = 0, size: int = SIZE) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(0.02, 0.4, (13, size // 8, size // 8))
    return coarse.repeat(8, 1).repeat(8, 2).astype(np.float32)


def veil() -> Veil:
    opacity = np.zeros((96, 96), np.float32)
    opacity[20:70, 20:70] = 1
    return Veil("veil", opacity, np.float32(0.8) * opacity[None].repeat(13, 0))


def partly(optical: np.ndarray, day: float, rows: slice) -> Day:
    """A day with its own cloud in some rows, and a column that was not measured."""
    clear = np.ones((SIZE, SIZE), bool)
    clear[rows] = clear[:, 0] = False
    optical = np.where(clear, optical, 0.9)
    optical[..., 0] = 0
    return Day(optical.astype(np.float32), clear, day)


PLACE = Place("place", NAMES, "L1C", [clear_day(ground())], sar=np.full((2, SIZE, SIZE), -10, np.float32))
SERIES = dataclasses.replace(
    PLACE, days=[clear_day(ground()), partly(ground(1), 33.0, np.s_[:40]), clear_day(ground(2), -8.0)]
)
PAIR = dataclasses.replace(PLACE, days=[partly(ground(1), 15.0, np.s_[:80]), clear_day(ground())])
COLLECTION = Collection([PLACE], [veil()], dict.fromkeys(NAMES, 0.2))


def draw(place: Place, seed: int, choices: Choices) -> Sample:
    return draw_scene(place, COLLECTION, np.random.default_rng(seed), choices)


def arrays(drawn: Sample) -> dict[str, np.ndarray]:
    found = {key: value for key, value in vars(drawn.observation).items() if isinstance(value, np.ndarray)}
    return found | {"truth": drawn.truth, "known": drawn.known}


@pytest.mark.parametrize("place", [PLACE, SERIES, PAIR])
@pytest.mark.parametrize("clouds", ["mixed", "real"])
@pytest.mark.parametrize("seed", range(8))
def test_sample_is_whole(seed: int, clouds: Any, place: Place) -> None:
    drawn = draw(
        place,
        seed,
        Choices(clouds, offset_jitter=0.01, level_jitter=0.3, forgotten_offset=0.3, band_dropout=0.2, date_dropout=0.2),
    )
    seen = drawn.observation

    assert set(seen.bands) <= set(NAMES)
    assert drawn.truth.shape == seen.optical.shape == seen.background.shape == (len(seen.bands), SIZE, SIZE)
    for name, array in arrays(drawn).items():
        assert array.dtype in (np.float32, bool), name
        assert np.isfinite(array).all(), name
    assert not seen.optical[:, ~seen.valid].any()
    assert not (seen.cloud & ~seen.valid).any()
    if seen.dates is not None:
        assert seen.dates_clear is not None
        measured = seen.dates.any(axis=1)
        assert not (seen.dates_clear & ~measured).any()


def test_same_seed_gives_the_same_sample() -> None:
    choices = Choices(offset_jitter=0.01, sar_dropout=0.5, date_dropout=0.2)
    for seed in range(5):
        first, second = (arrays(draw(SERIES, seed, choices)) for _ in range(2))

        assert first.keys() == second.keys()
        for name, array in first.items():
            np.testing.assert_array_equal(array, second[name], err_msg=name)


@pytest.mark.parametrize(("clouds", "limit"), [("simulated", 0.01), ("transplanted", 1e-6)])
def test_the_truth_under_opaque_cloud_reaches_nothing_that_is_seen(clouds: Any, limit: float) -> None:
    """Where another truth changes no pixel of the image, it changes nothing at all: no date, background or match."""
    choices = dataclasses.replace(QUIET, clouds=clouds, thin=0, cover=(0.6, 0.7), dates=3, real_dates=True, sar=True)
    clear, others = SERIES.days[0], [partly(day.optical, day.day, np.s_[:50]) for day in SERIES.days[1:]]

    def seen(truth: np.ndarray, seed: int) -> Sample:
        return draw(dataclasses.replace(SERIES, days=[Day(truth, clear.clear, 0.0), *others]), seed, choices)

    opaque_scenes = 0
    for seed in range(8):
        dark, light = (seen(np.full_like(clear.optical, value), seed) for value in (0.1, 0.4))
        opaque = np.abs(dark.observation.optical - light.observation.optical).max(axis=0) < limit
        if opaque.mean() < 0.02:
            continue
        other = seen(np.where(opaque, light.truth, dark.truth), seed)
        opaque_scenes += 1
        for name, array in arrays(dark).items():
            if name == "truth":
                np.testing.assert_array_equal(other.truth[:, opaque], light.truth[:, opaque])
            else:
                np.testing.assert_allclose(arrays(other)[name], array, atol=limit, err_msg=name)
    assert opaque_scenes >= 3


@pytest.mark.parametrize("seed", range(6))
def test_background_and_matches_do_not_know_what_lies_under_the_masks(seed: int) -> None:
    drawn = draw(SERIES, seed, Choices(bands=NAMES, dates=2)).observation
    assert drawn.dates is not None
    assert drawn.dates_clear is not None
    changed = dataclasses.replace(
        drawn,
        optical=np.where(drawn.clear, drawn.optical, 0.9).astype(np.float32),
        dates=np.where(drawn.dates_clear[:, None], drawn.dates, 0.7).astype(np.float32),
    )
    expected, found = (with_context(seen, COLLECTION.prior) for seen in (drawn, changed))
    for name in ("background", "regional", "variability", "dates_error"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    both = np.where(drawn.dates_clear[:, None], expected.dates_matched, found.dates_matched)
    np.testing.assert_array_equal(found.dates_matched, both)


def test_fixed_choices_are_kept() -> None:
    for seed in range(5):
        seen = draw(PLACE, seed, Choices(bands=("B4", "B3", "B2"), dates=2, sar=False)).observation

        assert seen.bands == ("B4", "B3", "B2")
        assert seen.dates is not None
        assert len(seen.dates) == 2
        assert seen.sar is None


@pytest.mark.parametrize("place", [PLACE, SERIES, PAIR])
@pytest.mark.parametrize("choices", [Choices(), Choices("real"), Choices(real_dates=True), Choices(date_dropout=1)])
@pytest.mark.parametrize("count", [1, 3])
def test_a_fixed_number_of_dates_is_met_whatever_the_place_has(count: int, choices: Choices, place: Place) -> None:
    for seed in range(3):
        seen = draw(place, seed, dataclasses.replace(choices, dates=count)).observation

        assert seen.dates is not None
        assert seen.dates_clear is not None
        assert seen.days is not None
        assert len(seen.dates) == len(seen.dates_clear) == len(seen.days) == count


def test_real_dates_are_the_place_s_own_and_what_is_missing_is_empty() -> None:
    for seed in range(5):
        seen = draw(SERIES, seed, Choices(dates=4, real_dates=True)).observation
        assert seen.dates is not None
        assert seen.dates_clear is not None
        empty = ~seen.dates.any(axis=(1, 2, 3))

        assert empty.sum() == 2
        assert not seen.dates_clear[empty].any()


def test_days_without_any_ground_are_dates_of_real_clouds_only() -> None:
    hidden = Day(ground(3), np.zeros((SIZE, SIZE), bool), 77.0)
    place = dataclasses.replace(SERIES, days=[*SERIES.days, hidden])

    def has_it(choices: Choices) -> bool:
        dates = [draw(place, seed, choices).observation.dates for seed in range(8)]
        return any(np.array_equal(date, hidden.optical) for three in dates if three is not None for date in three)

    assert not has_it(dataclasses.replace(QUIET, dates=3, real_dates=True))
    assert has_it(dataclasses.replace(QUIET, dates=3, clouds="real"))


def test_dates_keep_their_clouds_and_say_where() -> None:
    """The series' second day is 0.9 under its cloud; nothing is drawn above it."""
    choices = dataclasses.replace(QUIET, dates=2, real_dates=True, shuffle_dates=False)
    found = 0
    for seed in range(30):
        seen = draw(SERIES, seed, choices).observation
        assert seen.dates is not None
        assert seen.dates_clear is not None
        cloudy = seen.dates[-1]
        if np.allclose(cloudy[:, 1:40, 1:], 0.9):
            found += 1
            assert not seen.dates_clear[-1, :40].any()
            assert not cloudy[..., 0].any()
    assert found > 3


def test_dates_come_in_the_engine_s_order_or_shuffled() -> None:
    def shares(choices: Choices) -> list[np.ndarray]:
        drawn = [draw(SERIES, seed, choices).observation.dates_clear for seed in range(8)]
        return [clear.mean(axis=(1, 2)) for clear in drawn if clear is not None]

    assert all((np.diff(share) <= 0).all() for share in shares(Choices(dates=3, shuffle_dates=False)))
    assert not all((np.diff(share) <= 0).all() for share in shares(Choices(dates=3)))


def test_real_clouds_show_one_day_and_know_another() -> None:
    drawn = draw(PAIR, 0, dataclasses.replace(QUIET, clouds="real"))

    np.testing.assert_array_equal(drawn.observation.optical, PAIR.days[0].optical)
    np.testing.assert_array_equal(drawn.observation.valid, PAIR.days[0].optical.any(axis=0))
    np.testing.assert_array_equal(drawn.observation.cloud, ~PAIR.days[0].clear & drawn.observation.valid)
    np.testing.assert_array_equal(drawn.truth, PAIR.days[1].optical)
    assert drawn.known.all()


def test_a_share_of_the_samples_are_real_pairs_where_there_are_any() -> None:
    choices = dataclasses.replace(QUIET, real=0.5)
    shown = [draw(PAIR, seed, choices).observation.optical for seed in range(40)]
    real = sum(np.array_equal(optical, PAIR.days[0].optical) for optical in shown)

    assert 10 <= real <= 30


def test_the_truth_of_real_clouds_is_none_of_the_dates() -> None:
    place = dataclasses.replace(SERIES, days=[*SERIES.days, PAIR.days[0]])
    for seed in range(10):
        drawn = draw(place, seed, dataclasses.replace(QUIET, clouds="real", dates=4))
        assert drawn.observation.dates is not None
        assert not any(np.array_equal(date, drawn.truth) for date in drawn.observation.dates)


def test_nothing_is_known_of_a_place_that_is_only_seen_cloudy() -> None:
    place = dataclasses.replace(PAIR, days=PAIR.days[:1])
    drawn = draw(place, 1, dataclasses.replace(QUIET, clouds="real", dates=2))

    assert not drawn.known.any()
    assert drawn.observation.dates is not None
    assert not drawn.observation.dates.any()


@pytest.mark.parametrize("clouds", ["mixed", "real"])
@pytest.mark.parametrize("shown", [0, 3])
def test_places_with_hardly_any_clear_ground_know_little_and_are_whole(shown: int, clouds: Any) -> None:
    clear = np.zeros((SIZE, SIZE), bool)
    clear[:shown] = True
    place = dataclasses.replace(PLACE, days=[Day(ground(), clear, 0.0), Day(ground(1), np.zeros_like(clear), 3.0)])
    for seed in range(4):
        drawn = draw(place, seed, Choices(clouds, bands=NAMES, dates=2, sar=False))
        assert all(np.isfinite(array).all() for array in arrays(drawn).values())
        assert drawn.known.mean() <= shown / SIZE
        assert drawn.observation.clear.mean() <= shown / SIZE
        if not drawn.observation.clear.any():
            np.testing.assert_allclose(drawn.observation.background, 0.2, rtol=1e-6)


def test_ground_is_the_engine_s() -> None:
    """The engine sums a scene in tiles as it reads them."""
    large = dataclasses.replace(PLACE, days=[clear_day(ground(size=200))], sar=None)
    seen = draw(large, 0, Choices(bands=NAMES, dates=1)).observation
    height, width = seen.valid.shape
    sums = GroundSums(13, height, width)
    for row in range(0, height, 96):
        sums.add(seen.optical[:, row : row + 96], seen.clear[row : row + 96], row, 0)
    expected = sums.fill(np.full(13, 0.2, np.float32)).sample(0, 0, height, width)

    for name in ("background", "regional", "variability"):
        np.testing.assert_allclose(getattr(seen, name), getattr(expected, name), atol=1e-5, err_msg=name)


def test_sar_is_always_there_if_asked_for_and_nan_where_missing() -> None:
    dropped = [draw(PLACE, seed, Choices(sar=True, sar_dropout=0.5)).observation.sar for seed in range(20)]
    missing = [np.isnan(sar).all() for sar in dropped if sar is not None]
    without = draw(dataclasses.replace(PLACE, sar=None), 0, Choices(sar=True)).observation.sar

    assert len(missing) == 20
    assert 0.2 < np.mean(missing) < 0.8
    assert without is not None
    assert np.isnan(without).all()


def test_dropped_bands_are_missing_from_what_is_seen_and_not_from_the_truth() -> None:
    shares = []
    for seed in range(10):
        drawn = draw(PLACE, seed, Choices(bands=NAMES, dates=1, band_dropout=0.4))
        seen = drawn.observation
        gone = ~seen.optical.any(axis=(1, 2))
        assert seen.dates is not None
        assert not seen.dates[:, gone].any()
        assert not seen.background[gone].any()
        assert drawn.truth.any(axis=(1, 2)).all()
        shares.append(gone.mean())
    assert 0.2 < np.mean(shares) < 0.6
    assert draw(PLACE, 0, Choices(band_dropout=1)).observation.optical.any()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"offset_jitter": 0.02}, "bands differ"),
        ({"level_jitter": 0.5}, "blue differs"),
        ({"forgotten_offset": 1.0}, "tenth"),
        ({"gain": 0.2}, "factor"),
    ],
)
def test_jitter_changes_image_and_truth_alike(changes: dict[str, float], expected: str) -> None:
    choices = dataclasses.replace(QUIET, clouds="real", dates=1, **changes)
    place = dataclasses.replace(SERIES, days=[PAIR.days[0], *SERIES.days[::2]])
    plain, drawn = (
        draw(place, 3, options) for options in (dataclasses.replace(QUIET, clouds="real", dates=1), choices)
    )
    assert drawn.observation.dates is not None
    assert plain.observation.dates is not None
    valid = plain.observation.valid
    added = (drawn.truth - plain.truth)[:, valid]

    if expected == "factor":
        assert np.ptp(drawn.truth / plain.truth) < 1e-5
    else:
        bright = (plain.truth > 0.15)[:, valid]
        by_band = np.array([part[chosen].mean() for part, chosen in zip(added, bright, strict=True)])
        assert abs(by_band[0]) > 1e-3
        assert {
            "bands differ": np.std(by_band) > 5e-3,
            "blue differs": abs(by_band[1]) > 10 * abs(by_band[-1]),
            "tenth": np.allclose(added, 0.1),
        }[expected]
        date = (drawn.observation.dates - plain.observation.dates)[0]
        chosen = plain.observation.dates[0] > 0.15
        np.testing.assert_allclose([part[c].mean() for part, c in zip(date, chosen, strict=True)], by_band, atol=1e-5)
    assert not drawn.observation.optical[:, ~valid].any()


def test_without_turns_the_scene_lies_as_the_place() -> None:
    np.testing.assert_array_equal(draw(PLACE, 4, QUIET).truth, PLACE.days[0].optical)
    turned = [draw(PLACE, seed, dataclasses.replace(QUIET, turns=True)).truth.tobytes() for seed in range(60)]
    assert len(set(turned)) == 8


def test_select_and_cut_keep_arrays_together() -> None:
    drawn = draw(PLACE, 1, Choices(bands=NAMES, dates=1))
    part = cut(select(drawn, ("B8", "B2")), 10, 20, 32)

    np.testing.assert_array_equal(part.truth, drawn.truth[[NAMES.index("B8"), 1], 10:42, 20:52])
    np.testing.assert_array_equal(
        part.observation.optical, drawn.observation.optical[[NAMES.index("B8"), 1], 10:42, 20:52]
    )
    assert part.observation.dates is not None
    assert part.observation.dates.shape == (1, 2, 32, 32)


def test_windows_show_rims_and_what_lies_far_behind_them_and_seldom_clear_ground() -> None:
    rng = np.random.default_rng(0)
    scenes = [draw_scene(PLACE, COLLECTION, rng, Choices(cover=(0.4, 0.6), haze=0)) for _ in range(60)]
    shares = np.array([draw_window(scene, 64, rng).observation.cloud.mean() for scene in scenes])
    counts, _ = np.histogram(shares, [0, 0.02, 0.5, 0.98, 1.01])
    assert counts[0] < counts[1:].min(), counts


def test_places_smaller_than_the_window_are_mirrored() -> None:
    small = Place("small", NAMES, "L1C", [clear_day(ground(size=48)), clear_day(ground(1, size=48), 9.0)])
    rng = np.random.default_rng(0)
    window = draw_window(draw_scene(small, COLLECTION, rng, dataclasses.replace(QUIET, dates=2)), 128, rng)
    clear = draw_clear(small, rng, QUIET, 128)

    assert {array.shape[-2:] for name, array in arrays(window).items() if name != "days"} == {(128, 128)}
    assert clear.shape == (13, 128, 128)
    for image in (window.truth, clear):
        np.testing.assert_array_equal(image[:, :48], image[:, 95:47:-1])
        np.testing.assert_array_equal(image[..., :48], image[..., 95:47:-1])


def test_places_suit_what_they_have_days_for() -> None:
    cloudy = dataclasses.replace(PAIR, days=PAIR.days[:1])
    real, added = Choices("real"), Choices()

    assert [suits_scene(place, real) for place in (PLACE, cloudy, PAIR)] == [False, True, True]
    assert [suits_scene(place, added) for place in (PLACE, cloudy, PAIR)] == [True, False, True]
    assert [suits_clear(place) for place in (PLACE, cloudy, PAIR)] == [True, False, True]


def test_clear_windows_show_a_clear_day() -> None:
    day = partly(ground(), 0.0, np.s_[:30])
    place = dataclasses.replace(PLACE, days=[Day(np.zeros_like(day.optical), np.zeros_like(day.clear), 5.0), day])
    whole = [bool((draw_clear(place, np.random.default_rng(seed), QUIET, 64) < 0.5).all()) for seed in range(20)]
    assert sum(whole) >= 18

    image = draw_clear(place, np.random.default_rng(0), dataclasses.replace(QUIET, bands=("B8", "B2")), 64)
    assert image.shape == (2, 64, 64)
    assert image.dtype == np.float32
    assert draw_clear(place, np.random.default_rng(0), Choices(), 64).shape == (13, 64, 64)
