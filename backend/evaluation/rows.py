"""What a table compares: generators, methods without training, and the trivial rows that keep it honest."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..card import Card, read_card
from ..completion import Completed
from ..errors import ModelError, UsageError
from ..inference import Generator, check_fit
from ..installed import find_model
from ..methods import UNTRAINED
from ..observation import Observation, Reconstruction
from ..protocol import NEED_DATES
from ..sensors import Float

IDENTITY, CONSTANT, CLEAR_MEAN, OFFSET = "identity", "constant", "clear mean", "offset"
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
    told: bool = False
    """Whether it is told where haze lies in truth, which no user knows."""

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
        return [self.name] if self.generator is None or self.whole else [self.name, self.name + ALONE]

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
        UsageError: A generator is given twice, or is called as another row is.
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
    taken = {row.name for row in found}
    for name, path in name_models(models).items():
        if name in taken:
            raise UsageError(f"The generator {path} is called {name}, as a row is.", "Give it another name.")
        found.append(_row_of(name, path, prior, device))
    return found


def whole_rows(rows: Sequence[Row]) -> list[Row]:
    """Gives rows for images that are replaced as a whole, haze and all, with the one that such images call for."""
    whole = [dataclasses.replace(row, whole=True) for row in rows]
    trivial = [row for row in whole if row.generator is None]
    told = Row(OFFSET, lambda seen: _known_nowhere(offset(seen)), whole=True, told=True)
    return [*trivial, told, *(row for row in whole if row.generator is not None)]


def cards_of(rows: Sequence[Row]) -> list[Card]:
    """Gives the cards of the generators among the rows."""
    return [row.generator.card for row in rows if row.generator is not None]


def name_models(models: Sequence[str]) -> dict[str, str]:
    """Names generators: as their cards do, and by their files where several are called alike.

    Args:
        models: Names of installed generators or paths.

    Returns:
        Their paths by name.

    Raises:
        UsageError: One is given twice.
        ModelError: One cannot be read.
    """
    paths = [find_model(model) for model in models]
    for path in paths:
        if sum(Path(other).resolve() == Path(path).resolve() for other in paths) > 1:
            raise UsageError(f"The generator {path} is given several times.", "Name each of them once.")
    by_name: dict[str, list[str]] = {}
    for path in paths:
        by_name.setdefault(read_card(path).name, []).append(path)
    return {label: path for name, alike in by_name.items() for label, path in _labels(name, alike).items()}


def _labels(name: str, paths: Sequence[str]) -> dict[str, str]:
    """Tells generators of one name apart by what their paths do not have in common."""
    if len(paths) == 1:
        return {name: paths[0]}
    whole = [Path(path).resolve() for path in paths]
    common = os.path.commonpath([path.parent for path in whole])
    shown = [path.relative_to(common).with_suffix("").as_posix() for path in whole]
    return {f"{name} ({own})": path for own, path in zip(shown, paths, strict=True)}


def constant(observation: Observation, prior: Mapping[str, float]) -> Float:
    """(C,) mean reflectance of each band in training."""
    return np.array([prior[name] for name in observation.bands], np.float32)


def clear_mean(observation: Observation, prior: Mapping[str, float]) -> Float:
    """(C,) mean of the image's own clear pixels; that of the training where there are none."""
    clear = observation.clear
    mean: Float = observation.optical[:, clear].mean(axis=1) if clear.any() else constant(observation, prior)
    return mean


def offset(observation: Observation) -> Float:
    """Darkens what is under cloud or haze, band by band, to the mean of what is clear.

    x = y + min(mean(y of the clear pixels) - mean(y of the others), 0) there; clear pixels stay. Haze brightens most
    ground, so that what is brighter in the clear part than elsewhere is other ground: without the limit it is a weaker
    rival.

    Returns:
        (C, H, W) reflectance; the input where all is clear or nothing is.
    """
    clear, hazy = observation.clear, observation.valid & observation.cloud
    if not clear.any() or not hazy.any():
        return observation.optical
    shift = observation.optical[:, clear].mean(axis=1) - observation.optical[:, hazy].mean(axis=1)
    shifted: Float = observation.optical + np.minimum(shift, 0)[:, None, None] * hazy
    return shifted


def _row_of(name: str, path: str, prior: Mapping[str, float], device: str) -> Row:
    generator = Generator(path, device)
    own_prior = {**prior, **generator.card.prior}

    def reconstruct(observation: Observation) -> Reconstruction:
        seen = observation if observation.clear.any() else _assuming(observation, own_prior)
        known = set(seen.bands) <= set(generator.card.bands)
        return (generator if known else Completed(generator))([seen])[0]

    return Row(name, reconstruct, generator=generator)


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
