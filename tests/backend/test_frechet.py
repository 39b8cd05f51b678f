"""Distances and variety of synthetic features, against closed forms, scipy and torchmetrics."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torchmetrics.image.fid import _compute_fid

from unclouded.backend.errors import InputError
from unclouded.backend.frechet import (
    MINIMUM,
    ClassSums,
    Double,
    Moments,
    Seen,
    estimate_distance,
    frechet_distance,
    relative_variety,
)

FEATURES = 16


def drawn(seed: int, count: int = 400, shift: float = 0.0) -> Double:
    """(count, FEATURES) correlated."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(0, 1, (FEATURES, FEATURES)) / 4 + np.eye(FEATURES)
    found: Double = rng.normal(0, 1, (count, FEATURES)) @ mixing + shift
    return found


def seen(vectors: Double, probabilities: Double | None = None) -> Seen:
    """As if each vector came from a scene of its own."""
    chances = np.full((len(vectors), 3), 1 / 3) if probabilities is None else probabilities
    return Seen.of(vectors, chances, np.arange(len(vectors)), True)


def test_moments_are_those_of_numpy() -> None:
    vectors = drawn(0) + 1e6
    parts = [Moments.of(vectors[:1]), Moments.of(vectors[1:100]), Moments.of(vectors[:0]), Moments.of(vectors[100:])]
    found = sum(parts, Moments.none(FEATURES))
    assert found.count == len(vectors)
    np.testing.assert_allclose(found.mean, vectors.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(vectors.T), atol=1e-7)


def test_distance_is_that_of_independent_references() -> None:
    a, b = drawn(0), drawn(1, shift=0.3)
    found = frechet_distance(Moments.of(a), Moments.of(b))
    covariances = np.cov(a.T), np.cov(b.T)
    apart = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    by_scipy = apart + np.trace(covariances[0] + covariances[1] - 2 * sqrtm(covariances[0] @ covariances[1]).real)
    assert found == pytest.approx(by_scipy, rel=1e-9)
    tensors = [torch.from_numpy(np.asarray(part)) for x in (a, b) for part in (x.mean(axis=0), np.cov(x.T))]
    assert found == pytest.approx(float(_compute_fid(*tensors)), rel=1e-9)


def test_distance_of_independent_features_has_a_closed_form() -> None:
    rng = np.random.default_rng(2)
    means, spreads = rng.normal(0, 1, (2, FEATURES)), rng.uniform(0.1, 3, (2, FEATURES))
    a, b = (Moments(11, mean, 10 * np.diag(spread**2)) for mean, spread in zip(means, spreads, strict=True))
    wanted = ((means[0] - means[1]) ** 2 + (spreads[0] - spreads[1]) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("count", [5, 400])
def test_equal_sets_have_no_distance_even_if_they_are_few(count: int) -> None:
    a = Moments.of(drawn(0, count))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-12)


def test_distance_is_symmetric_and_follows_shift_turn_and_scale() -> None:
    a, b = drawn(0), drawn(1)
    found = frechet_distance(Moments.of(a), Moments.of(b))
    turn = np.linalg.qr(np.random.default_rng(3).normal(0, 1, (FEATURES, FEATURES)))[0]
    assert frechet_distance(Moments.of(b), Moments.of(a)) == pytest.approx(found, rel=1e-10)
    assert frechet_distance(Moments.of(a @ turn + 5), Moments.of(b @ turn + 5)) == pytest.approx(found, rel=1e-9)
    assert frechet_distance(Moments.of(3 * a), Moments.of(3 * b)) == pytest.approx(9 * found, rel=1e-10)
    shifted = frechet_distance(Moments.of(a), Moments.of(a + 0.5))
    assert shifted == pytest.approx(FEATURES * 0.25, rel=1e-10)


def test_features_that_never_vary_are_no_trouble() -> None:
    a, b = drawn(0), drawn(1)
    a[:, 3] = b[:, 3] = 2.0
    a[:, 5] = 0
    assert np.isfinite(frechet_distance(Moments.of(a), Moments.of(b)))
    assert frechet_distance(Moments.of(0 * a), Moments.of(0 * b)) == 0


@pytest.mark.parametrize("count", [64, 128, 256, 1024, 4096])
def test_extrapolation_is_nearer_to_the_truth(count: int) -> None:
    features, runs = 32, 40
    scale = np.arange(1, features + 1) ** -0.5
    shift, growth = 0.3 * scale, np.where(np.arange(features) % 2, 1.3, 0.8)
    truth = (shift**2 + (scale * (growth - 1)) ** 2).sum()
    rng = np.random.default_rng(count)
    found = []
    for _ in range(runs):
        a, b = rng.normal(0, 1, (2, count, features)) * scale
        found.append(estimate_distance(seen(shift + growth * a), seen(b)))
    off = np.array([each.value - truth for each in found])
    plainly_off = np.array([each.plain - truth for each in found])
    assert abs(off.mean()) < 0.25 * plainly_off.mean()
    assert np.abs(off).mean() < np.abs(plainly_off).mean()
    assert {each.count for each in found} == {count}


def test_standard_error_is_that_of_many_draws() -> None:
    rng = np.random.default_rng(4)
    found = [
        estimate_distance(seen(rng.normal(0.5, 1, (256, 8))), seen(rng.normal(0, 1.2, (256, 8)))) for _ in range(40)
    ]
    assert np.mean([each.error for each in found]) == pytest.approx(np.std([each.value for each in found]), rel=0.4)


def test_equal_sets_stay_at_no_distance_when_extrapolated() -> None:
    a = seen(drawn(0, 64))
    found = estimate_distance(a, a)
    assert (found.value, found.error, found.plain) == pytest.approx((0, 0, 0), abs=1e-10)


def test_too_few_images_are_refused() -> None:
    few, enough = seen(drawn(0, MINIMUM - 1)), seen(drawn(1, MINIMUM))
    with pytest.raises(InputError, match=f"needs {MINIMUM} images or more from 8 scenes or more; there are 31"):
        estimate_distance(few, enough)
    one_scene = Seen.of(drawn(0), np.full((400, 3), 1 / 3), 0, True)
    with pytest.raises(InputError, match="400 from fewer scenes"):
        estimate_distance(one_scene, one_scene)
    with pytest.raises(InputError, match="1 vectors of 16 features"):
        frechet_distance(Moments.of(drawn(0, 1)), Moments.of(drawn(1)))
    with pytest.raises(InputError, match="16 features were compared with 400 of 3"):
        frechet_distance(Moments.of(drawn(0)), Moments.of(drawn(1)[:, :3]))
    assert estimate_distance(enough, enough).plain == pytest.approx(0, abs=1e-10)


def test_score_counts_the_classes_that_are_shown() -> None:
    sure = np.eye(5)
    assert ClassSums.of(np.tile(sure, (20, 1)), True).score == pytest.approx(5)
    assert ClassSums.of(np.tile(sure[:2], (20, 1)), True).score == pytest.approx(2)
    assert ClassSums.of(np.tile(sure[0], (20, 1)), True).score == pytest.approx(1)
    assert ClassSums.of(np.full((20, 5), 0.2), True).score == pytest.approx(1)


@pytest.mark.parametrize("exclusive", [True, False])
def test_collapse_onto_one_image_tells_nothing(exclusive: bool) -> None:
    one = np.random.default_rng(5).dirichlet(np.ones(6))
    assert ClassSums.of(np.tile(one, (50, 1)), exclusive).information == pytest.approx(0, abs=1e-12)
    assert math.isnan(ClassSums.of(np.zeros((0, 6)), exclusive).score)


def test_information_is_the_mean_divergence() -> None:
    p = np.random.default_rng(6).uniform(0.01, 0.99, (30, 4))
    mean = p.mean(axis=0)
    divergences = p * np.log(p / mean) + (1 - p) * np.log((1 - p) / (1 - mean))
    assert ClassSums.of(p, False).information == pytest.approx(divergences.sum(axis=1).mean())
    p /= p.sum(axis=1, keepdims=True)
    divergence = (p * np.log(p / p.mean(axis=0))).sum(axis=1).mean()
    assert ClassSums.of(p, True).information == pytest.approx(divergence)


def test_independent_classes_each_add_a_bit() -> None:
    every = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], float)
    assert ClassSums.of(every, False).score == pytest.approx(8)


def test_variety_is_the_share_of_the_variance() -> None:
    a = drawn(0)
    assert relative_variety(seen(a), seen(a)) == pytest.approx(1)
    assert relative_variety(seen(a / 2 + 7), seen(a)) == pytest.approx(0.25)
    assert relative_variety(seen(0 * a + 1), seen(a)) == 0
    assert math.isnan(relative_variety(seen(a), seen(0 * a)))
    assert math.isnan(relative_variety(seen(a), seen(a[:1])))


def test_parts_added_and_carried_as_a_vector_are_the_whole() -> None:
    vectors, chances = drawn(0, 200), np.random.default_rng(7).dirichlet(np.ones(3), 200)
    parts = [Seen.of(vectors[i : i + 5], chances[i : i + 5], i // 5, True) for i in range(0, 200, 5)]
    whole = sum(parts, Seen.none(FEATURES, 3, True))
    read = Seen.none(FEATURES, 3, True).from_vector(whole.vector())
    np.testing.assert_allclose(whole.moments.covariance, np.cov(vectors.T), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(read.vector(), whole.vector())
    assert read.classes.score == whole.classes.score
    assert whole.classes.score == pytest.approx(ClassSums.of(chances, True).score)
    assert dataclasses.astuple(estimate_distance(read, seen(drawn(1)))) == dataclasses.astuple(
        estimate_distance(whole, seen(drawn(1)))
    )


def test_scenes_take_turns_in_the_folds() -> None:
    vectors, chances = drawn(0, 30), np.full((30, 3), 1 / 3)
    of_three_scenes = Seen.of(vectors, chances, np.arange(30) // 10 + 7, True)
    assert [fold.count for fold in of_three_scenes.folds] == [10, 10, 0, 0, 0, 0, 0, 10]
    np.testing.assert_array_equal(of_three_scenes.folds[7].mean, vectors[:10].mean(axis=0))
