"""Which images go with a scene, and that the order of files says nothing."""

from __future__ import annotations

import datetime
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.backend.batch.pairing import choose_dates, choose_sar

from .images import BANDS, image

START = datetime.date(2020, 1, 1)


@st.composite
def archives(draw: st.DrawFn) -> list[Any]:
    """Images of few places and days, so that many are equally near."""
    made = []
    for number in range(draw(st.integers(0, 12))):
        day = draw(st.none() | st.integers(0, 20))
        made.append(
            image(
                draw(st.sampled_from(["", "T31TCJ_", "T32TLR_"])) + f"{number}.tif",
                day=None if day is None else str(START + datetime.timedelta(day)),
                east=600_000.0 + draw(st.sampled_from([0.0, 300.0, 5000.0])),
                crs=draw(st.sampled_from(["EPSG:32632", None])),
            )
        )
    return made


@settings(max_examples=60)
@given(archives(), st.integers(0, 100), st.none() | st.integers(0, 15))
def test_the_order_of_files_changes_nothing(archive: list[Any], seed: int, within: int | None) -> None:
    scene = image("T31TCJ_scene.tif", day="2020-01-10")
    shuffled = random.Random(seed).sample(archive, len(archive))

    assert choose_sar(scene, archive, within) == choose_sar(scene, shuffled, within)
    assert choose_dates(scene, archive, 3, within) == choose_dates(scene, shuffled, 3, within)


@settings(max_examples=60)
@given(archives(), st.integers(0, 15))
def test_dates_are_near_of_other_days_and_the_nearest(archive: list[Any], within: int) -> None:
    scene = image("T31TCJ_scene.tif", day="2020-01-10")
    by_path = {one.path: one for one in archive}
    chosen = [choice.path for choice in choose_dates(scene, archive, 3, within)]
    every = [choice.path for choice in choose_dates(scene, archive, 99, within)]
    apart = [abs((by_path[path].day - scene.day).days) for path in every]

    assert chosen == every[:3]
    assert apart == sorted(apart)
    assert all(0 < days <= within for days in apart)


def test_the_nearest_sar_of_the_place_is_taken() -> None:
    scene = image("s2_20200610.tif", day="2020-06-10")
    far, near, elsewhere = (
        image("a.tif", day="2020-06-20"),
        image("b.tif", day="2020-06-08"),
        image("c.tif", day="2020-06-10", east=700_000.0),
    )

    choice = choose_sar(scene, [far, near, elsewhere], None)

    assert (choice.path, choice.why) == ("b.tif", "covers 100%, 2 days earlier")
    assert choose_sar(scene, [far, near], 1) is None
    assert choose_sar(scene, [elsewhere], None) is None


def test_a_name_tells_more_than_a_day() -> None:
    scene = image("ROIs1158_spring_s2_cloudy_26_p30.tif", day="2020-06-10", crs=None)
    own = image("elsewhere/ROIs1158_spring_s1_26_p30.tif", crs=None)
    other = image("ROIs1158_spring_s1_26_p31.tif", day="2020-06-10", crs=None)

    assert choose_sar(scene, [other, own], 3).path == own.path
    assert choose_sar(scene, [other, own], 3).why == "same name"


def test_a_folder_names_what_has_no_name_of_its_own() -> None:
    scene = image("places/A7/cloudy.tif", crs=None)

    assert choose_sar(scene, [image("places/A8/s1.tif", crs=None), image("places/A7/s1.tif", crs=None)], None).path == (
        "places/A7/s1.tif"
    )


def test_a_tile_tells_where_grids_cannot() -> None:
    scene = image("S2A_MSIL2A_20200610T105031_T31TCJ_x.SAFE", day="2020-06-10", crs=None)
    same, other = (image(f"S1_{tile}_20200611.tif", day="2020-06-11", crs=None) for tile in ("T31TCJ", "T31TDJ"))

    assert choose_sar(scene, [other, same], None).why == "tile 31TCJ, 1 day later"
    assert choose_sar(scene, [other], None) is None


def test_tiles_that_share_a_border_are_two_places() -> None:
    scene = image("x_T31TCJ_20200610.tif", day="2020-06-10")
    neighbour = image("x_T31TDJ_20200620.tif", day="2020-06-20", east=600_900.0)
    unnamed = image("y_20200620.tif", day="2020-06-20", east=600_900.0)

    assert choose_dates(scene, [neighbour, unnamed], 5, None) == []


@pytest.mark.parametrize(
    "unfit",
    [
        {"day": "2020-06-10"},
        {"level": "L1C"},
        {"bands": ("B2", "B3", "B4")},
        {"day": None, "path": "scene.tif"},
    ],
    ids=["same day", "other level", "lacks a band", "itself"],
)
def test_what_cannot_help_is_no_date(unfit: dict[str, Any]) -> None:
    scene = image("scene.tif", day="2020-06-10")
    fields = {"path": "other.tif", "day": "2020-06-20"} | unfit

    assert choose_dates(scene, [image(fields.pop("path"), **fields)], 5, None) == []
    assert len(choose_dates(scene, [image("other.tif", day="2020-06-20", bands=("B1", *BANDS))], 5, None)) == 1


def test_a_day_that_is_unknown_comes_last_and_is_within_nothing() -> None:
    scene = image("scene.tif", day="2020-06-10")
    dated, undated = image("z.tif", day="2020-12-10"), image("a.tif")

    assert [choice.path for choice in choose_dates(scene, [undated, dated], 5, None)] == ["z.tif", "a.tif"]
    assert [choice.path for choice in choose_dates(scene, [undated, dated], 5, 365)] == ["z.tif"]
