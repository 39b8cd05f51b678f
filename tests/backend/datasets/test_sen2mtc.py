"""Sen2_MTC: three cloudy images and a clear one."""

from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.registry import open_source
from unclouded.backend.errors import UnreadableSample

from .fakes import MTC_TILE, ground, sen2mtc


def test_place_has_a_clear_day_and_three_cloudy_ones(tmp_path: Path) -> None:
    (place,) = open_source("sen2-mtc", sen2mtc(tmp_path), "train")

    assert place.bands == ("B2", "B3", "B4", "B8")
    np.testing.assert_allclose(place.days[0].optical[0], ground(4)[2] / 10000, rtol=1e-6)  # blue is stored third
    assert [day.is_truth for day in place.days] == [True, False, False, False]
    assert all(not day.clear[:, :10].any() for day in place.days[1:])
    assert len({day.day for day in place.days}) == 4


def test_lists_of_tiles_decide(tmp_path: Path) -> None:
    sen2mtc(tmp_path / "Sen2_MTC")
    (tmp_path / "val.txt").write_text(f"{MTC_TILE}\n")

    assert open_source("sen2-mtc", tmp_path, "validation").names == (f"sen2-mtc/{MTC_TILE}/a",)


def test_missing_image_is_named(tmp_path: Path) -> None:
    (sen2mtc(tmp_path) / MTC_TILE / "cloud" / "a_2.tif").unlink()

    with pytest.raises(UnreadableSample, match=r"a_2\.tif .*no such file"):
        open_source("sen2-mtc", tmp_path, "train")[0]
