"""Scores of classes agree with sets and with torchmetrics; the threshold is the best one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multilabel_fbeta_score

from unclouded.backend.errors import InputError
from unclouded.backend.label_metrics import THRESHOLDS, best_threshold, give_labels, label_scores

CLASSES = 7


def drawn(seed: int, images: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """True classes, at least one each, and probabilities that know something of them."""
    random = np.random.default_rng(seed)
    truth = random.random((images, CLASSES)) < 0.3
    truth[np.arange(images), random.integers(CLASSES, size=images)] = True
    return truth, np.clip(0.35 * truth + 0.6 * random.random(truth.shape), 0, 1).astype(np.float32)


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(deadline=None, max_examples=50)
def test_scores_are_those_of_sets(seed: int, images: int) -> None:
    truth, probabilities = drawn(seed, images)
    labels = give_labels(probabilities, 0.5)
    found = []
    for right, said in zip(truth, labels, strict=True):
        true, told = set(np.flatnonzero(right)), set(np.flatnonzero(said))
        missed, wrong, hit = len(true - told), len(told - true), len(true & told)
        found.append(
            [
                hit / max(len(told), 1),
                hit / len(true),
                2 * hit / (2 * hit + missed + wrong),
                5 * hit / (5 * hit + 4 * missed + wrong),
                true == told,
            ]
        )

    scores = label_scores(truth, labels)

    assert list(scores.values()) == pytest.approx(np.mean(found, axis=0))


def test_f_scores_agree_with_torchmetrics() -> None:
    truth, probabilities = drawn(0)
    scores = label_scores(truth, give_labels(probabilities, 0.4))
    images = torch.from_numpy(probabilities)[:, :, None], torch.from_numpy(truth).long()[:, :, None]

    for name, beta in (("f1", 1.0), ("f2", 2.0)):
        reference = multilabel_fbeta_score(
            *images, beta, CLASSES, average="micro", threshold=0.4, multidim_average="samplewise"
        )
        assert scores[name] == pytest.approx(float(reference.mean()), abs=1e-6)


def test_perfect_and_wholly_wrong() -> None:
    truth = np.eye(3, dtype=bool)

    assert set(label_scores(truth, truth).values()) == {1.0}
    assert set(label_scores(truth, np.roll(truth, 1, axis=1)).values()) == {0.0}
    assert set(label_scores(truth, np.zeros_like(truth)).values()) == {0.0}


def test_without_a_threshold_the_likeliest_class_is_given() -> None:
    labels = give_labels(np.array([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]], np.float32), 0)

    assert labels.tolist() == [[False, True, False], [True, False, False]]


def test_the_threshold_is_the_best_of_all() -> None:
    truth, probabilities = drawn(3)
    scores = {one: label_scores(truth, probabilities >= one)["f1"] for one in THRESHOLDS}

    assert scores[best_threshold(truth, probabilities)] == max(scores.values())


@pytest.mark.parametrize("shapes", [((2, 3), (2, 4)), ((0, 3), (0, 3))])
def test_what_cannot_be_compared_is_refused(shapes: tuple) -> None:
    with pytest.raises(InputError, match="one row for each image"):
        label_scores(*(np.ones(shape, bool) for shape in shapes))
