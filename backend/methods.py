"""Reconstruction without training, from other dates or the clear ground around: the baselines of every table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from .errors import UsageError
from .observation import Observation, Reconstruction
from .protocol import NEED_DATES
from .sensors import Bool, Float

SIGMA_PX = 6.0
TRUNCATE = 4.0
OVERLAP_PX = int(SIGMA_PX * TRUNCATE)
PRIOR_WEIGHT = 0.01
"""Of the background beside the clear pixels near by, whose weights add up to 1 where all is clear."""
TYPICAL_DEVIATION = 0.03
"""Reflectance by which ground differs from its background where nothing near by tells."""
DAMPING = 0.1


@dataclass(frozen=True)
class Untrained:
    """A method of this file as an observation.Method."""

    reconstruct: Callable[[Observation], Reconstruction]
    overlap_px: int = OVERLAP_PX
    align_px: int = 1
    beyond_scene: bool = True
    tile_px: int = 512
    batch_size: int = 1

    def __call__(self, observations: list[Observation]) -> list[Reconstruction]:
        """Reconstructs each window on its own."""
        return [self.reconstruct(observation) for observation in observations]


def inpaint(observation: Observation) -> Reconstruction:
    """Fills from the clear pixels near by, and from the background where there are none.

    Normalised convolution (Knutsson and Westin, 1993) with a Gaussian g and the background b as prior of weight w:
    x = (g * (m y) + w b) / (g * m + w), m being 1 on clear pixels. The uncertainty is the spread of the same pixels
    under the same weights: (g * (m (y - b)^2) + w t^2) / (g * m + w) - (x - b)^2 is its square, t being the typical
    deviation from the background.
    """
    clear = observation.clear.astype(np.float32)
    weight = _smooth(clear) + PRIOR_WEIGHT
    deviation = (observation.optical - observation.background) * clear
    mean = _smooth(deviation) / weight
    squares = (_smooth(deviation**2) + PRIOR_WEIGHT * TYPICAL_DEVIATION**2) / weight
    variance = np.maximum(squares - mean**2, 0)
    return Reconstruction((observation.background + mean).astype(np.float32), np.sqrt(variance).astype(np.float32))


def least_cloudy(observation: Observation) -> Reconstruction:
    """Takes each pixel from the least cloudy date of the scene on which it is clear."""
    dates, clear = _dates_of(observation)
    first = np.argmax(clear, axis=0)
    values = np.take_along_axis(dates, first[None, None], axis=0)[0]
    return _completed(observation, values)


def median(observation: Observation) -> Reconstruction:
    """Takes the median of each pixel's clear dates."""
    dates, clear = _dates_of(observation)
    ordered = np.sort(np.where(clear[:, None], dates, np.float32(np.inf)), axis=0)
    count = clear.sum(axis=0)
    lower = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None, None] // 2, axis=0)[0]
    upper = np.take_along_axis(ordered, np.minimum(count // 2, len(dates) - 1)[None, None], axis=0)[0]
    values = np.where(count > 0, lower / 2 + upper / 2, np.float32(0))
    return _completed(observation, values)


def interpolate(observation: Observation) -> Reconstruction:
    """Interpolates in time, damped: the smooth series that stays near what is clear.

    Solves (I + a D'D) x = M y + (1 - M) x, which is (M + a D'D) x = M y, for the series of each pixel, the image's own
    day included. M is 1 on clear dates; D is the difference of neighbouring dates over the square root of the days
    between (in units of their mean). The system is tridiagonal and solved directly.
    """
    dates, clear = _dates_of(observation)
    if observation.days is None:
        raise ValueError("dates without days")
    days = np.append(observation.days, 0.0)
    order = np.argsort(days, kind="stable")
    series = np.concatenate([dates, observation.optical[None]])[order]
    seen = np.concatenate([clear, observation.clear[None]])[order].astype(np.float32)
    gaps = np.maximum(np.diff(days[order]), 0.5)
    stiffness = (DAMPING * gaps.mean() / gaps).astype(np.float32)
    solved = _solve_tridiagonal(seen, stiffness, series * seen[:, None])
    return _completed(observation, solved[int(np.flatnonzero(order == len(dates))[0])])


def _solve_tridiagonal(seen: Float, stiffness: Float, right: Float) -> Float:
    """Solves (diag(seen) + D'KD) x = right for each pixel by the Thomas algorithm.

    Args:
        seen: (T, H, W)
        stiffness: (T - 1,) between neighbours in time.
        right: (T, C, H, W)

    Returns:
        (T, C, H, W); of no meaning where nothing was seen.
    """
    below = np.append(0.0, stiffness).astype(np.float32)
    above = np.append(stiffness, 0.0).astype(np.float32)
    solved: Float = right.copy()
    ratio = np.zeros_like(seen)
    for t in range(len(seen)):
        previous = ratio[t - 1] if t else np.float32(0)
        pivot = np.maximum(seen[t] + below[t] + above[t] - below[t] * previous, 1e-6)
        ratio[t] = above[t] / pivot
        solved[t] = (right[t] + below[t] * (solved[t - 1] if t else 0)) / pivot
    for t in range(len(seen) - 2, -1, -1):
        solved[t] += ratio[t] * solved[t + 1]
    return solved


def _dates_of(observation: Observation) -> tuple[Float, Bool]:
    if observation.dates is None or observation.dates_clear is None:
        raise ValueError("a method of several dates was called without dates")
    return observation.dates, observation.dates_clear


def _completed(observation: Observation, values: Float) -> Reconstruction:
    """Fills what no date shows from the surroundings; the spread of two dates or more is the uncertainty."""
    dates, clear = _dates_of(observation)
    count = clear.sum(axis=0)
    filled = inpaint(observation)
    total = np.maximum(count, 1).astype(np.float32)
    mean = (dates * clear[:, None]).sum(axis=0) / total
    variance = (((dates - mean) ** 2) * clear[:, None]).sum(axis=0) / np.maximum(total - 1, 1)
    return Reconstruction(
        np.where(count > 0, values, filled.reflectance).astype(np.float32),
        np.where(count > 1, np.sqrt(variance), filled.uncertainty).astype(np.float32),
    )


def _smooth(array: Float) -> Float:
    sigma = (0,) * (array.ndim - 2) + (SIGMA_PX, SIGMA_PX)
    smoothed: Float = gaussian_filter(array, sigma, mode="constant", truncate=TRUNCATE)
    return smoothed


UNTRAINED: dict[str, Callable[[Observation], Reconstruction]] = {
    "inpaint": inpaint,
    "least-cloudy": least_cloudy,
    "median": median,
    "interpolate": interpolate,
}


def find_method(name: str, dates: int) -> Untrained:
    """Gives a method by its name.

    Args:
        name: A key of UNTRAINED.
        dates: How many other dates there are.

    Raises:
        UsageError: The name is unknown, or the method needs dates and there are none.
    """
    if name not in UNTRAINED:
        raise UsageError(f"There is no method {name!r}.", f"Known: generator, {', '.join(UNTRAINED)}.")
    if name in NEED_DATES and not dates:
        raise UsageError(
            f"The method {name} needs other dates of the same place, none were given.", "Give --date FILE."
        )
    return Untrained(UNTRAINED[name])
