"""Cases of haze and thin cloud that are reconstructed as a whole, as `unclouded remove --mask all` does.

There the generator is asked for every pixel, and told which of them the detector takes for cloud: the others count as
clear ground, haze and all, and make up the background. So it is here. What is measured is the whole image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ... import clouds
from ...datasets.pairs import Veil
from ...datasets.samples import Sample, with_context
from ...datasets.skies import RESOLUTION_M, hazed, transplant
from ...sensors import Bool, Float, Level
from ...simulate import simulate
from ..cases import Case, Cases

HAZE = "haze"
"""Names this truth: that of the same day, under haze."""
COVER = (0.4, 1.0)
"""Share of the image that a simulated veil covers."""
THINNED = (0.15, 0.4)
"""What is left of a real cloud that is laid as a thin one."""
LEAST_CHANGE = 0.01
"""Mean change of reflectance from which an image counts as hazy; thinner skies are drawn again."""
TRIES = 8
CLEAR_CHANGE = 0.005
"""Change of a pixel, mean over bands, up to which it is clear."""
CLEAR_SHARE = 0.1
"""Of the image that counts as its clear part at least: its least hazy pixels."""


@dataclass(frozen=True)
class HazyCases(Cases):
    """The same places and days as Cases draws, under haze instead of clouds."""

    def draw(self, index: int) -> Case | str:
        """Draws a case, or says why there is none."""
        case = super().draw(index)
        if isinstance(case, str):
            return case
        rng = np.random.default_rng((self.seed, *HAZE.encode(), *case.name.encode()))
        seen, truth = case.sample.observation, case.sample.truth
        optical = lay_haze(truth, seen.bands, seen.level, self.collection.veils, rng) * seen.valid
        return hazy_case(case, optical, self.collection.prior)


def lay_haze(
    clear: Float, bands: Sequence[str], level: Level, veils: Sequence[Veil], rng: np.random.Generator
) -> Float:
    """Lays haze, a simulated cirrus, or a real cloud made thin over clear ground, one as often as another.

    Args:
        clear: (C, H, W) reflectance.
        bands: Names of the C bands.
        level: Of the image.
        veils: Real clouds; may be empty.
        rng: Chooses everything.

    Returns:
        (C, H, W) reflectance.
    """
    kind = int(rng.integers(3 if veils else 2))
    for _ in range(TRIES):
        if kind == 0:
            optical = hazed(hazed(clear, bands, rng), bands, rng)
        elif kind == 1:
            optical = simulate(clear, bands, rng.uniform(*COVER), rng, level=level, kind="cirrus").optical
        else:
            veil = thinned(veils[int(rng.integers(len(veils)))], rng.uniform(*THINNED))
            optical = transplant(clear, bands, level, veil, rng)[0]
        if np.abs(optical - clear).mean() > LEAST_CHANGE:
            break
    return optical


def thinned(veil: Veil, share: float) -> Veil:
    """Leaves a share of a cloud's opacity and light."""
    left = np.float32(share)
    return Veil(veil.name, veil.opacity * left, veil.path * left)


def hazy_case(case: Case, optical: Float, prior: Mapping[str, float]) -> Case:
    """Gives the case of a hazy image that is replaced as a whole.

    Args:
        case: Whose ground lies under the haze; its own sky is dropped.
        optical: (C, H, W) reflectance under haze, 0 where not measured.
        prior: Mean reflectance of each band, where the detector leaves nothing clear.
    """
    before = case.sample.observation
    seen = dataclasses.replace(
        before, optical=optical, cloud=found_cloud(optical, before.valid, before.bands, before.level)
    )
    seen = with_context(seen, prior)
    whole = Sample(dataclasses.replace(seen, cloud=seen.valid), case.sample.truth, case.sample.known)
    haze = ~clear_part(np.abs(optical - case.sample.truth).mean(axis=0), seen.valid & case.sample.known)
    return dataclasses.replace(case, sample=whole, shown=seen, haze=haze)


def found_cloud(optical: Float, valid: Bool, bands: tuple[str, ...], level: Level) -> Bool:
    """(H, W) what a job without a mask of the user's takes for cloud or shadow.

    Raises:
        InputError: No detector can work with these bands.
    """
    classes = clouds.whole(clouds.choose(bands, level, None, RESOLUTION_M), optical, valid)
    return clouds.grow((classes == clouds.CLOUD) | (classes == clouds.SHADOW), clouds.GROW_PX) & valid


def clear_part(change: Float, known: Bool) -> Bool:
    """(H, W) where the sky is clear in truth, or, where it is so nearly nowhere, the least hazy pixels.

    Args:
        change: (H, W) by how much the sky changed a pixel, in reflectance.
        known: (H, W) pixels that count.
    """
    limit = max(CLEAR_CHANGE, float(np.quantile(change[known], CLEAR_SHARE))) if known.any() else CLEAR_CHANGE
    clear: Bool = known & (change <= limit)
    return clear
