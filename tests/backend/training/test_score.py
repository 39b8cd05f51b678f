"""Scores compare like with like, and refuse places that the generator has seen."""

import dataclasses
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from unclouded.backend.datasets.collection import Collection
from unclouded.backend.datasets.place import Place, clear_day
from unclouded.backend.errors import ModelError
from unclouded.backend.inference import Generator
from unclouded.backend.observation import Observation, Reconstruction
from unclouded.backend.sensors import BY_COUNT, NAMES
from unclouded.backend.training.cases import COVER, SETTINGS, Setting, draw_cases, in_setting, score
from unclouded.backend.training.score import check_unseen, interval, measure

SIZE = 96
RNG = np.random.default_rng(0)
CLEAR = (0.1 + 0.05 * RNG.random((13, SIZE, SIZE))).astype(np.float32)
PLACE = Place("triples/42", NAMES, "L1C", [clear_day(CLEAR), clear_day(CLEAR, 10.0)])
COLLECTION = Collection([PLACE], [], dict.fromkeys(NAMES, 0.12))


class Constant:
    """A generator that always says 0.1, give or take 0.05."""

    card = SimpleNamespace(name="constant", prior=dict.fromkeys(NAMES, 0.12), training_data=["triples (x): 1, 42"])

    def __call__(self, observations: list[Observation]) -> list[Reconstruction]:
        shapes = [observation.optical.shape for observation in observations]
        return [Reconstruction(np.full(s, 0.1, np.float32), np.full(s, 0.05, np.float32)) for s in shapes]


GENERATOR = cast(Generator, Constant())


def test_cases_are_partly_clouded_and_fixed_by_their_seed() -> None:
    first, second = draw_cases(COLLECTION, 3), draw_cases(COLLECTION, 3)

    assert len(first) == 3
    for one, other in zip(first, second, strict=True):
        assert COVER[0] <= one.sample.observation.cloud.mean() <= COVER[1]
        np.testing.assert_array_equal(one.sample.observation.optical, other.sample.observation.optical)


def test_setting_takes_away_what_the_user_lacks() -> None:
    (case,) = draw_cases(COLLECTION, 1)
    four = in_setting(case, Setting("4 bands", BY_COUNT[4]))
    dated = in_setting(case, Setting("dates", dates=True))

    assert four is not None
    assert four.observation.bands == BY_COUNT[4]
    assert four.observation.dates is None
    assert dated is not None
    assert dated.observation.dates is not None
    assert in_setting(case, Setting("sar", sar=True)) is None


def test_score_is_the_mean_error_under_the_mask() -> None:
    (case,) = draw_cases(COLLECTION, 1)
    found = Reconstruction(case.sample.truth + 0.02, np.full_like(case.sample.truth, 0.02))
    wide = score(case.sample, found)
    narrow = score(case.sample, dataclasses.replace(found, uncertainty=found.uncertainty / 2))

    assert wide.error == pytest.approx(0.02, abs=1e-5)
    assert (wide.coverage, narrow.coverage) == (1, 0)


def test_measure_has_every_method() -> None:
    figures = measure(draw_cases(COLLECTION, 2), SETTINGS[0], GENERATOR)
    dated = measure(draw_cases(COLLECTION, 2), Setting("dates", dates=True), GENERATOR)

    assert set(figures["error"]) == {"identity", "constant", "clear mean", "background", "inpaint", "generator"}
    added = set(dated["error"]) - set(figures["error"])
    assert added == {"least-cloudy", "median", "interpolate", "optical alone"}
    assert figures["error"]["identity"] > figures["error"]["generator"]
    difference = dated["generator_minus"]["inpaint"]
    assert difference["interval_95"][0] <= difference["mean"] <= difference["interval_95"][1]
    assert dated["generator_minus"]["optical alone"]["mean"] == 0


def test_interval_resamples_places_and_not_cases() -> None:
    differences = np.array([0.0] * 50 + [1.0] * 50)
    of_places = interval(differences, ["a"] * 50 + ["b"] * 50)
    of_cases = interval(differences, [str(index) for index in range(100)])

    assert of_places == (0.0, 1.0)
    assert 0.35 < of_cases[0] < of_cases[1] < 0.65


def test_seen_place_is_refused() -> None:
    with pytest.raises(ModelError, match="was trained on triples/42"):
        check_unseen(GENERATOR, draw_cases(COLLECTION, 1))
