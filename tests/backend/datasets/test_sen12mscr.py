"""SEN12MS-CR in its folders and in the flat variant of DSen2-CR."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.registry import open_source
from unclouded.backend.datasets.source import Tolerant
from unclouded.backend.errors import InputError
from unclouded.backend.sensors import NAMES

from .fakes import CLOUD, flat_sen12mscr, ground, sen12mscr

OTHERS = ("ROIs1158_spring_106_0.tif", "ROIs2017_winter_22_p7.tif")


def test_pair_is_a_place_of_two_days(tmp_path: Path) -> None:
    (place,) = open_source("sen12ms-cr", sen12mscr(tmp_path), "train")
    clear, cloudy = place.days

    assert (place.bands, place.level, place.group) == (NAMES, "L1C", "sen12ms-cr/1158_spring_1")
    np.testing.assert_allclose(clear.optical, ground(seed=1) / 10000, rtol=1e-6)
    assert clear.is_truth
    assert clear.clear.all()
    np.testing.assert_allclose(cloudy.optical[CLOUD], 0.8, rtol=1e-6)
    assert not cloudy.clear[:, :10].any()
    assert cloudy.clear[:, 20:].all()
    assert place.sar is not None
    assert (place.sar[0] == -11).all()
    assert (place.sar[1] == -18).all()


def test_set_without_radar_comes_without(tmp_path: Path) -> None:
    sen12mscr(tmp_path)
    shutil.rmtree(tmp_path / "ROIs1158_spring_s1")

    assert open_source("sen12ms-cr", tmp_path, "train")[0].sar is None


def test_flat_variant_is_divided_by_its_list(tmp_path: Path) -> None:
    names = ("ROIs1158_spring_1_0.tif", *OTHERS)
    flat_sen12mscr(tmp_path, names)
    rows = [f"{split}\ts1\ts2_cloudFree\ts2_cloudy\t{name}" for split, name in zip("231", names, strict=True)]
    (tmp_path / "datasetfilelist.csv").write_text("\n".join(rows))

    assert open_source("sen12ms-cr", tmp_path, "train").names == ("sen12ms-cr/2017_winter_22/p7",)
    assert open_source("sen12ms-cr", tmp_path, "validation").names == ("sen12ms-cr/1158_spring_1/p0",)
    assert open_source("sen12ms-cr", tmp_path, "test").names == ("sen12ms-cr/1158_spring_106/p0",)
    assert not open_source("sen12ms-cr", tmp_path, "test")[0].days[1].clear[:, :10].any()


def test_flat_variant_without_list_follows_the_official_scenes(tmp_path: Path) -> None:
    flat_sen12mscr(tmp_path, ("ROIs1158_spring_1_0.tif", *OTHERS))

    assert open_source("sen12ms-cr", tmp_path, "train").names == ("sen12ms-cr/1158_spring_1/p0",)
    assert open_source("sen12ms-cr", tmp_path, "validation").names == ("sen12ms-cr/2017_winter_22/p7",)
    assert open_source("sen12ms-cr", tmp_path, "test").names == ("sen12ms-cr/1158_spring_106/p0",)


def test_list_that_divides_a_scene_is_refused(tmp_path: Path) -> None:
    names = ("ROIs1158_spring_1_0.tif", "ROIs1158_spring_1_1.tif")
    flat_sen12mscr(tmp_path, names)
    rows = [f"{split}\ts1\ts2_cloudFree\ts2_cloudy\t{name}" for split, name in zip("13", names, strict=True)]
    (tmp_path / "datasetfilelist.csv").write_text("\n".join(rows))

    with pytest.raises(InputError, match="1158_spring_1 into train and into test, and patches overlap"):
        open_source("sen12ms-cr", tmp_path, "train")


def test_list_of_another_kind_is_refused(tmp_path: Path) -> None:
    flat_sen12mscr(tmp_path)
    (tmp_path / "datasetfilelist.csv").write_text("1,s1,s2_cloudFree,s2_cloudy,ROIs1158_spring_1_0.tif")

    with pytest.raises(InputError, match="were expected"):
        open_source("sen12ms-cr", tmp_path, "train")


def test_real_pairs_are_read(real_data: Path) -> None:
    source = Tolerant(open_source("sen12ms-cr", real_data / "sen12ms-cr", "train"), "stop")
    shares = {place.name: float(place.days[1].clear.mean()) for place in source}

    assert len(source) == 22
    assert all(place.days[0].is_truth for place in source)
    assert shares["sen12ms-cr/1970_fall_148/p521"] > 0.99  # sea without a cloud
    assert shares["sen12ms-cr/1970_fall_136/p281"] < 0.1  # overcast
    assert max(shares[name] for name in shares if "1158_spring_26" in name) < 0.01  # snow: clouds cannot be told
