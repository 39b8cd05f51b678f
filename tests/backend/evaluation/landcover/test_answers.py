"""Figures of the land-cover test, each against a plain loop over the places."""

from __future__ import annotations

import numpy as np
import pytest

from unclouded.backend.evaluation.landcover.answers import CLEAR, CLOUDY, CONSTANT_CLASS, Answers

COUNT, CLASSES = 200, ("water", "forest", "town")


def answers(seed: int = 0) -> Answers:
    """The third kind lacks every fifth image."""
    rng = np.random.default_rng(seed)
    said = {kind: rng.dirichlet(np.ones(3), COUNT).astype(np.float32) for kind in (CLEAR, CLOUDY, "made")}
    said["made"][::5] = np.nan
    names = [f"place {number}" for number in range(COUNT)]
    groups = [f"scene {number // 4}" for number in range(COUNT)]
    truth = rng.choice(3, COUNT, p=[0.2, 0.5, 0.3])
    return Answers(CLASSES, said, truth, names, groups, rng.random(COUNT, np.float32))


def given(found: Answers, kind: str, place: int) -> int | None:
    """The likeliest class of one place, by a loop."""
    said = found.said[kind][place].tolist()
    return None if said[0] != said[0] else said.index(max(said))


def test_accuracy_counts_images_that_are_there() -> None:
    found = answers()
    right = [given(found, "made", place) == found.truth[place] for place in range(COUNT) if place % 5]

    figure = found.accuracy("made")

    assert (figure.mean, figure.count) == (pytest.approx(100 * sum(right) / len(right)), 160)
    assert figure.low < figure.mean < figure.high


def test_a_gain_is_paired() -> None:
    found = answers()
    pairs = [
        (given(found, CLOUDY, place) == found.truth[place], given(found, "made", place) == found.truth[place])
        for place in range(COUNT)
        if place % 5
    ]
    rescued, spoiled = sum(after > before for before, after in pairs), sum(after < before for before, after in pairs)

    assert found.changed("made") == (rescued, spoiled)
    assert found.gain("made").mean == pytest.approx(100 * (rescued - spoiled) / 160)
    assert found.gain(CLOUDY).mean == 0


def test_the_constant_class_is_the_most_frequent_one() -> None:
    found = answers()
    counts = [int((found.truth == index).sum()) for index in range(3)]

    assert found.accuracy(CONSTANT_CLASS).mean == pytest.approx(100 * max(counts) / COUNT)
    assert set(found.given(CONSTANT_CLASS).tolist()) == {counts.index(max(counts))}
    assert np.isnan(found.sureness(CONSTANT_CLASS).mean)


def test_confusion_and_shares_add_up() -> None:
    found = answers()
    expected = np.zeros((3, 3), int)
    for place in range(COUNT):
        said = given(found, "made", place)
        if said is not None:
            expected[found.truth[place], said] += 1

    np.testing.assert_array_equal(found.confusion("made"), expected)
    np.testing.assert_allclose(found.shares(found.given("made")), 100 * expected.sum(axis=0) / 160)


def test_sureness_is_the_probability_of_the_truth() -> None:
    found = answers()
    expected = np.mean([found.said[CLOUDY][place, found.truth[place]] for place in range(COUNT)])

    assert found.sureness(CLOUDY).mean == pytest.approx(100 * expected)


def test_the_clear_image_agrees_with_itself() -> None:
    found = answers()
    same = [given(found, CLOUDY, place) == given(found, CLEAR, place) for place in range(COUNT)]

    assert found.mean(found.agrees(CLEAR)).mean == 100
    assert found.mean(found.agrees(CLOUDY)).mean == pytest.approx(100 * np.mean(same))


def test_parts_make_up_the_whole() -> None:
    found = answers()
    low = found.cover < 0.4

    parts = [found.only(low), found.only(~low)]

    assert sum(part.right("made")[~np.isnan(part.right("made"))].sum() for part in parts) == np.nansum(
        found.right("made")
    )
    assert [*parts[0].names, *parts[1].names] != list(found.names)
    assert sorted([*parts[0].names, *parts[1].names]) == sorted(found.names)
