"""Series: each clear day under clouds of its own, the others beside it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from unclouded.backend.datasets.collection import Collection
from unclouded.backend.datasets.place import Day, Place, clear_day
from unclouded.backend.evaluation.cases import choose
from unclouded.backend.evaluation.series.cases import Series, clear_days, draw_all, draw_series
from unclouded.backend.sensors import NAMES

BANDS = ("B2", "B3", "B4", "B8")
CHOICES = dataclasses.replace(choose("same-day", None, True, 3), scene_px=64, cover=(0.2, 0.4))


def day(number: int) -> Day:
    ground = np.random.default_rng(number).uniform(0.05, 0.3, (4, 70, 66)).astype(np.float32)
    return clear_day(ground, 10.0 * number)


def place(*numbers: int, name: str = "here") -> Place:
    return Place(name, BANDS, "L2A", [day(number) for number in numbers], sar=np.full((2, 70, 66), -12, np.float32))


def collection(*places: Place) -> Collection:
    return Collection(list(places), [], dict.fromkeys(NAMES, 0.2))


def drawn(*numbers: int, seed: int = 0) -> Series:
    one = place(*numbers)
    return draw_series(one, collection(one), np.random.default_rng(seed), CHOICES)


def test_days_come_in_the_order_of_time_and_cloudy_ones_are_left_out() -> None:
    cloudy = dataclasses.replace(day(2), clear=np.zeros((70, 66), bool))
    one = dataclasses.replace(place(3, 1), days=[day(3), cloudy, day(1)])
    assert [found.day for found in clear_days(one)] == [10, 30]
    assert drawn(3, 1, 2).days == (10, 20, 30)


def test_the_truth_is_the_ground_and_clear_pixels_show_it() -> None:
    for sample in drawn(1, 2, 3).samples:
        seen = sample.observation
        assert sample.known.all()
        assert seen.cloud.any()
        changed = np.abs(seen.optical - sample.truth).mean(axis=0)
        assert changed[seen.cloud].mean() > 5 * changed[~seen.cloud].mean()
        assert seen.optical.shape == (4, 64, 64)
        assert seen.sar is not None


def test_the_dates_of_a_day_are_the_others_as_they_were_observed() -> None:
    series = drawn(1, 2, 4)
    for sample, own in zip(series.samples, series.days, strict=True):
        seen = sample.observation
        assert seen.days is not None
        assert seen.dates is not None
        assert seen.dates_clear is not None
        assert seen.dates_matched is not None
        assert sorted(seen.days.tolist()) == [other - own for other in series.days if other != own]
        shares = seen.dates_clear.mean(axis=(1, 2))
        assert (np.diff(shares) <= 0).all()
        for away, date, clear in zip(seen.days, seen.dates, seen.dates_clear, strict=True):
            other = series.samples[series.days.index(own + away)].observation
            np.testing.assert_array_equal(date, other.optical)
            np.testing.assert_array_equal(clear, other.clear)


def test_each_day_has_clouds_of_its_own() -> None:
    masks = [sample.observation.cloud for sample in drawn(1, 2, 3).samples]
    assert not (masks[0] == masks[1]).all()
    assert not (masks[1] == masks[2]).all()


def test_a_seed_fixes_all_and_places_with_too_few_days_give_none() -> None:
    places = collection(place(1, 2, 3), place(1, 2, name="there"))
    first, second = (list(draw_all(places, CHOICES, 2, 5)) for _ in range(2))
    assert [share for share, _ in first] == pytest.approx([0, 0.25, 0.5])
    assert [series and series.name for _, series in first] == ["here #1", "here #2", None]
    for (_, one), (_, other) in zip(first[:2], second[:2], strict=True):
        assert one is not None
        assert other is not None
        for sample, same in zip(one.samples, other.samples, strict=True):
            np.testing.assert_array_equal(sample.observation.optical, same.observation.optical)
    assert not np.array_equal(first[0][1].samples[0].observation.cloud, first[1][1].samples[0].observation.cloud)
