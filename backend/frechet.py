"""How far a set of images is from another, by what a classifier sees in them, and whether it has the same variety.

Frechet distance of features (Heusel et al., 2017; for clouds Zotov and Gamper, 2020), and two figures that show what it
may hide: a generator that paints the same ground under all clouds. One is the inception score (Salimans et al., 2016),
also for classifiers of several classes an image; the other is the variance of the features against that of clear
images, since a classifier that is unsure of everything fools the first.

Everything is a sum over images: what was measured in parts is added, and memory does not grow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

from .errors import InputError

Double = NDArray[np.float64]

FOLDS = 8
"""Parts that images are divided into, of which one at a time is left out."""
MINIMUM = 32
"""Images without which there is no distance."""
LEAST_IN_FOLD = 2


@dataclass(frozen=True)
class Moments:
    """Mean and scatter of feature vectors, in float64.

    Centred throughout: vectors are taken relative to the mean of their part, and parts are put together by the
    difference of their means, so that nothing large is subtracted from something large (Chan et al., 1979).
    """

    count: int
    mean: Double
    """(F,)"""
    scatter: Double
    """(F, F) sum of (x - mean) (x - mean)^T."""

    @classmethod
    def none(cls, features: int) -> Moments:
        """Gives those of no vector of so many features."""
        return cls(0, np.zeros(features), np.zeros((features, features)))

    @classmethod
    def of(cls, vectors: ArrayLike) -> Moments:
        """Gives those of (N, F) vectors."""
        x: Double = np.asarray(vectors, np.float64)
        if not len(x):
            return cls.none(x.shape[1])
        mean = x.mean(axis=0)
        return cls(len(x), mean, (x - mean).T @ (x - mean))

    def __add__(self, other: Moments) -> Moments:
        if not other.count:
            return self
        count = self.count + other.count
        apart, share = other.mean - self.mean, other.count / count
        between = self.count * share * np.outer(apart, apart)
        return Moments(count, self.mean + share * apart, self.scatter + other.scatter + between)

    @property
    def covariance(self) -> Double:
        """(F, F) without bias: scatter / (count - 1)."""
        return self.scatter / max(self.count - 1, 1)


@dataclass(frozen=True)
class ClassSums:
    """Sums of class probabilities and of their entropies, for the inception score."""

    count: int
    probabilities: Double
    """(K,) sums."""
    entropy: float
    """Sum over images, in nats: of the K classes together (softmax), or of each for itself (sigmoid)."""
    exclusive: bool
    """Whether an image has one class (softmax), or any number (sigmoid)."""

    @classmethod
    def of(cls, probabilities: ArrayLike, exclusive: bool) -> ClassSums:
        """Gives those of (N, K) probabilities."""
        p: Double = np.asarray(probabilities, np.float64)
        return cls(len(p), p.sum(axis=0), float(_entropy(p, exclusive).sum()), exclusive)

    def __add__(self, other: ClassSums) -> ClassSums:
        return ClassSums(
            self.count + other.count,
            self.probabilities + other.probabilities,
            self.entropy + other.entropy,
            self.exclusive,
        )

    @property
    def information(self) -> float:
        """What an image tells of its classes, in nats: 0 if all images show the same. NaN without images.

        Softmax: E KL(p(y|x) || p(y)) = H(p(y)) - E H(p(y|x)), p(y) the mean of p(y|x). Sigmoid: every class k is a
        yes or no of its own, and the sum over classes of E KL(p_k(x) || p_k) = H(p_k) - E H(p_k(x)) takes its place,
        H(p) = -p log p - (1 - p) log(1 - p): the divergence of the distributions of all yes and no together, if the
        classes do not depend on each other.
        """
        if not self.count:
            return math.nan
        whole = float(_entropy(self.probabilities[None] / self.count, self.exclusive)[0])
        return max(whole - self.entropy / self.count, 0.0)

    @property
    def score(self) -> float:
        """The inception score exp(information): 1 if all images show the same; with softmax at most K."""
        return math.exp(self.information)


def _entropy(probabilities: Double, exclusive: bool) -> Double:
    """(N, K) to (N,) nats."""
    found: Double = entr(probabilities).sum(axis=1)
    return found if exclusive else found + entr(1 - probabilities).sum(axis=1)


@dataclass(frozen=True)
class Seen:
    """What a classifier sees in a set of images."""

    folds: tuple[Moments, ...]
    """Of the features, FOLDS parts: images of one scene belong into one of them."""
    classes: ClassSums

    @classmethod
    def none(cls, features: int, classes: int, exclusive: bool) -> Seen:
        """Gives what is seen in no images."""
        nothing = ClassSums.of(np.zeros((0, classes)), exclusive)
        return cls((Moments.none(features),) * FOLDS, nothing)

    @classmethod
    def of(cls, features: ArrayLike, probabilities: ArrayLike, scenes: ArrayLike, exclusive: bool) -> Seen:
        """Gives what is seen in some images.

        Args:
            features: (N, F)
            probabilities: (N, K)
            scenes: (N,) whole numbers of the scenes that they show, which take turns in the folds; or one for all.
            exclusive: See ClassSums.
        """
        vectors: Double = np.asarray(features, np.float64)
        turns = np.broadcast_to(np.asarray(scenes) % FOLDS, len(vectors))
        folds = tuple(Moments.of(vectors[turns == fold]) for fold in range(FOLDS))
        return cls(folds, ClassSums.of(probabilities, exclusive))

    def __add__(self, other: Seen) -> Seen:
        folds = tuple(one + more for one, more in zip(self.folds, other.folds, strict=True))
        return Seen(folds, self.classes + other.classes)

    @property
    def moments(self) -> Moments:
        """Of all images."""
        return _together(self.folds)

    def vector(self) -> Double:
        """Gives all sums as one vector, for other processes and files; from_vector takes it back."""
        parts = [np.concatenate([[each.count], each.mean, each.scatter.ravel()]) for each in self.folds]
        classes = self.classes
        return np.concatenate([*parts, [classes.count, classes.entropy], classes.probabilities])

    def from_vector(self, vector: Double) -> Seen:
        """Gives what a vector holds, of the same numbers of features and classes as these."""
        features = len(self.folds[0].mean)
        parts = vector[: FOLDS * (1 + features + features**2)].reshape(FOLDS, -1)
        folds = tuple(
            Moments(round(part[0]), part[1 : features + 1], part[features + 1 :].reshape(features, features))
            for part in parts
        )
        count, entropy, *probabilities = vector[parts.size :]
        return Seen(folds, ClassSums(round(count), np.array(probabilities), float(entropy), self.classes.exclusive))


@dataclass(frozen=True)
class Distance:
    """A Frechet distance estimated from few images."""

    value: float
    """Extrapolated to any number of images; may fall a little below 0."""
    error: float
    """Its standard error, by leaving out parts."""
    plain: float
    """That of the images alone, which is too large."""
    count: int
    """Of the images, the fewer of both sets."""


def frechet_distance(a: Moments, b: Moments) -> float:
    """Gives |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)) of means m and covariances S.

    (Dowson and Landau, 1982)

    The eigenvalues of S_a S_b are those of the symmetric S_a^(1/2) S_b S_a^(1/2) = M M^T with M = S_a^(1/2)
    S_b^(1/2), and the square roots of these are the singular values of M: nothing becomes complex, and no root of a
    rounding error is taken.

    Raises:
        InputError: A set has fewer than two vectors, or they differ in their number of features.
    """
    if len(a.mean) != len(b.mean) or min(a.count, b.count) < 2:
        raise InputError(
            f"{a.count} vectors of {len(a.mean)} features were compared with {b.count} of {len(b.mean)}; two or more "
            "of equally many were expected.",
            "Take features of one classifier.",
        )
    common = np.linalg.svd(_root(a.covariance) @ _root(b.covariance), compute_uv=False).sum()
    apart = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance) + np.trace(b.covariance) - 2 * common
    return max(float(apart), 0.0)


def _root(covariance: Double) -> Double:
    """Gives the symmetric square root; eigenvalues that are rounding errors count as 0."""
    values, vectors = np.linalg.eigh(covariance)
    sure = np.where(values > len(values) * np.finfo(np.float64).eps * values[-1], values, 0)
    root: Double = (vectors * np.sqrt(sure)) @ vectors.T
    return root


def estimate_distance(a: Seen, b: Seen) -> Distance:
    """Gives the Frechet distance of two sets of images, freed of the bias of few images.

    The plain distance of N images is too large by about c / N (Chong and Forsyth, 2020). Theirs is a line in 1 / N
    through distances of subsets, read off at 1 / N = 0. Here the subsets leave out one of the FOLDS parts, the same of
    both sets: the line through their mean distance and that of all images is the jackknife of Quenouille (1956), which
    also has a standard error (Tukey, 1958). With D of all images, D_j without part j, n and n_j images:
    value = (n D - n' mean D_j) / (n - n'), n' = the mean of n_j.

    In simulations nothing is left of the bias from twice as many images as features on. With fewer, some of it stays
    (with half as many a third to two thirds), and only distances from equally many images are to be compared.

    Args:
        a: One set.
        b: The other; where both show the same scenes, a scene has the same fold in both.

    Raises:
        InputError: A set has fewer than MINIMUM images, or a part fewer than LEAST_IN_FOLD.
    """
    least = min(fold.count for seen in (a, b) for fold in seen.folds)
    count = min(a.moments.count, b.moments.count)
    if count < MINIMUM or least < LEAST_IN_FOLD:
        raise InputError(
            f"A Frechet distance needs {MINIMUM} images or more from {FOLDS} scenes or more; there are {count}"
            + (" from fewer scenes." if count >= MINIMUM else "."),
            "Give more images.",
        )
    plain = frechet_distance(a.moments, b.moments)
    without = np.array([frechet_distance(_without(a, fold), _without(b, fold)) for fold in range(FOLDS)])
    fewer = float(np.mean([min(_without(a, fold).count, _without(b, fold).count) for fold in range(FOLDS)]))
    value = (count * plain - fewer * float(without.mean())) / (count - fewer)
    error = math.sqrt((FOLDS - 1) / FOLDS * float(((without - without.mean()) ** 2).sum()))
    return Distance(value, error, plain, count)


def relative_variety(a: Seen, b: Seen) -> float:
    """Gives tr S_a / tr S_b, the variance of the features of a set relative to that of another, the clear images.

    Returns:
        1 for a set that is as varied, 0 for one that shows the same everywhere; NaN without two images of each.
    """
    if min(a.moments.count, b.moments.count) < 2 or not np.trace(b.moments.covariance):
        return math.nan
    return float(np.trace(a.moments.covariance) / np.trace(b.moments.covariance))


def _without(seen: Seen, fold: int) -> Moments:
    return _together([each for place, each in enumerate(seen.folds) if place != fold])


def _together(folds: Sequence[Moments]) -> Moments:
    return sum(folds[1:], folds[0])
