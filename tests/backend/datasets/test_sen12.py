"""SEN12MS and SEN1-2: clear images with radar."""

from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.registry import open_source
from unclouded.backend.errors import UnreadableSample

from .fakes import ground, screen, sen12, sen12ms


def test_sen12ms_has_radar_and_land_cover(tmp_path: Path) -> None:
    (place,) = open_source("sen12ms", sen12ms(tmp_path), "train")

    assert place.labels == ("water",)
    assert len(place.days) == 1
    assert place.days[0].is_truth
    assert place.sar is not None
    assert (place.sar[1] == -18).all()


def test_sen12_is_red_green_blue_and_vv_in_eight_bits(tmp_path: Path) -> None:
    (place,) = open_source("sen1-2", sen12(tmp_path), "train")

    assert place.bands == ("B4", "B3", "B2")
    np.testing.assert_allclose(place.days[0].optical, screen(ground()) / 255, rtol=1e-6)
    assert place.sar is not None
    np.testing.assert_allclose(place.sar[0], -20, rtol=1e-6)  # 51 is a fifth of 255, of -25 to 0 dB
    assert np.isnan(place.sar[1]).all()


def test_missing_radar_is_named(tmp_path: Path) -> None:
    next(sen12(tmp_path).rglob("*_s1_*.png")).unlink()

    with pytest.raises(UnreadableSample, match=r"ROIs1970_fall_s1_5_p1\.png .*no such file"):
        open_source("sen1-2", tmp_path, "train")[0]
