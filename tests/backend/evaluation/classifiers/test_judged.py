"""Intervals of figures over classes are those of resampling whole groups; constant rows are the best of their kind."""

import numpy as np
import pytest

from unclouded.backend.evaluation.classifiers.judged import Labels, always, class_figures, differences, image_figures
from unclouded.backend.label_metrics import average_scores, label_scores, tallies

CLASSES = ("a", "b", "c", "d")
OFTEN = (0.7, 0.4, 0.2, 0.1)


def drawn(images: int = 60, groups: int = 12, seed: int = 0) -> tuple[Labels, np.ndarray]:
    """True classes, of falling frequency, and given ones: three decisions of four are right, in some groups all."""
    random = np.random.default_rng(seed)
    truth = random.random((images, 4)) < OFTEN
    truth[:, 0] |= ~truth.any(axis=1)
    member = np.arange(images) % groups
    wrong = (random.random(truth.shape) < 0.25) & (member % 3 > 0)[:, None]
    return Labels(CLASSES, [f"g{number}" for number in member], truth), truth ^ wrong


def test_figures_over_classes_are_those_of_all_images_and_resampling_groups() -> None:
    labels, given = drawn()
    found = class_figures(labels, given, 0)
    random, counts = np.random.default_rng(7), tallies(labels.truth, given)
    members = [np.flatnonzero(np.array(labels.groups) == name) for name in sorted(set(labels.groups))]
    resampled = []
    for _ in range(2000):
        images = np.concatenate([members[pick] for pick in random.integers(len(members), size=len(members))])
        resampled.append(average_scores(counts[images].sum(axis=0)))

    for name, value in average_scores(counts.sum(axis=0)).items():
        low, high = np.quantile([scores[name] for scores in resampled], (0.025, 0.975))
        assert found[name].mean == pytest.approx(value)
        assert (found[name].low, found[name].high) == pytest.approx((low, high), abs=0.02)


def test_one_group_has_no_interval() -> None:
    labels, given = drawn(groups=1)

    for figures in (class_figures(labels, given, 0), image_figures(labels, given, 0)):
        assert all(np.isnan(figure.low) and 0 <= figure.mean <= 1 for figure in figures.values())


def test_differences_are_those_of_the_means() -> None:
    labels, given = drawn()
    none = differences(labels, given, given, 0)
    found = differences(labels, labels.truth, given, 0)
    better, worse = label_scores(labels.truth, labels.truth), label_scores(labels.truth, given)

    assert all((figure.mean, figure.low, figure.high) == (0, 0, 0) for figure in none.values())
    assert {name: figure.mean for name, figure in found.items()} == pytest.approx(
        {name: better[name] - worse[name] for name in better}
    )
    assert all(figure.excludes_zero for figure in found.values())


def test_constant_rows_give_the_most_frequent_classes() -> None:
    labels, _ = drawn(200)
    (words, frequent), (_, every) = always(labels).items()
    scores = [label_scores(labels.truth, np.tile(np.arange(4) < count, (200, 1)))["f1"] for count in range(1, 5)]

    assert labels.by_frequency == [0, 1, 2, 3]
    assert frequent[0].sum() == 1 + int(np.argmax(scores))
    assert words == ("the most frequent class, always" if scores.index(max(scores)) == 0 else words)
    assert every.all()
    assert (frequent == frequent[0]).all()


def test_images_of_one_class_are_known_as_such() -> None:
    labels, _ = drawn()

    assert not labels.is_single
    assert Labels(CLASSES, labels.groups[:4], np.eye(4, dtype=bool)).is_single
