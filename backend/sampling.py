"""Several reconstructions of the same window, from a network that draws them: their mean and how they differ."""

from __future__ import annotations

import numpy as np

from .errors import UsageError
from .observation import Reconstruction
from .sensors import Float


def draw_latents(name: str, latent: int, samples: int, seed: int) -> list[Float | None]:
    """Gives the latents of a job, the same for the same seed.

    Args:
        name: Of the generator, for errors.
        latent: Numbers in a latent; 0 for a network that takes none.
        samples: How many latents; the first ones do not depend on it.
        seed: 0 or more.

    Returns:
        One z ~ N(0, I) of shape (latent,) for each sample; [None] for a network that takes none.

    Raises:
        UsageError: There is to be no sample, or several of a network that always says the same.
    """
    if samples < 1 or seed < 0:
        raise UsageError(
            f"{samples} samples of seed {seed} were asked for; 1 or more of seed 0 or more were expected.",
            "Give for example 8 samples of seed 0.",
        )
    if latent == 0:
        if samples > 1:
            raise UsageError(
                f"{samples} samples were asked for, but the method {name!r} always gives the same reconstruction.",
                "Leave samples at 1, or choose a generator that draws its reconstructions.",
            )
        return [None]
    return list(np.random.default_rng(seed).standard_normal((samples, latent), np.float32))


class Moments:
    """Mean and standard deviation of reconstructions that come one by one (Welford, 1962)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Float = np.zeros((), np.float32)
        self._squares: Float = np.zeros((), np.float32)

    def add(self, sample: Reconstruction) -> None:
        """Takes a sample into account; its own uncertainty is not."""
        self._count += 1
        change = sample.reflectance - self._mean
        self._mean = self._mean + change / np.float32(self._count)
        self._squares = self._squares + change * (sample.reflectance - self._mean)

    def result(self) -> Reconstruction:
        """Gives the mean of two samples or more, with their standard deviation (divisor N - 1) as uncertainty."""
        return Reconstruction(self._mean, np.sqrt(self._squares / np.float32(self._count - 1)))
