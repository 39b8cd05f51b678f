"""A generator for the bands that it knows, and the clear ground around for those that it does not."""

from __future__ import annotations

import numpy as np

from .inference import Generator
from .methods import OVERLAP_PX, inpaint
from .observation import Observation, Reconstruction


class Completed:
    """A method (see observation.Method) for scenes with more bands than a generator has.

    Args:
        generator: Reconstructs the bands of its card; methods.inpaint fills the others.
    """

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.align_px, self.tile_px = generator.align_px, generator.tile_px
        self.beyond_scene = generator.beyond_scene
        context_px = max(generator.overlap_px, OVERLAP_PX)
        self.overlap_px = -(-context_px // self.align_px) * self.align_px

    @property
    def batch_size(self) -> int:
        """Windows that the generator takes together."""
        return self._generator.batch_size

    def __call__(self, observations: list[Observation]) -> list[Reconstruction]:
        """Reconstructs windows of equal size; see Generator for errors."""
        known = [name for name in observations[0].bands if name in self._generator.card.bands]
        made = self._generator([observation.only(known) for observation in observations])
        return [_merged(one, seen, known) for one, seen in zip(made, observations, strict=True)]


def _merged(made: Reconstruction, observation: Observation, known: list[str]) -> Reconstruction:
    index = [observation.bands.index(name) for name in known]
    filled = inpaint(observation)
    reflectance, uncertainty = np.array(filled.reflectance), np.array(filled.uncertainty)
    reflectance[index], uncertainty[index] = made.reflectance, made.uncertainty
    return Reconstruction(reflectance, uncertainty)
