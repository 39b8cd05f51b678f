"""Every data set keeps the promises of a source, on a tiny copy of it."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.registry import CLASSES, DATASETS, files, open_collection, open_source, root_of
from unclouded.backend.datasets.samples import Choices, draw_scene
from unclouded.backend.errors import InputError, UsageError
from unclouded.backend.sensors import NAMES

from .fakes import FAKES, scenes

POOLS_OF_CLOUD = ("bigearthnet-v1-cloudy", "bigearthnet-v2-cloudy")


def test_every_data_set_has_a_fake() -> None:
    assert set(FAKES) | {"shared"} == set(DATASETS)
    assert set(CLASSES) <= set(DATASETS)


@pytest.mark.parametrize("name", FAKES)
class TestDataSet:
    def test_places_are_whole(self, name: str, tmp_path: Path) -> None:
        source = open_source(name, FAKES[name](tmp_path), "train")

        assert len(source) == len(source.names) == len(source.weights) > 0
        assert len(set(source.names)) == len(source)
        for index in range(min(len(source), 3)):
            place = source[index]
            assert place.name == source.names[index]
            assert set(place.bands) <= set(NAMES)
            assert set(place.labels) <= set(CLASSES.get(name, place.labels))
            size = place.days[0].optical.shape[1:]
            for day in place.days:
                assert day.optical.shape == (len(place.bands), *size)
                assert day.optical.dtype == np.float32
                assert np.isfinite(day.optical).all()
                assert day.optical.min() >= 0
                assert day.optical.max() < 2
                assert (day.clear.shape, day.clear.dtype) == (size, bool)
                assert not day.clear[~day.optical.any(axis=0)].any()
            assert place.sar is None or place.sar.shape == (2, *size)
            assert any(day.is_truth for day in place.days) == (name not in POOLS_OF_CLOUD)

    def test_goes_to_other_processes(self, name: str, tmp_path: Path) -> None:
        source = open_source(name, FAKES[name](tmp_path), "train")
        copy = pickle.loads(pickle.dumps(source))

        np.testing.assert_array_equal(copy[0].days[0].optical, source[0].days[0].optical)

    def test_samples_are_drawn_from_it(self, name: str, tmp_path: Path) -> None:
        collection = open_collection(name, FAKES[name](tmp_path), "train", "stop")
        drawn = draw_scene(collection.places[0], collection, np.random.default_rng(0), Choices(clouds="simulated"))

        assert collection.shares is None
        assert collection.names == collection.places.names
        assert np.isfinite(drawn.observation.optical).all()
        assert drawn.known.any() == (name not in POOLS_OF_CLOUD)

    def test_empty_folder_is_told_what_was_expected(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"was expected to hold .*; it is empty"):
            open_source(name, tmp_path, "train")

    def test_another_folder_is_told_what_it_holds(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "holidays").mkdir()

        with pytest.raises(InputError, match="it holds holidays"):
            open_source(name, tmp_path, "train")

    def test_missing_folder_is_named(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"There is no .*gone"):
            open_source(name, tmp_path / "gone", "train")


def test_unknown_names_list_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Known: shared, sen12ms-cr, "):
        open_source("sen12mscr", tmp_path, "train")
    with pytest.raises(UsageError, match="Known: train, validation, test"):
        open_source("rice", tmp_path, "valid")


def test_empty_split_is_told_from_an_empty_folder(tmp_path: Path) -> None:
    FAKES["sen12ms-cr"](tmp_path)

    with pytest.raises(InputError, match=r"no place of the split 'test': its 1 place\(s\) are all of train"):
        open_source("sen12ms-cr", tmp_path, "test")


def test_roots_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rice").mkdir()
    monkeypatch.setenv("UNCLOUDED_DATA", str(tmp_path))

    assert root_of("rice", None) == tmp_path / "rice"
    assert root_of("eurosat", None) == tmp_path
    assert root_of("eurosat", "/elsewhere") == Path("/elsewhere")
    monkeypatch.delenv("UNCLOUDED_DATA")
    with pytest.raises(InputError, match="No folder of the data set rice"):
        root_of("rice", None)


def test_images_named_one_by_one_are_trusted_to_be_clear(tmp_path: Path) -> None:
    scenes(tmp_path)
    (tmp_path / "a_mask.tif").unlink()
    root = files([str(tmp_path / "a.tif")])

    assert open_source("scenes", root, "train")[0].days[0].clear.all()
    with pytest.raises(UsageError, match="rice is read from a folder"):
        open_source("rice", root, "train")
