"""How well classes are given to images that may have several: precision, recall, F1, F2, accuracy.

Each figure is that of one image, then the mean over images, as BigEarthNet's authors report them (Sumbul et al., 2019).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .sensors import Bool

THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(1, 46))
"""Probabilities that are tried as the one from which a class is given."""


def label_scores(truth: Bool, given: Bool) -> dict[str, float]:
    """Compares classes given with true ones.

    Of each image, with h classes that are given and true: precision P = h / given, recall R = h / true,
    F_b = (1 + b^2) P R / (b^2 P + R), each 0 where nothing is right. Accuracy is the share of images whose classes are
    all right and no other.

    Args:
        truth: (N, K) at least one class of each image.
        given: (N, K)

    Raises:
        InputError: The shapes differ, or there is no image.
    """
    if truth.shape != given.shape or truth.ndim != 2 or not len(truth):
        raise InputError(
            f"Classes of shape {given.shape} were compared with {truth.shape}; (images, classes) was expected.",
            "Give one row for each image, and at least one image.",
        )
    hits = (truth & given).sum(axis=1)
    precision = hits / np.maximum(given.sum(axis=1), 1)
    recall = hits / np.maximum(truth.sum(axis=1), 1)
    return {
        "precision": float(precision.mean()),
        "recall": float(recall.mean()),
        "f1": float(_f_score(precision, recall, 1).mean()),
        "f2": float(_f_score(precision, recall, 2).mean()),
        "accuracy": float((truth == given).all(axis=1).mean()),
    }


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


def _f_score(precision: NDArray[np.float64], recall: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    weighted = beta**2 * precision + recall
    score: NDArray[np.float64] = (1 + beta**2) * precision * recall / np.where(weighted > 0, weighted, 1)
    return score
