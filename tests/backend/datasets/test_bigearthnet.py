"""BigEarthNet, old and new: a clear and a cloudy pool, three resolutions, labels, radar."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets import bigearthnet, bigearthnet_v2
from unclouded.backend.datasets.place import Place
from unclouded.backend.datasets.registry import open_source
from unclouded.backend.errors import InputError, UnreadableSample
from unclouded.backend.sensors import BY_COUNT

from .fakes import CLEAR_PATCH, CLOUDY_PATCH, TILE, bigearthnet_v1
from .fakes import bigearthnet_v2 as fake_v2


def check_bands(place: Place) -> None:
    """As the fake has them: bands grow brighter, and pixels of 20 and 60 m are repeated."""
    optical = place.days[0].optical
    assert place.bands == BY_COUNT[12]
    assert place.level == "L2A"
    assert optical.shape == (12, 120, 120)
    np.testing.assert_allclose(optical.min(axis=(1, 2)), 0.01 * np.arange(1, 13), rtol=1e-5)
    for index, name in enumerate(place.bands):
        repeats = 6 if name in ("B1", "B9") else 1 if name in ("B2", "B3", "B4", "B8") else 2
        coarse = optical[index, ::repeats, ::repeats]
        np.testing.assert_array_equal(optical[index], np.kron(coarse, np.ones((repeats, repeats), np.float32)))
    assert place.sar is not None
    np.testing.assert_array_equal(place.sar[:, 0, 0], [-11, -18])


def test_v1_has_a_clear_and_a_cloudy_pool(tmp_path: Path) -> None:
    bigearthnet_v1(tmp_path)
    (clear,), (cloudy,) = (open_source(f"bigearthnet-v1{pool}", tmp_path, "train") for pool in ("", "-cloudy"))

    assert clear.name == f"bigearthnet-v1/{CLEAR_PATCH}"
    assert cloudy.name == f"bigearthnet-v1/{CLOUDY_PATCH}"
    assert clear.days[0].clear.all()
    assert not cloudy.days[0].clear.any()
    assert clear.labels == ("Pastures", "Mixed forest")
    for place in (clear, cloudy):
        check_bands(place)


def test_v1_lists_decide_where_they_are(tmp_path: Path) -> None:
    bigearthnet_v1(tmp_path)
    (tmp_path / "test.csv").write_text(f"{CLEAR_PATCH},S1A_whatever\n")

    assert open_source("bigearthnet-v1", tmp_path, "test").names == (f"bigearthnet-v1/{CLEAR_PATCH}",)
    with pytest.raises(InputError, match="no place of the split 'train'"):
        open_source("bigearthnet-v1", tmp_path, "train")


def test_v1_needs_the_list_of_clouds(tmp_path: Path) -> None:
    (bigearthnet_v1(tmp_path) / bigearthnet.CLOUDY).unlink()

    with pytest.raises(InputError, match=r"patches_with_cloud_and_shadow\.csv is missing"):
        open_source("bigearthnet-v1", tmp_path, "train")


def test_v1_radar_is_that_which_names_the_patch(tmp_path: Path) -> None:
    bigearthnet_v1(tmp_path)
    for facts in (tmp_path / "BigEarthNet-S1-v1.0").glob("*20170613*/*.json"):
        facts.write_text(json.dumps({"corresponding_s2_patch": "another"}))

    with pytest.raises(UnreadableSample, match=f"no patch that belongs to {CLEAR_PATCH}"):
        open_source("bigearthnet-v1", tmp_path, "train")[0]
    shutil.rmtree(tmp_path / "BigEarthNet-S1-v1.0")
    assert open_source("bigearthnet-v1", tmp_path, "train")[0].sar is None


@pytest.mark.parametrize("missing", ["B05.tif", "labels_metadata.json"])
def test_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    (bigearthnet_v1(tmp_path) / "BigEarthNet-v1.0" / CLEAR_PATCH / f"{CLEAR_PATCH}_{missing}").unlink()

    with pytest.raises(UnreadableSample, match=missing):
        open_source("bigearthnet-v1", tmp_path, "train")[0]


def test_v2_is_divided_by_its_table(tmp_path: Path) -> None:
    fake_v2(tmp_path)
    clear, cloudy = (open_source(f"bigearthnet-v2{pool}", tmp_path, "train") for pool in ("", "-cloudy"))

    assert clear.names == (f"bigearthnet-v2/{TILE}_0_1",)
    assert open_source("bigearthnet-v2", tmp_path, "validation").names == (f"bigearthnet-v2/{TILE}_1_1",)
    assert open_source("bigearthnet-v2", tmp_path, "test").names == (f"bigearthnet-v2/{TILE}_2_1",)
    assert cloudy.names == (f"bigearthnet-v2/{TILE}_3_1",)
    assert clear[0].days[0].clear.all()
    assert not cloudy[0].days[0].clear.any()
    assert clear[0].labels == ("Pastures",)
    check_bands(clear[0])


def test_v2_says_that_its_tables_need_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_v2(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(InputError, match="needs pyarrow") as caught:
        open_source("bigearthnet-v2", tmp_path, "train")
    assert caught.value.hint == f"Install it: {sys.executable} -m pip install pyarrow"


def test_v2_refuses_a_damaged_table(tmp_path: Path) -> None:
    (fake_v2(tmp_path) / bigearthnet_v2.CLEAR).write_text("no table")

    with pytest.raises(InputError, match=r"metadata\.parquet cannot be read"):
        open_source("bigearthnet-v2", tmp_path, "train")


def test_classes() -> None:
    assert (len(set(bigearthnet.CLASSES)), len(set(bigearthnet_v2.CLASSES))) == (43, 19)
