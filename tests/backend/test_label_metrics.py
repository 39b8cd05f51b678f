"""Scores of classes agree with sets and with torchmetrics; the threshold is the best one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import (
    multilabel_average_precision,
    multilabel_fbeta_score,
    multilabel_precision,
    multilabel_recall,
)

from unclouded.backend.errors import InputError
from unclouded.backend.label_metrics import (
    THRESHOLDS,
    average_precisions,
    average_scores,
    best_threshold,
    class_scores,
    confusions,
    give_labels,
    label_scores,
    tallies,
    threshold_curve,
)

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


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(deadline=None, max_examples=25)
def test_scores_of_classes_are_those_of_counting(seed: int, images: int) -> None:
    truth, probabilities = drawn(seed, images)
    labels = give_labels(probabilities, 0.5)

    scores = class_scores(tallies(truth, labels).sum(axis=0))

    for number, (true, told) in enumerate(zip(truth.T.tolist(), labels.T.tolist(), strict=True)):
        hits = sum(one and other for one, other in zip(true, told, strict=True))
        found = [values[number] for values in scores.values()]
        if not sum(true) + sum(told):
            assert np.isnan(found).all()
            continue
        wrong, missed = sum(told) - hits, sum(true) - hits
        expected = [hits / max(sum(told), 1), hits / max(sum(true), 1)]
        expected += [(1 + b**2) * hits / ((1 + b**2) * hits + b**2 * missed + wrong) for b in (1, 2)]
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("average", ["macro", "micro"])
@pytest.mark.parametrize("nowhere", [0, 1])
def test_averages_over_classes_agree_with_torchmetrics(average: str, nowhere: int) -> None:
    """Torchmetrics gives 0 to a class that is neither true nor given, so it does not get to see it."""
    truth, probabilities = drawn(1)
    truth[:, : 2 * nowhere] = False  # the second of them is given all the same
    truth[:, 2] |= ~truth.any(axis=1)
    probabilities[:, :nowhere] = 0
    scores = average_scores(tallies(truth, give_labels(probabilities, 0.4)).sum(axis=0))
    images = torch.from_numpy(probabilities)[:, nowhere:], torch.from_numpy(truth).long()[:, nowhere:]
    options = {"num_labels": CLASSES - nowhere, "average": average, "threshold": 0.4}

    assert scores[f"{average}_precision"] == pytest.approx(float(multilabel_precision(*images, **options)), abs=1e-6)
    assert scores[f"{average}_recall"] == pytest.approx(float(multilabel_recall(*images, **options)), abs=1e-6)
    for name, beta in (("f1", 1.0), ("f2", 2.0)):
        reference = multilabel_fbeta_score(*images, beta, **options)
        assert scores[f"{average}_{name}"] == pytest.approx(float(reference), abs=1e-6)


def test_averages_of_many_sums_are_those_of_each() -> None:
    counts = np.stack([tallies(*(drawn(seed)[0] for seed in (seed, seed + 1))).sum(axis=0) for seed in range(4)])

    together = average_scores(counts)

    for number, each in enumerate(counts):
        assert {name: values[number] for name, values in together.items()} == pytest.approx(average_scores(each))


@pytest.mark.parametrize("digits", [1, 6])
def test_average_precision_agrees_with_torchmetrics_also_where_probabilities_are_equal(digits: int) -> None:
    truth, probabilities = drawn(2)
    probabilities = probabilities.round(digits)
    reference = multilabel_average_precision(
        torch.from_numpy(probabilities), torch.from_numpy(truth).long(), CLASSES, average="none"
    )

    np.testing.assert_allclose(average_precisions(truth, probabilities), reference.numpy(), atol=1e-6)


def test_a_class_that_no_image_has_has_no_average_precision() -> None:
    found = average_precisions(np.array([[True, False]]), np.array([[0.2, 0.9]], np.float32))

    assert found[0] == 1
    assert np.isnan(found[1])


def test_the_curve_has_the_scores_of_each_threshold() -> None:
    truth, probabilities = drawn(4)
    precision, recall = threshold_curve(truth, probabilities)

    assert len(precision) == len(recall) == len(THRESHOLDS)
    assert (np.diff(recall) <= 0).all()
    for number in (0, 20, 40):
        scores = label_scores(truth, probabilities >= THRESHOLDS[number])
        assert (precision[number], recall[number]) == (scores["precision"], scores["recall"])


def test_confusions_are_those_of_counting_images() -> None:
    truth, probabilities = drawn(5, 12)
    truth[:, 6] = False
    labels = give_labels(probabilities, 0.5)
    found = confusions(truth, labels)

    for row in range(CLASSES):
        for column in range(CLASSES):
            images = [i for i in range(12) if truth[i, row] and (row == column or not truth[i, column])]
            if images:
                assert found[row, column] == pytest.approx(np.mean([labels[i, column] for i in images]))
            else:
                assert np.isnan(found[row, column])


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_the_order_of_images_and_classes_does_not_matter(seed: int) -> None:
    truth, probabilities = drawn(seed)
    random = np.random.default_rng(seed)
    images, classes = random.permutation(len(truth)), random.permutation(CLASSES)
    labels = give_labels(probabilities, 0.5)
    moved = truth[images][:, classes], labels[images][:, classes]

    assert label_scores(*moved) == pytest.approx(label_scores(truth, labels))
    assert average_scores(tallies(*moved).sum(axis=0)) == pytest.approx(
        average_scores(tallies(truth, labels).sum(axis=0))
    )
    np.testing.assert_allclose(confusions(*moved), confusions(truth, labels)[classes][:, classes])
