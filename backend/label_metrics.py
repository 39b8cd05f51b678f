"""How well classes are given to images that may have several: precision, recall, F1, F2, accuracy.

label_scores measures one image, then takes the mean over images, as BigEarthNet's authors report it (Sumbul et al.,
2019): common classes weigh most. The figures of classes, and their mean over classes, let rare ones weigh as much.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .sensors import Bool

Values = NDArray[np.float64]
Counts = NDArray[np.int64]
THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(1, 46))
"""Probabilities that are tried as the one from which a class is given."""


def label_scores(truth: Bool, given: Bool) -> dict[str, float]:
    """Gives the mean of image_scores over the images; arguments and errors as there."""
    return {name: float(values.mean()) for name, values in image_scores(truth, given).items()}


def image_scores(truth: Bool, given: Bool) -> dict[str, Values]:
    """Compares the classes given to each image with its true ones.

    Of each image, with h classes that are given and true: precision P = h / given, recall R = h / true,
    F_b = (1 + b^2) P R / (b^2 P + R), each 0 where nothing is right. Accuracy is 1 if the classes are all right and
    there is no other, else 0.

    Args:
        truth: (N, K) at least one class of each image.
        given: (N, K)

    Returns:
        (N,) of precision, recall, f1, f2 and accuracy.

    Raises:
        InputError: The shapes differ, or there is no image.
    """
    if truth.shape != given.shape or truth.ndim != 2 or not len(truth):
        raise InputError(
            f"Classes of shape {given.shape} were compared with {truth.shape}; (images, classes) was expected.",
            "Give one row for each image, and at least one image.",
        )
    hits = (truth & given).sum(axis=1)
    scores = _scores(hits, given.sum(axis=1), truth.sum(axis=1))
    return scores | {"accuracy": (truth == given).all(axis=1).astype(np.float64)}


def tallies(truth: Bool, given: Bool) -> Counts:
    """Gives (N, K, 3) for each image and class: 1 if it is given and true, if it is given, if it is true."""
    return np.stack([truth & given, given, truth], axis=-1).astype(np.int64)


def class_scores(counts: Counts) -> dict[str, Values]:
    """Gives precision, recall, F1 and F2 of each class, reckoned as image_scores does of an image.

    Args:
        counts: (..., K, 3) sums of tallies.

    Returns:
        (..., K); NaN where a class is neither given nor true anywhere.
    """
    hits, given, true = np.moveaxis(counts, -1, 0)
    nowhere = given + true == 0
    return {name: np.where(nowhere, np.nan, values) for name, values in _scores(hits, given, true).items()}


def average_scores(counts: Counts) -> dict[str, Values]:
    """Gives the means of class_scores over classes (`macro_f1` and so on), and the scores of their sums (`micro_f1`).

    Args:
        counts: (..., K, 3) sums of tallies; at least one class is given or true.

    Returns:
        (...); classes that are neither given nor true anywhere do not count.
    """
    macro = {f"macro_{name}": np.nanmean(values, axis=-1) for name, values in class_scores(counts).items()}
    micro = _scores(*np.moveaxis(counts.sum(axis=-2), -1, 0))
    return macro | {f"micro_{name}": values for name, values in micro.items()}


def average_precisions(truth: Bool, probabilities: NDArray[np.float32]) -> Values:
    """Gives the area below each class's precision over recall: sum_n (R_n - R_(n-1)) P_n over falling thresholds.

    Args:
        truth: (N, K)
        probabilities: (N, K)

    Returns:
        (K,); NaN for a class that no image has.
    """
    return np.array([_average_precision(*column) for column in zip(truth.T, probabilities.T, strict=True)])


def threshold_curve(truth: Bool, probabilities: NDArray[np.float32]) -> tuple[Values, Values]:
    """Gives (T,) mean precision and (T,) mean recall of the images at each of THRESHOLDS."""
    scores = [label_scores(truth, give_labels(probabilities, threshold)) for threshold in THRESHOLDS]
    return np.array([score["precision"] for score in scores]), np.array([score["recall"] for score in scores])


def confusions(truth: Bool, given: Bool) -> Values:
    """Tells what is seen where a class is: a confusion matrix for images of several classes.

    Returns:
        (K, K) on the diagonal the share of the images with a class that are given it; beside it the share of the
        images that have the row's class and lack the column's, which are given the column's all the same. NaN where
        there are no such images.
    """
    has, lacks, said = truth.astype(np.float64), (~truth).astype(np.float64), given.astype(np.float64)
    images = np.where(np.eye(truth.shape[1], dtype=bool), has.T @ has, has.T @ lacks)
    told = np.where(np.eye(truth.shape[1], dtype=bool), has.T @ (has * said), has.T @ (lacks * said))
    shares: Values = np.divide(told, images, out=np.full_like(told, np.nan), where=images > 0)
    return shares


def give_labels(probabilities: NDArray[np.float32], threshold: float) -> Bool:
    """Gives each image its classes.

    Args:
        probabilities: (N, K)
        threshold: From which a class is given; 0: the likeliest alone.
    """
    if threshold:
        above: Bool = probabilities >= threshold
        return above
    likeliest: Bool = np.arange(probabilities.shape[1]) == probabilities.argmax(axis=1)[:, None]
    return likeliest


def best_threshold(truth: Bool, probabilities: NDArray[np.float32]) -> float:
    """Gives that of THRESHOLDS with the highest mean F1; to be sought on other images than those that are scored."""
    found = [label_scores(truth, give_labels(probabilities, threshold))["f1"] for threshold in THRESHOLDS]
    return THRESHOLDS[int(np.argmax(found))]


def _scores(hits: NDArray[Any], given: NDArray[Any], true: NDArray[Any]) -> dict[str, Values]:
    """Gives precision, recall, F1 and F2 of counts of any shape, each 0 where nothing is right."""
    precision, recall = hits / np.maximum(given, 1), hits / np.maximum(true, 1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": _f_score(precision, recall, 1),
        "f2": _f_score(precision, recall, 2),
    }


def _f_score(precision: Values, recall: Values, beta: float) -> Values:
    weighted = beta**2 * precision + recall
    score: Values = (1 + beta**2) * precision * recall / np.where(weighted > 0, weighted, 1)
    return score


def _average_precision(truth: Bool, probabilities: NDArray[np.float32]) -> float:
    if not truth.any():
        return float("nan")
    order = np.argsort(-probabilities, kind="stable")
    hits = truth[order].cumsum()
    last = np.append(np.diff(probabilities[order]) < 0, True)  # images of one probability are told together
    hits, told = hits[last], np.flatnonzero(last) + 1
    return float((np.diff(hits, prepend=0) / truth.sum() * hits / told).sum())
