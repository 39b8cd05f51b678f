"""Cases with same-day truth on the validation places, in the settings that users come with, and how methods fare."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .. import methods
from ..datasets.collection import Collection
from ..datasets.samples import RGB, Choices, Sample, draw_scene, select
from ..inference import Generator
from ..observation import Observation, Reconstruction
from ..protocol import NEED_DATES
from ..sensors import BY_COUNT, NAMES, Float

COVER = (0.05, 0.85)
"""Share of a case that is masked."""
DATES = 3
INTERVAL_90 = 1.645


@dataclass(frozen=True)
class Case:
    place: str
    """Cases of one group of places are not independent."""
    sample: Sample


@dataclass(frozen=True)
class Setting:
    """What a user has."""

    name: str
    bands: tuple[str, ...] = NAMES
    sar: bool = False
    dates: bool = False


SETTINGS = (
    Setting("13 bands"),
    Setting("12 bands", BY_COUNT[12]),
    Setting("10 bands", BY_COUNT[10]),
    Setting("4 bands", BY_COUNT[4]),
    Setting("3 bands", RGB),
    Setting("13 bands and SAR", sar=True),
    Setting("13 bands and dates", dates=True),
    Setting("4 bands and dates", BY_COUNT[4], dates=True),
    Setting("13 bands, SAR and dates", sar=True, dates=True),
)


@dataclass(frozen=True)
class Score:
    """One method on one case, in reflectance."""

    error: float
    """Mean absolute error under the mask."""
    clear_error: float
    """The same outside the mask, where haze may lie."""
    coverage: float
    """Share of the pixels under the mask within 1.645 times the uncertainty; NaN if there is none."""


def draw_cases(collection: Collection, each: int, seed: int = 0) -> list[Case]:
    """Draws partly clouded scenes of every place, with all that there is of bands, SAR and real dates.

    Args:
        collection: Places and clouds, all of them unseen in training.
        each: Cases of each place.
        seed: Fixes them.
    """
    cases = []
    for place in collection.places:
        rng = np.random.default_rng((seed, *place.name.encode()))
        choices = Choices(bands=NAMES, dates=DATES, sar=True, real_dates=True)
        found = 0
        while found < each:
            sample = draw_scene(place, collection, rng, choices)
            if COVER[0] <= sample.observation.cloud.mean() <= COVER[1]:
                cases.append(Case(place.group or place.name, sample))
                found += 1
    return cases


def in_setting(case: Case, setting: Setting) -> Sample | None:
    """Gives what a user with this setting has of a case; None if the case lacks something of it."""
    observation = case.sample.observation
    bands = tuple(name for name in setting.bands if name in observation.bands)
    lacks_sar = setting.sar and (observation.sar is None or np.isnan(observation.sar).all())
    lacks_dates = setting.dates and (observation.dates_clear is None or not observation.dates_clear.any())
    if lacks_sar or lacks_dates or not set(RGB) <= set(bands):
        return None
    chosen = select(case.sample, bands)
    observation = chosen.observation
    if not setting.sar:
        observation = dataclasses.replace(observation, sar=None)
    if not setting.dates:
        observation = dataclasses.replace(observation, dates=None, dates_clear=None, days=None, dates_shift=None)
    return dataclasses.replace(chosen, observation=observation)


def reconstructions(
    observation: Observation, generator: Generator, prior: dict[str, float]
) -> Iterator[tuple[str, Reconstruction]]:
    """Yields every method's name and what it makes of an observation."""
    for name, guess in _baselines(observation, prior).items():
        yield name, Reconstruction(guess, np.full_like(guess, np.nan))
    for name, method in methods.UNTRAINED.items():
        if observation.dates is not None or name not in NEED_DATES:
            yield name, method(observation)
    yield "generator", generator([observation])[0]


def _baselines(observation: Observation, prior: dict[str, float]) -> dict[str, Float]:
    clear = observation.clear
    constant = np.array([prior[name] for name in observation.bands], np.float32)
    mean = observation.optical[:, clear].mean(axis=1) if clear.any() else constant
    shape = observation.optical.shape
    return {
        "identity": observation.optical,
        "constant": np.broadcast_to(constant[:, None, None], shape),
        "clear mean": np.broadcast_to(mean[:, None, None], shape),
        "background": observation.background,
    }


def score(sample: Sample, found: Reconstruction) -> Score:
    """Compares a reconstruction with the truth, both clipped to 0..1."""
    error = np.abs(np.clip(found.reflectance, 0, 1) - np.clip(sample.truth, 0, 1))
    masked = sample.known & sample.observation.cloud
    clear = sample.known & ~sample.observation.cloud
    inside = error[:, masked] <= INTERVAL_90 * found.uncertainty[:, masked]
    known = np.isfinite(found.uncertainty).all()
    return Score(
        float(error[:, masked].mean()),
        float(error[:, clear].mean()) if clear.any() else float("nan"),
        float(inside.mean()) if known else float("nan"),
    )
