"""What a table compares: generators, methods without training, and the trivial rows that keep it honest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..completion import Completed
from ..errors import ModelError, UsageError
from ..inference import Generator, check_fit
from ..methods import UNTRAINED
from ..observation import Observation, Reconstruction
from ..protocol import NEED_DATES
from ..sensors import Float

IDENTITY, CONSTANT, CLEAR_MEAN = "identity", "constant", "clear mean"
ALONE = ", network alone"
"""Behind the name of a generator: its own output everywhere, as papers report it."""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    name: str
    reconstruct: Callable[[Observation], Reconstruction]
    whole: bool = False
    """Whether its image stands for clear pixels too; else those are put back as they were measured."""
    needs_dates: bool = False
    generator: Generator | None = None

    def suits(self, observation: Observation) -> str:
        """Says why it cannot serve for an observation; empty if it can."""
        seen = observation.dates_clear
        if self.needs_dates and (seen is None or not seen.any()):
            return "there are no other dates"
        return "" if self.generator is None else _unfit(self.generator, observation)

    def image(self, observation: Observation, made: Reconstruction) -> Float:
        """Gives what a user gets: (C, H, W) reflectance."""
        if self.whole:
            return made.reflectance
        return np.where(observation.cloud, made.reflectance, observation.optical)

    @property
    def names(self) -> list[str]:
        """Of what is measured, see images."""
        return [self.name] if self.generator is None else [self.name, self.name + ALONE]

    def images(self, observation: Observation, made: Reconstruction) -> dict[str, Float]:
        """Gives what is measured by its name: of a generator what a user gets, and what its network says."""
        both = (self.image(observation, made), made.reflectance)
        return dict(zip(self.names, both, strict=False))


def open_rows(models: Sequence[str], methods: Sequence[str], prior: Mapping[str, float], device: str) -> list[Row]:
    """Gives the rows of a table: the trivial ones, methods, then each generator, by its name.

    Args:
        models: Names of installed generators or paths.
        methods: Names of methods.UNTRAINED; those that need dates come in any case, for cases that have some.
        prior: Mean reflectance of each band in training, for the constant row.
        device: Where generators run.

    Raises:
        UsageError: Two rows would have the same name.
        ModelError: A generator cannot be loaded.
        DeviceError: The device does not exist here.
    """
    found = [
        Row(IDENTITY, lambda seen: _known_nowhere(seen.optical), whole=True),
        Row(CONSTANT, lambda seen: _known_nowhere(_spread(constant(seen, prior), seen)), whole=True),
        Row(CLEAR_MEAN, lambda seen: _known_nowhere(_spread(clear_mean(seen, prior), seen))),
    ]
    wanted = [name for name in UNTRAINED if name in methods or name in NEED_DATES]
    found += [Row(name, UNTRAINED[name], needs_dates=name in NEED_DATES) for name in wanted]
    found += [_row_of(model, prior, device) for model in models]
    names = [row.name for row in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"Several generators or methods are called {', '.join(twice)}.", "Name each of them once.")
    return found


def constant(observation: Observation, prior: Mapping[str, float]) -> Float:
    """(C,) mean reflectance of each band in training."""
    return np.array([prior[name] for name in observation.bands], np.float32)


def clear_mean(observation: Observation, prior: Mapping[str, float]) -> Float:
    """(C,) mean of the image's own clear pixels; that of the training where there are none."""
    clear = observation.clear
    mean: Float = observation.optical[:, clear].mean(axis=1) if clear.any() else constant(observation, prior)
    return mean


def _row_of(model: str, prior: Mapping[str, float], device: str) -> Row:
    generator = Generator(model, device)
    own_prior = {**prior, **generator.card.prior}

    def reconstruct(observation: Observation) -> Reconstruction:
        seen = observation if observation.clear.any() else _assuming(observation, own_prior)
        known = set(seen.bands) <= set(generator.card.bands)
        return (generator if known else Completed(generator))([seen])[0]

    return Row(generator.card.name, reconstruct, generator=generator)


def _assuming(observation: Observation, prior: Mapping[str, float]) -> Observation:
    """Gives an observation in which nothing is clear the background that a job with the generator would take."""
    return dataclasses.replace(observation, background=_spread(constant(observation, prior), observation))


def _unfit(generator: Generator, observation: Observation) -> str:
    """Says what an observation lacks for a generator."""
    bands = [name for name in observation.bands if name in generator.card.bands]
    dates = observation.dates is not None
    try:
        check_fit(generator.card, bands, observation.level, observation.sar is not None, dates)
    except ModelError as error:
        return error.message.rstrip(".")
    return ""


def _spread(values: Float, observation: Observation) -> Float:
    """(C,) as an image."""
    return np.broadcast_to(values[:, None, None], observation.optical.shape)


def _known_nowhere(image: Float) -> Reconstruction:
    return Reconstruction(image, np.full_like(image, np.nan))
