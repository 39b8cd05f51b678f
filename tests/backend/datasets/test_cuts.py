"""A user's own images: folders with equal names, tables of paths, and large scenes cut on the fly."""

import logging
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from unclouded.backend.datasets.cuts import SIDE_PX
from unclouded.backend.datasets.place import Place
from unclouded.backend.datasets.registry import files, open_source
from unclouded.backend.datasets.source import Source, Tolerant
from unclouded.backend.errors import InputError, NoOverlap
from unclouded.backend.sensors import BY_COUNT, NAMES

from .fakes import UTM, ground, own_folder, scenes, table, write

SPLITS = ("train", "validation", "test")


def every(name: str, root: Path) -> dict[str, Place]:
    """All places of all splits that there are."""
    found: dict[str, Place] = {}
    for split in SPLITS:
        try:
            source: Source = open_source(name, root, split)
        except InputError as error:
            if "no place of the split" not in error.message:
                raise
            continue
        found |= {place.name: place for place in source}
    return found


class TestFolder:
    def test_equal_names_belong_together(self, tmp_path: Path) -> None:
        places = every("folder", own_folder(tmp_path, 4))

        assert {name.split("/")[1] for name in places} == {"0", "1", "2", "3"}
        for number in range(4):
            place = places[f"folder/{number}/0_0"]
            clear, cloudy = place.days
            assert place.bands == BY_COUNT[4]
            np.testing.assert_allclose(clear.optical, ground(4, seed=number) / 10000, rtol=1e-5)
            assert clear.clear.all()
            np.testing.assert_allclose(cloudy.optical[:, :, :10], 0.8, rtol=1e-5)
            assert not cloudy.clear[:, :10].any()
            assert cloudy.clear[:, 20:].all()
            assert place.sar is not None
            assert (place.sar[0] == -11).all()

    def test_three_images_or_more_serve_every_split(self, tmp_path: Path) -> None:
        own_folder(tmp_path, 12)
        names = [set(open_source("folder", tmp_path, split).names) for split in SPLITS]

        assert sum(map(len, names)) == len(set.union(*names)) == 12
        assert [len(found) for found in names] == [10, 1, 1]

    def test_split_csv_decides(self, tmp_path: Path) -> None:
        own_folder(tmp_path)
        rows = [{"place": name, "split": split} for name, split in zip(("0.tif", "1", "2"), SPLITS, strict=True)]
        table(tmp_path / "split.csv", rows)

        assert [open_source("folder", tmp_path, split).names for split in SPLITS] == [
            ("folder/0/0_0",),
            ("folder/1/0_0",),
            ("folder/2/0_0",),
        ]

    def test_mask_tells_the_clouds_of_the_cloudy_image(self, tmp_path: Path) -> None:
        own_folder(tmp_path)
        mask = np.zeros((1, 32, 32), np.uint8)
        mask[:, 24:] = 1
        for number in range(3):
            write(tmp_path / "mask" / f"{number}.tif", mask, **UTM)

        for place in every("folder", tmp_path).values():
            np.testing.assert_array_equal(place.days[1].clear, mask[0] == 0)

    def test_clear_images_alone_are_clear(self, tmp_path: Path) -> None:
        for number in range(3):
            write(tmp_path / "clear" / f"{number}.tif", ground(13), **UTM)

        for place in every("folder", tmp_path).values():
            assert (len(place.days), place.bands, place.level) == (1, NAMES, "L1C")
            assert place.days[0].clear.all()
            assert place.sar is None

    def test_clouds_of_images_alone_are_detected(self, tmp_path: Path) -> None:
        image = ground(4, 128)
        image[:, 30:90, 30:90] = 8000
        for number in range(3):
            write(tmp_path / "optical" / f"{number}.tif", image, **UTM)

        for place in every("folder", tmp_path).values():
            assert not place.days[0].clear[40:80, 40:80].any()
            assert place.days[0].clear[:10, 110:].all()

    @pytest.mark.parametrize("kind", ["optical", "clear", "sar"])
    def test_missing_or_damaged_file_is_named(self, tmp_path: Path, kind: str) -> None:
        own_folder(tmp_path)
        (tmp_path / kind / "0.tif").unlink()
        damaged = tmp_path / kind / "1.tif"
        damaged.write_bytes(damaged.read_bytes()[:150])
        table(tmp_path / "split.csv", [{"place": f"{number}", "split": "train"} for number in range(3)])
        source = open_source("folder", tmp_path, "train")
        tolerant = Tolerant(source)

        assert [place.name for place in tolerant] == ["folder/2/0_0"]
        assert len(tolerant.bad) == 2
        for number, reason in enumerate(tolerant.bad.values()):
            assert str(tmp_path / kind / f"{number}.tif") in reason

    def test_radar_of_another_place_is_refused(self, tmp_path: Path) -> None:
        own_folder(tmp_path)
        elsewhere = UTM | {"transform": Affine(10, 0, 900_000, 0, -10, 5_100_000)}
        write(tmp_path / "sar" / "0.tif", np.full((2, 32, 32), -9, np.float32), **elsewhere)

        with pytest.raises(NoOverlap, match=r"sar/0\.tif"):
            every("folder", tmp_path)


class TestTable:
    def test_paths_lie_where_the_table_says(self, tmp_path: Path) -> None:
        own_folder(tmp_path / "images")
        rows = [
            {"optical": f"images/optical/{n}.tif", "clear": f"images/clear/{n}.tif", "sar": "", "split": split}
            for n, split in enumerate(SPLITS)
        ]
        path = table(tmp_path / "table.csv", rows)

        (place,) = open_source("folder", path, "validation")
        assert place.name == "folder/images/clear/1/0_0"
        assert place.sar is None
        assert len(place.days) == 2

    def test_one_clear_image_serves_several_cloudy_ones_on_one_side(self, tmp_path: Path) -> None:
        own_folder(tmp_path, 4)
        rows = [{"optical": f"optical/{n}.tif", "clear": f"clear/{n % 2}.tif"} for n in range(4)]
        rows += [{"optical": "optical/2.tif", "clear": "clear/3.tif"}]
        path = table(tmp_path / "table.csv", rows)
        sides = [{name.split("/")[2][0] for name in open_source("folder", path, split).names} for split in SPLITS]
        counts = [len(open_source("folder", path, split)) for split in SPLITS]

        assert sum(counts) == 5
        assert sorted(name for side in sides for name in side) == ["0", "1", "3"]

    def test_table_without_images_is_refused(self, tmp_path: Path) -> None:
        path = table(tmp_path / "table.csv", [{"image": "a.tif"}])
        empty = table(tmp_path / "empty.csv", [{"optical": "", "clear": "", "sar": "a.tif"}])

        with pytest.raises(InputError, match="has the columns image; optical, clear, sar, mask"):
            open_source("folder", path, "train")
        with pytest.raises(InputError, match="without an optical and a clear image"):
            open_source("folder", empty, "train")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"\xff\xfe\x00", "cannot be read as a table"),
            (b'optical,clear\n"' + b"a" * 200_000, "cannot be read as a table"),
            (b"optical,clear\n", "has no row"),
        ],
    )
    def test_files_that_are_no_tables_are_told(self, content: bytes, words: str, tmp_path: Path) -> None:
        path = tmp_path / "pairs.csv"
        path.write_bytes(content)

        with pytest.raises(InputError, match=words):
            open_source("folder", path, "train")


class TestScenes:
    def test_cuts_do_not_overlap_and_columns_are_divided(self, tmp_path: Path) -> None:
        scenes(tmp_path)
        places = every("scenes", tmp_path)
        columns = {
            split: {int(name.rsplit("_", 1)[1]) // SIDE_PX for name in open_source("scenes", tmp_path, split).names}
            for split in SPLITS
        }

        assert len(places) == 2 * 5
        assert columns == {"train": {0, 1, 2}, "validation": {4}, "test": {3}}
        assert {place.days[0].optical.shape for place in places.values()} == {(4, SIDE_PX, SIDE_PX)}
        assert {place.group for place in places.values()} == {"scenes/a"}

    def test_cut_shows_its_part_of_scene_radar_and_mask(self, tmp_path: Path) -> None:
        scenes(tmp_path)
        rows, columns = np.mgrid[:600, :1400]
        position = np.stack([1 + rows, 1 + columns, rows * 0 + 500, rows * 0 + 3000]).astype(np.uint16)
        write(tmp_path / "a.tif", position, **UTM)
        write(tmp_path / "a_sar.tif", -np.stack([1 + rows / 100, 1 + columns / 100]).astype(np.float32), **UTM)
        write(tmp_path / "a_mask.tif", (columns > 300)[None].astype(np.uint8), **UTM)

        place = every("scenes", tmp_path)["scenes/a/256_256"]

        np.testing.assert_allclose(place.days[0].optical[:2, 0, 0], 257 / 10000, rtol=1e-5)
        assert place.sar is not None
        np.testing.assert_allclose(place.sar[:, 0, 0], -3.56, rtol=1e-5)
        np.testing.assert_array_equal(place.days[0].clear, (columns <= 300)[256:512, 256:512])

    def test_cuts_of_nodata_are_left_out(self, tmp_path: Path) -> None:
        scenes(tmp_path)
        image = np.resize(ground(4), (4, 600, 1400))
        image[:, :, 400:] = 0
        write(tmp_path / "a.tif", image, **UTM)

        places = every("scenes", tmp_path)

        assert set(places) == {f"scenes/a/{row}_{column}" for row in (0, 256) for column in (0, 256)}
        assert not places["scenes/a/0_256"].days[0].clear[:, 144:].any()

    def test_scene_of_nodata_is_named(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        write(scenes(tmp_path) / "empty.tif", np.zeros((4, 300, 300), np.uint16), **UTM)
        every("scenes", tmp_path)

        assert "scenes/empty is left out" in caplog.text

    def test_whole_scenes_are_divided_where_there_are_three(self, tmp_path: Path) -> None:
        for name in ("one", "two", "three"):
            write(tmp_path / f"{name}.tif", np.resize(ground(4), (4, 300, 600)), **UTM)
        sides = [{name.split("/")[1] for name in open_source("scenes", tmp_path, split).names} for split in SPLITS]

        assert [len(side) for side in sides] == [1, 1, 1]
        assert set.union(*sides) == {"one", "two", "three"}

    def test_list_of_paths_is_read(self, tmp_path: Path) -> None:
        scenes(tmp_path / "far")
        (tmp_path / "scenes.txt").write_text("far/a.tif\n\n")

        assert len(open_source("scenes", tmp_path / "scenes.txt", "train")) == 6

    def test_small_images_of_a_user_serve_for_training_and_validation(self, tmp_path: Path) -> None:
        paths = [str(write(tmp_path / f"{name}.tif", np.resize(ground(3), (3, 300, 520)), **UTM)) for name in "ab"]

        assert len(open_source("scenes", files(paths), "train")) == 2
        assert len(open_source("scenes", files(paths), "validation")) == 2

    def test_what_numbers_and_bands_were_taken_for_is_said_once(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        scenes(tmp_path)
        with caplog.at_level(logging.INFO):
            list(open_source("scenes", tmp_path, "train"))

        assert len(caplog.records) == 1
        assert "a.tif: the 4 bands have no names and are taken for B2, B3, B4, B8" in caplog.text

    def test_file_that_is_no_list_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "scenes.txt").write_bytes(b"\xff\xfe\x00\x80")

        with pytest.raises(InputError, match="is no text"):
            open_source("scenes", tmp_path / "scenes.txt", "train")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_images_without_georeference_lie_on_each_other(real_data: Path, tmp_path: Path) -> None:
    """The triples of the development data, given as a user would: a table of paths."""
    rows = [
        {"optical": f"{folder}/cloudy.tif", "clear": f"{folder}/clear.tif", "sar": f"{folder}/s1.tif"}
        for folder in sorted((real_data / "triples").iterdir())
    ]
    places = every("folder", table(tmp_path / "triples.csv", rows))

    assert len(places) == 11
    for place in places.values():
        assert place.bands == NAMES
        assert place.days[0].optical.shape == (13, 256, 256)
        assert place.sar is not None
        assert np.nanmedian(place.sar) < 0
