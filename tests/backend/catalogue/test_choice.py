"""Which days are taken, by area, time and cloud."""

from __future__ import annotations

import datetime

import shapely
from hypothesis import given
from hypothesis import strategies as st

from unclouded.backend.catalogue.choice import Picture, least_cloudy, nearest, pictures
from unclouded.backend.catalogue.entry import Entry

AREA = (10.0, 46.0, 11.0, 47.0)
DAY = datetime.date(2020, 6, 1)


def entry(days: int, cloud: float | None = 0.0, share: float = 1.0, name: str = "x") -> Entry:
    """An item so many days away that covers the western share of the area."""
    time = datetime.datetime(2020, 6, 1, 10, tzinfo=datetime.timezone.utc) + datetime.timedelta(days)
    return Entry(name, "c", time, shapely.box(10, 46, 10 + share, 47), cloud, {}, {}, {"s2:mgrs_tile": name})


def days_of(*entries: Entry) -> list[Picture]:
    return pictures(entries, AREA, lambda one: one.day)


def chosen(*entries: Entry) -> int | None:
    found = nearest(days_of(*entries), DAY)
    return None if found is None else (found.day - DAY).days


def test_the_nearest_day_that_covers_the_area_is_taken() -> None:
    assert chosen(entry(5), entry(-3), entry(9)) == -3
    assert chosen(entry(0, share=0.5), entry(-3)) == -3
    assert chosen(entry(0, share=0.97), entry(-3)) == 0
    assert chosen(entry(-4, cloud=0.5), entry(4, cloud=0.1)) == 4
    assert chosen(entry(0, cloud=1.0), entry(1, cloud=0.0)) == 0
    assert chosen() is None


def test_tiles_of_a_day_cover_it_together() -> None:
    east = Entry("e", "c", entry(0).time, shapely.box(10.5, 46, 11, 47), 0.2, {}, {}, {"s2:mgrs_tile": "e"})
    (picture,) = days_of(entry(0, share=0.6, name="w"), east)
    assert picture.coverage == 1
    assert [one.id for one in picture.entries] == ["w", "e"]
    assert picture.cloud_share == 0.1


def test_dates_are_the_clearest_other_days_in_order() -> None:
    found = least_cloudy(
        days_of(entry(0), entry(7, 0.3), entry(-9, 0.1), entry(20, 0.0), entry(3, 0.9), entry(2, 0.0, share=0.4)),
        DAY,
        3,
    )
    assert [(one.day - DAY).days for one in found] == [-9, 7, 20]
    assert least_cloudy(days_of(entry(0)), DAY, 3) == []


@given(st.lists(st.tuples(st.integers(-30, 30), st.floats(0, 1), st.floats(0.05, 1)), max_size=12), st.integers(0, 4))
def test_dates_are_other_days_each_once_and_none_that_is_left_is_much_clearer(
    given_days: list[tuple[int, float, float]], count: int
) -> None:
    everything = days_of(*(entry(days, cloud, share, f"{i}") for i, (days, cloud, share) in enumerate(given_days)))
    found = least_cloudy(everything, DAY, count)

    assert len(found) <= count
    assert [one.day for one in found] == sorted({one.day for one in found} - {DAY})
    left = [one for one in everything if one not in found and one.day != DAY and one.coverage >= 0.5]
    if left:
        assert len(found) == count
        assert all(one.clear_share >= max(other.clear_share for other in left) - 0.011 for one in found)
