"""Sums over cases come back from a file as they were, and see only crops that show something."""

from __future__ import annotations

import numpy as np
import pytest

from unclouded.backend.classifier import default_classifier
from unclouded.backend.datasets.samples import Sample
from unclouded.backend.evaluation.generators.distances import distance_table
from unclouded.backend.evaluation.generators.sums import HALVES, TRUTH, Sums, crops
from unclouded.backend.evaluation.reports.uncertainty import uncertainty_table
from unclouded.backend.observation import Observation, Reconstruction
from unclouded.backend.statistics import Figure

SHAPE = (4, 128, 192)
BANDS = ("B2", "B3", "B4", "B8")


def sample(seed: int) -> Sample:
    rng = np.random.default_rng(seed)
    truth = (rng.uniform(0.05, 0.4, (4, 1, 1)) + rng.normal(0, 0.02, SHAPE)).astype(np.float32)
    cloud = np.zeros(SHAPE[1:], bool)
    cloud[:, :100] = True
    known = np.ones(SHAPE[1:], bool)
    optical = np.where(cloud, np.float32(0.8), truth)
    return Sample(Observation(BANDS, "L1C", optical, known, cloud, optical), truth, known)


def filled(count: int) -> Sums:
    sums = Sums(default_classifier())
    for number in range(count):
        add(sums, number)
    return sums


def add(sums: Sums, number: int) -> None:
    one = sample(number)
    blurred = one.truth + np.float32(0.05)
    sums.add_uncertainty("g", Reconstruction(blurred, np.full(SHAPE, 0.05, np.float32)), one)
    sums.add_images({"identity": one.observation.optical, "g": blurred}, one, number)


def test_going_on_from_a_file_gives_the_same_to_the_last_digit() -> None:
    whole, before, after = filled(3), filled(2), Sums(default_classifier())
    after.take(before.arrays())
    add(after, 2)
    assert set(after.arrays()) == set(whole.arrays())
    for key, array in whole.arrays().items():
        np.testing.assert_array_equal(after.arrays()[key], array, err_msg=key)


def test_crops_are_known_and_partly_hidden() -> None:
    target, hidden = np.ones((130, 200), bool), np.zeros((130, 200), bool)
    assert crops(target, hidden) == []
    hidden[:, 50:140] = True
    assert crops(target, hidden) == [(row, column) for row in (0, 64) for column in (0, 64, 128)]
    target[:40] = False
    assert crops(target, hidden) == [(64, 0), (64, 64), (64, 128)]
    assert crops(target[:50], hidden[:50]) == []


def test_distance_of_cloudy_from_clear_is_larger_than_that_of_a_good_guess() -> None:
    table = distance_table(filled(16).seen, ["identity", "g", "missing"])
    assert table is not None
    rows = {row.label: row.cells for row in table.rows}
    assert list(rows) == ["identity", "g", "clear against clear of other places"]
    near, far = rows["g"]["distance"], rows["identity"]["distance"]
    assert isinstance(near, Figure)
    assert isinstance(far, Figure)
    assert near.mean < far.mean


def test_few_images_have_no_distance() -> None:
    sums = filled(2)
    table = distance_table(sums.seen, ["g"])
    assert table is not None
    assert [row.cells["remark"] for row in table.rows] == ["too few", "too few"]
    assert set(sums.seen) == {TRUTH, *HALVES, "identity", "g"}
    assert distance_table({}, ["g"]) is None


def test_uncertainty_of_the_size_of_the_error_holds_it() -> None:
    (row,) = uncertainty_table(filled(1).uncertainty).rows
    assert row.cells["mae"] == pytest.approx(0.05, rel=1e-3)
    assert row.cells["uncertainty"] == pytest.approx(0.05, rel=1e-3)
    assert row.cells["within_50"] == pytest.approx(0, abs=0.001)
    assert row.cells["within_90"] == pytest.approx(1, abs=0.001)


def test_classifier_names_a_class_of_its_own() -> None:
    sums = Sums(default_classifier())
    assert sums.guess(sample(0)) in sums.classifier.card.classes
