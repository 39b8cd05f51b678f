"""Cases are the same whenever they are drawn, and those that cannot be measured say why."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.collection import Collection, collect
from unclouded.backend.datasets.place import Day, Place, clear_day
from unclouded.backend.datasets.registry import open_collection
from unclouded.backend.datasets.source import Loaded
from unclouded.backend.errors import InputError, UsageError
from unclouded.backend.evaluation.cases import (
    BAD_FILES,
    NO_SUCH_DAY,
    Case,
    Cases,
    choose,
    open_places,
    training_prior,
)
from unclouded.backend.sensors import NAMES

from .pairs import ground, write_pairs


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


def cases(root: Path, truth: str = "same-day", each: int = 1, seed: int = 0, **given: object) -> Cases:
    bands, sar, dates = given.get("bands"), bool(given.get("sar", True)), int(str(given.get("dates", 0)))
    choices = choose(truth, bands, sar, dates)  # type: ignore[arg-type]
    return Cases(open_places(str(root), "sen12ms-cr", "validation")[1], choices, each, seed)


def drawn(found: Cases, index: int) -> Case:
    case = found[index]
    assert case is not None
    return case


def test_case_is_the_same_whenever_it_is_drawn(root: Path) -> None:
    first, second = cases(root), cases(root)
    for index in (3, 0, 9):
        one, other = drawn(first, index), drawn(second, index)
        assert one.name == other.name
        np.testing.assert_array_equal(one.sample.observation.optical, other.sample.observation.optical)


def test_seed_and_number_change_the_clouds_and_not_the_ground(root: Path) -> None:
    every = [drawn(cases(root, each=2, seed=1), index) for index in range(20)]
    one, other = (case for case in every if case.name.startswith(every[0].name.partition(" #")[0]))
    assert {one.name[-2:], other.name[-2:]} == {"#1", "#2"}
    assert one.group == other.group
    np.testing.assert_array_equal(one.sample.truth, other.sample.truth)
    assert (one.sample.observation.optical != other.sample.observation.optical).any()


def test_all_places_come_once_before_any_comes_again(root: Path) -> None:
    found = cases(root, each=2)
    assert len(found) == 20
    assert len({drawn(found, index).name for index in range(10)}) == 10
    assert {drawn(found, index).name[-2:] for index in range(10)} == {"#1"}


def test_first_cases_are_not_neighbours(root: Path) -> None:
    assert len({drawn(cases(root), index).group for index in range(4)}) > 2


def test_truth_of_another_day_invents_nothing(root: Path) -> None:
    case = drawn(cases(root, "other-day"), 0)
    seen = case.sample.observation
    assert seen.optical[:, seen.cloud].max() == pytest.approx(0.7, abs=1e-3)
    clear = case.sample.known & ~seen.cloud
    assert np.abs(seen.optical - case.sample.truth)[:, clear].mean() == pytest.approx(0.01, abs=1e-3)
    assert 0 < case.cover < 1


def test_whole_images_are_measured(root: Path) -> None:
    assert all(drawn(cases(root), index).sample.observation.valid.all() for index in range(10))


def test_what_a_user_lacks_is_taken_away(root: Path) -> None:
    seen = drawn(cases(root, bands=["B2", "B3", "B4"], sar=False), 0).sample.observation
    assert seen.bands == ("B2", "B3", "B4")
    assert seen.sar is None
    assert seen.dates is None
    assert drawn(cases(root), 0).sample.observation.sar is not None


def test_unknown_band_and_truth_are_refused() -> None:
    with pytest.raises(UsageError, match="B77") as raised:
        choose("same-day", ["B2", "B77"], True, 0)
    assert "B8A" in raised.value.hint
    with pytest.raises(UsageError, match="'tomorrow' is unknown"):
        choose("tomorrow", None, True, 0)


def test_place_without_the_day_says_so() -> None:
    sunny = Place("made/sunny", NAMES, "L1C", [clear_day(ground(0))])
    grey = Place("made/grey", NAMES, "L1C", [Day(ground(1), np.zeros((96, 96), bool), 0.0)])
    collection = Collection([sunny, grey], [], dict.fromkeys(NAMES, 0.1))
    by_name = [
        collection.places[int(position)].name
        for position in Cases(collection, choose("same-day", None, True, 0), 1, 0).order
    ]
    same = Cases(collection, choose("same-day", None, True, 0), 1, 0)
    other = Cases(collection, choose("other-day", None, True, 0), 1, 0)
    assert same.draw(by_name.index("made/grey")) == NO_SUCH_DAY
    assert other.draw(by_name.index("made/sunny")) == NO_SUCH_DAY
    assert isinstance(same.draw(by_name.index("made/sunny")), Case)


def test_place_of_bad_files_is_left_out_and_no_other_measured_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_pairs(tmp_path)
    bad = root / "ROIs1868_summer_s2" / "s2_19" / "ROIs1868_summer_s2_19_p1.tif"
    bad.write_bytes(b"no image")
    found = cases(root)
    with caplog.at_level(logging.WARNING):
        every = [found.draw(index) for index in range(10)]
    assert every.count(BAD_FILES) == 1
    names = [case.name for case in every if isinstance(case, Case)]
    assert len(set(names)) == 9
    assert "sen12ms-cr/1868_summer_19/p1" not in names
    assert "1868_summer_19" in caplog.text


def test_data_that_cannot_be_told_are_to_be_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be told") as raised:
        open_places(str(root), None, "validation")
    assert "--dataset: shared" in raised.value.hint
    with pytest.raises(InputError):
        open_places(str(tmp_path / "nowhere"), "sen12ms-cr", "validation")
    with pytest.raises(InputError, match=r"There is no .*nowhere"):
        open_places(str(tmp_path / "nowhere"), None, "validation")


def test_constant_is_that_of_the_training(root: Path) -> None:
    collection = open_collection("sen12ms-cr", root, "validation", "skip")
    prior, said = training_prior("sen12ms-cr", root, "validation", dict.fromkeys(NAMES, 0.9), collection)
    clear = np.mean([ground(number)[1].mean() for number in (0, 1)])
    assert prior["B2"] == pytest.approx(clear, abs=0.01)
    assert "places for training" in said
    assert "very places that are measured" in training_prior("sen12ms-cr", root, "train", {}, collection)[1]


def test_without_training_places_the_constant_is_that_of_the_generator(tmp_path: Path) -> None:
    root, collection = tmp_path / "nothing", collect(Loaded([Place("made/a", NAMES, "L1C", [clear_day(ground(0))])]))
    prior, said = training_prior("sen12ms-cr", root, "validation", {"B2": 0.77}, collection)
    assert (prior["B2"], prior["B3"]) == (0.77, collection.prior["B3"])
    assert said == "The constant is the mean of each band in the training of the first generator."
    prior, said = training_prior("sen12ms-cr", root, "validation", {}, collection)
    assert prior == collection.prior
    assert "the data set has none for training" in said
