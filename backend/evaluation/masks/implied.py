"""The cloud masks that generators imply: what they distrust in an image, or what they would change of it.

No generator is told where the clouds are: one that takes a mask would only give it back. It is told that nothing is
cloud, and that all is, which tell it nothing; its background and the shift of its dates follow from what it is told.

- *Attention*: a generator of several dates that weighs them calls cloud what it takes less of from the image than
  an equal share, w < 1 / T of T frames; the score is 1 - w.
- *Change*: any generator calls cloud what its own image, before clear pixels are put back, changes by more than
  CHANGED, |output - input| in the mean over bands; this is the score.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...datasets.samples import with_context
from ...encoding import read_encoding
from ...errors import ModelError
from ...inference import Generator, check_fit
from ...observation import Observation
from ...sensors import Bool, Float

CHANGED = 0.02
"""Reflectance in the mean over bands."""
TOLD = {"": False, "told clear": False, "told cloud": True}
"""What a generator is told of all pixels, nothing if it takes no mask; and whether its mask is set."""

Way = Literal["attention", "change"]


@dataclass(frozen=True)
class Implied:
    """A mask without being told one."""

    score: Float
    """(H, W) 0..1, high for cloud."""
    cloud: Bool
    """(H, W)"""


@dataclass(frozen=True)
class Question:
    """A way to ask a generator where clouds are."""

    generator: Generator
    way: Way
    told: str
    """One of TOLD."""

    @property
    def name(self) -> str:
        return f"{self.generator.card.name}: {self.way}{', ' * bool(self.told)}{self.told}"

    def lacks(self, observation: Observation) -> str:
        """Says what an observation lacks for it; empty if nothing."""
        seen, card = observation.only(self._bands(observation)), self.generator.card
        dates = seen.dates is not None
        try:
            check_fit(card, seen.bands, seen.level, seen.sar is not None, dates)
        except ModelError as error:
            return error.message
        return "" if dates or self.way == "change" else f"The attention of {card.name!r} needs other dates."

    def ask(self, observation: Observation) -> Implied:
        """Gives the mask that the generator implies.

        Raises:
            ModelError: See lacks.
        """
        known = observation.only(self._bands(observation))
        seen = uninformed(known, TOLD[self.told], self.generator.card.prior)
        if self.way == "attention":
            return distrusted(self.generator.attention(seen))
        return changed(self.generator([seen])[0].reflectance, seen.optical)

    def _bands(self, observation: Observation) -> list[str]:
        return [name for name in observation.bands if name in self.generator.card.bands]


def questions(generator: Generator) -> list[Question]:
    """Gives all ways to ask a generator: attention first; told twice if it takes a mask."""
    encoding = read_encoding(generator.card.encoding)
    masked = encoding.layout == "fusion" or encoding.masks
    ways: list[Way] = ["attention", "change"] if generator.weighs_dates else ["change"]
    return [
        Question(generator, way, told) for way in ways for told in (["told clear", "told cloud"] if masked else [""])
    ]


def uninformed(observation: Observation, cloudy: bool, prior: Mapping[str, float]) -> Observation:
    """Takes away what an observation says of its clouds: all of it is clear, or all is cloud."""
    mask = observation.valid & cloudy
    return with_context(dataclasses.replace(observation, cloud=mask), prior)


def distrusted(weights: Float) -> Implied:
    """Gives the mask of weights (T, H, W): what is taken of frame 0 is less than its equal share."""
    return Implied(1 - weights[0], weights[0] < 1 / len(weights))


def changed(output: Float, optical: Float) -> Implied:
    """Gives the mask of a change: (C, H, W) each, clipped to 0..1."""
    score: Float = np.abs(np.clip(output, 0, 1) - np.clip(optical, 0, 1)).mean(axis=0)
    return Implied(score, score > CHANGED)


def brightness(optical: Float) -> Float:
    """Gives the mean over bands of (C, H, W), clipped to 0..1: the score of who knows that clouds are bright."""
    bright: Float = np.clip(optical, 0, 1).mean(axis=0)
    return bright
