"""The official split of the SEN12 family, with scenes compared as numbers."""

from pathlib import Path

import pytest

from unclouded.backend.datasets import sen12mscrts
from unclouded.backend.datasets.registry import open_source
from unclouded.backend.datasets.rois import TEST, VALIDATION, side_of

from .fakes import ground, radar, sen12mscr, write
from .fakes import sen12mscrts as fake_series

TEST_SCENES = [(season, scene) for season, scenes in TEST.items() for scene in scenes]


def test_ten_scenes_test_and_ten_validate() -> None:
    assert len(TEST_SCENES) == 10
    assert sum(map(len, VALIDATION.values())) == 10
    assert not any(TEST[season] & VALIDATION[season] for season in TEST)


def test_scene_106_is_not_scene_1() -> None:
    assert side_of("1158_spring", 106) == "test"
    assert [side_of("1158_spring", scene) for scene in (1, 10, 6, 1061)] == ["train"] * 4
    assert side_of("1868_summer", 106) == "train"
    assert sen12mscrts.side_of("1158", 106) == "test"
    assert sen12mscrts.side_of("1158", 1) == sen12mscrts.side_of("1868", 106) == "train"


@pytest.mark.parametrize("name", ["sen12ms-cr", "sen12ms", "sen1-2"])
def test_training_holds_none_of_the_test_scenes(tmp_path: Path, name: str) -> None:
    """Beside each test scene lies one whose number is a part of its own, and the other way round."""
    scenes = TEST_SCENES + [(season, int(f"{scene}"[:-1])) for season, scene in TEST_SCENES]
    scenes += [(season, int(f"{scene}0")) for season, scene in TEST_SCENES]
    if name == "sen1-2":
        for season, scene in scenes:
            write(tmp_path / f"ROIs{season}" / f"s2_{scene}" / f"ROIs{season}_s2_{scene}_p1.png", ground(3) // 40)
            write(tmp_path / f"ROIs{season}" / f"s1_{scene}" / f"ROIs{season}_s1_{scene}_p1.png", ground(1) // 40)
    else:
        sen12mscr(tmp_path, *scenes)

    found = {split: {n.split("/")[1] for n in open_source(name, tmp_path, split).names} for split in ("train", "test")}

    assert found["test"] == {f"{season}_{scene}" for season, scene in TEST_SCENES}
    assert not found["train"] & found["test"]
    assert "1158_spring_10" in found["train"]


def test_series_of_the_test_regions_do_not_train(tmp_path: Path) -> None:
    fake_series(tmp_path, 1, (("1158", 106), ("1158", 10), ("2017", 63), ("2017", 6), ("2017", 8)))

    assert {name.split("/")[1] for name in open_source("sen12ms-cr-ts", tmp_path, "test").names} == {
        "1158_106",
        "2017_63",
    }
    assert {name.split("/")[1] for name in open_source("sen12ms-cr-ts", tmp_path, "train").names} == {
        "1158_10",
        "2017_6",
        "2017_8",
    }


def test_folder_of_another_scene_is_not_mixed_in(tmp_path: Path) -> None:
    sen12mscr(tmp_path)
    write(tmp_path / "ROIs1158_spring_s2" / "s2_1" / "ROIs1158_spring_s2_106_p0.tif", ground())
    write(tmp_path / "ROIs1158_spring_s2" / "s2_1" / "notes.tif", radar())

    assert open_source("sen12ms-cr", tmp_path, "train").names == ("sen12ms-cr/1158_spring_1/p0",)
