"""What generators imply of clouds, without being told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.evaluation.masks import implied
from unclouded.backend.evaluation.masks.implied import CHANGED, brightness, changed, distrusted, questions, uninformed
from unclouded.backend.inference import Generator
from unclouded.backend.sensors import NAMES

from ...generators import RGB, write_cyclegan, write_fusion, write_stgan, write_uncrtaints
from ...observations import observation, with_dates, with_sar

PRIOR = dict.fromkeys(NAMES, 0.2)


def test_less_than_an_equal_share_is_cloud() -> None:
    weights = np.array([0.1, 0.33, 0.34, 1.0], np.float32).reshape(1, 1, 4)
    rest = (1 - weights) / 2
    found = distrusted(np.concatenate([weights, rest, rest]))
    np.testing.assert_allclose(found.score, 1 - weights[0])
    assert found.cloud.tolist() == [[True, True, False, False]]


def test_a_change_of_all_bands_together_is_cloud() -> None:
    optical = np.full((3, 1, 2), 0.3, np.float32)
    output = optical.copy()
    output[0, 0, 1] += 4 * CHANGED
    output[:, 0, 0] += 0.9 * CHANGED
    found = changed(output, optical)
    np.testing.assert_allclose(found.score[0], [0.9 * CHANGED, 4 * CHANGED / 3], rtol=1e-4)
    assert found.cloud.tolist() == [[False, True]]


def test_beyond_0_and_1_nothing_changes() -> None:
    optical = np.array([[[1.4]], [[-0.2]]], np.float32)
    assert changed(np.array([[[1.1]], [[0.0]]], np.float32), optical).score.max() == 0
    assert brightness(optical)[0, 0] == pytest.approx(0.5)


@pytest.mark.parametrize("cloudy", [True, False])
def test_what_it_is_told_is_the_same_whatever_the_mask_says(cloudy: bool) -> None:
    seen = with_dates(observation())
    other = dataclasses.replace(seen, cloud=~seen.cloud & seen.valid, background=seen.background + 1)
    told = [uninformed(one, cloudy, PRIOR) for one in (seen, other)]
    for field in dataclasses.fields(seen):
        first, second = (getattr(one, field.name) for one in told)
        np.testing.assert_array_equal(first, second)
    assert (told[0].cloud == (seen.valid & cloudy)).all()


def test_a_generator_that_takes_a_mask_is_asked_twice(tmp_path: Path) -> None:
    told = [question.told for question in questions(Generator(write_fusion(tmp_path), "cpu"))]
    assert told == ["told clear", "told cloud"]
    plain = questions(Generator(write_cyclegan(tmp_path), "cpu"))
    assert [question.name for question in plain] == ["cycle: change"]


def test_a_generator_that_weighs_dates_is_asked_for_its_attention(tmp_path: Path) -> None:
    ways = [question.way for question in questions(Generator(write_stgan(tmp_path), "cpu"))]
    assert ways == ["attention", "attention", "change", "change"]
    ways = [question.way for question in questions(Generator(write_uncrtaints(tmp_path), "cpu"))]
    assert ways == ["attention", "change"]


def test_answers_do_not_repeat_a_mask(tmp_path: Path) -> None:
    seen = with_sar(with_dates(observation(tuple(RGB))))
    other = dataclasses.replace(seen, cloud=~seen.cloud & seen.valid)
    for path in (write_fusion(tmp_path), write_stgan(tmp_path), write_uncrtaints(tmp_path)):
        for question in questions(Generator(path, "cpu")):
            first, second = question.ask(seen), question.ask(other)
            np.testing.assert_array_equal(first.score, second.score)
            assert first.score.shape == first.cloud.shape == seen.valid.shape
            assert 0 <= first.score.min() <= first.score.max() <= 1


def test_what_is_lacking_is_said(tmp_path: Path) -> None:
    attention = questions(Generator(write_uncrtaints(tmp_path), "cpu"))[0]
    assert "needs other dates" in attention.lacks(observation(tuple(RGB)))
    assert attention.lacks(with_dates(observation(tuple(RGB)))) == ""
    assert "B4" in attention.lacks(observation(("B2", "B3", "B8")))


def test_bands_that_a_generator_does_not_know_are_left_out(tmp_path: Path) -> None:
    question = questions(Generator(write_cyclegan(tmp_path), "cpu"))[0]
    seen = observation()
    assert question.lacks(seen) == ""
    np.testing.assert_array_equal(question.ask(seen).score, question.ask(seen.only(RGB)).score)
    assert implied.TOLD[question.told] is False
