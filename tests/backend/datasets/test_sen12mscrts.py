"""SEN12MS-CR-TS: places of ten days."""

from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.registry import open_source
from unclouded.backend.datasets.sen12mscrts import TEST, VALIDATION
from unclouded.backend.errors import UnreadableSample

from .fakes import ground, sen12mscrts, write


def image(root: Path, sensor: str, day: int, date: str) -> Path:
    return root / "ROIs2017/8" / sensor / f"{day}/{sensor.lower()}_ROIs2017_8_ImgNo_{day}_{date}_patch_0.tif"


def test_patch_is_three_places_of_ten_days(tmp_path: Path) -> None:
    source = open_source("sen12ms-cr-ts", sen12mscrts(tmp_path), "train")

    assert source.names == tuple(f"sen12ms-cr-ts/2017_8/p0/{part}" for part in ("0-9", "10-19", "20-29"))
    place = source[1]
    assert place.group == "sen12ms-cr-ts/2017_8"
    assert [day.day - place.days[0].day for day in place.days] == list(range(10))
    assert [day.clear[:, 20:].mean() > 0.9 for day in place.days] == [True] * 10
    assert [bool(day.clear[:, :8].any()) for day in place.days] == [True] + [False] * 9
    np.testing.assert_allclose(place.days[0].optical, ground(seed=8) / 10000, rtol=1e-6)


def test_radar_is_that_of_the_clearest_day(tmp_path: Path) -> None:
    place = open_source("sen12ms-cr-ts", sen12mscrts(tmp_path), "train")[1]

    assert place.sar is not None
    assert (place.sar[0] == -21).all()


def test_day_that_measured_nothing_is_left_out(tmp_path: Path) -> None:
    sen12mscrts(tmp_path, days=10)
    write(image(tmp_path, "S2", 3, "2018-01-04"), ground() * 0)

    days = open_source("sen12ms-cr-ts", tmp_path, "train")[0].days

    assert [day.day - days[0].day for day in days] == [0, 1, 2, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(("sensor", "day", "date"), [("S2", 3, "2018-01-04"), ("S1", 0, "2018-01-01")])
def test_missing_file_is_named(tmp_path: Path, sensor: str, day: int, date: str) -> None:
    missing = image(sen12mscrts(tmp_path, days=10), sensor, day, date)
    other = missing.with_name(missing.name.replace("patch_0", "patch_1"))
    missing.rename(other)
    source = open_source("sen12ms-cr-ts", tmp_path, "train")

    with pytest.raises(UnreadableSample, match=f"{missing.name} .*no such file"):
        source[0]


def test_official_regions() -> None:
    assert (len(TEST), len(VALIDATION)) == (13, 5)
    assert not TEST & VALIDATION
