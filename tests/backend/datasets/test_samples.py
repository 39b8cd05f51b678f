"""Samples show what an engine would see: the truth never reaches the observation but through clear pixels."""

import dataclasses

import numpy as np
import pytest

from unclouded.backend.datasets.collection import Collection
from unclouded.backend.datasets.pairs import Veil
from unclouded.backend.datasets.place import Day, Place, clear_day
from unclouded.backend.datasets.samples import Choices, cut, draw_scene, draw_window, select, with_context
from unclouded.backend.datasets.seasons import another_day
from unclouded.backend.datasets.skies import clouded, turned
from unclouded.backend.sensors import NAMES

SIZE = 160


def ground(seed: int = 0, bands: int = 13) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(0.02, 0.4, (bands, SIZE // 8, SIZE // 8))
    return coarse.repeat(8, 1).repeat(8, 2).astype(np.float32)


def veil() -> Veil:
    opacity = np.zeros((96, 96), np.float32)
    opacity[20:70, 20:70] = 1
    return Veil("veil", opacity, np.float32(0.8) * opacity[None].repeat(13, 0))


PLACE = Place("place", NAMES, "L1C", [clear_day(ground())], sar=np.full((2, SIZE, SIZE), -10, np.float32))
COLLECTION = Collection([PLACE], [veil()], dict.fromkeys(NAMES, 0.2))


@pytest.mark.parametrize("seed", range(12))
def test_sample_is_whole(seed: int) -> None:
    drawn = draw_scene(PLACE, COLLECTION, np.random.default_rng(seed))
    seen = drawn.observation

    assert set(seen.bands) <= set(NAMES)
    assert drawn.truth.shape == seen.optical.shape == seen.background.shape == (len(seen.bands), SIZE, SIZE)
    assert np.isfinite(seen.optical).all()
    assert np.isfinite(seen.background).all()
    assert not seen.optical[:, ~seen.valid].any()
    if seen.dates is not None:
        assert seen.dates_clear is not None
        assert not np.where(seen.dates_clear[:, None], 0, seen.dates).any()


def test_same_seed_gives_the_same_sample() -> None:
    first, second = (draw_scene(PLACE, COLLECTION, np.random.default_rng(5)) for _ in range(2))

    np.testing.assert_array_equal(first.observation.optical, second.observation.optical)
    np.testing.assert_array_equal(first.observation.background, second.observation.background)


@pytest.mark.parametrize("seed", range(6))
def test_background_does_not_know_the_ground_under_opaque_cloud(seed: int) -> None:
    """Two places that differ only under the mask give the same background."""
    drawn = draw_scene(PLACE, COLLECTION, np.random.default_rng(seed), Choices(NAMES, dates=0)).observation
    changed = dataclasses.replace(drawn, optical=np.where(drawn.cloud, 0.9, drawn.optical).astype(np.float32))
    np.testing.assert_array_equal(
        with_context(drawn, COLLECTION.prior).background, with_context(changed, COLLECTION.prior).background
    )


def test_choices_are_kept() -> None:
    drawn = draw_scene(PLACE, COLLECTION, np.random.default_rng(0), Choices(("B4", "B3", "B2"), dates=2, sar=False))

    assert drawn.observation.bands == ("B4", "B3", "B2")
    assert drawn.observation.dates is not None
    assert len(drawn.observation.dates) == 2
    assert drawn.observation.sar is None


def test_real_dates_are_taken_where_there_are_some() -> None:
    other = Day(ground(1), np.ones((SIZE, SIZE), bool), 33.0)
    place = dataclasses.replace(PLACE, days=[clear_day(ground()), other])
    choices = Choices(NAMES, dates=3, real_dates=True)

    for seed in range(5):
        drawn = draw_scene(place, COLLECTION, np.random.default_rng(seed), choices).observation
        assert drawn.days is not None
        assert abs(drawn.days).tolist() == [33.0]
    assert draw_scene(PLACE, COLLECTION, np.random.default_rng(0), choices).observation.dates is None


def test_select_and_cut_keep_arrays_together() -> None:
    drawn = draw_scene(PLACE, COLLECTION, np.random.default_rng(1), Choices(NAMES, dates=1))
    part = cut(select(drawn, ("B8", "B2")), 10, 20, 32)

    np.testing.assert_array_equal(part.truth, drawn.truth[[NAMES.index("B8"), 1], 10:42, 20:52])
    np.testing.assert_array_equal(
        part.observation.optical, drawn.observation.optical[[NAMES.index("B8"), 1], 10:42, 20:52]
    )
    assert part.observation.dates is not None
    assert part.observation.dates.shape == (1, 2, 32, 32)


def test_windows_are_partly_clouded() -> None:
    rng = np.random.default_rng(0)
    scenes = [draw_scene(PLACE, COLLECTION, rng) for _ in range(12)]
    partly = [0.02 < draw_window(scene, 64, rng).observation.cloud.mean() < 0.98 for scene in scenes]

    assert sum(partly) >= 6


@pytest.mark.parametrize("seed", range(8))
def test_clouds_change_nothing_far_from_them(seed: int) -> None:
    result = clouded(ground(), NAMES, "L1C", [veil()], np.random.default_rng(seed))

    assert result.optical.shape == (13, SIZE, SIZE)
    assert result.mask.shape == (SIZE, SIZE)
    assert np.isfinite(result.optical).all()
    assert result.optical.min() >= -1e-6


def test_another_day_changes_more_the_farther_it_is() -> None:
    clear = ground()
    changes, days = [], []
    for seed in range(40):
        other, distance = another_day(clear, NAMES, np.random.default_rng(seed))
        assert other.shape == clear.shape
        assert other.min() >= 0
        changes.append(np.abs(other - clear).mean())
        days.append(abs(distance))

    order = np.argsort(days)
    assert np.mean(np.array(changes)[order[:15]]) < np.mean(np.array(changes)[order[-15:]])


def test_turning_is_one_of_eight_ways() -> None:
    square = np.arange(9).reshape(3, 3)

    assert len({turned(square, way).tobytes() for way in range(8)}) == 8
