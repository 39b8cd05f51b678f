"""Training samples: what would have been observed of a place under clouds, and what the ground looked like that day."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..background import GroundSums
from ..matching import JointSums
from ..observation import Observation
from ..sensors import Bool, Float
from .choices import Choices as Choices
from .collection import Collection
from .others import draw_others
from .place import Day, Place
from .skies import clouded
from .view import RGB as RGB
from .view import View, blanked, clearest_view, draw_view, grown, measured

SAR_SHARE = 0.75
MATCH_SHARE = 0.9
CLOUDY = 0.95
"""A day whose clear share is smaller is a cloudy one."""
OFFSET = np.float32(0.1)
"""Reflectance of the offset of 1000."""


@dataclass(frozen=True)
class Sample:
    observation: Observation
    truth: Float
    """(C, H, W) reflectance of the ground; of no meaning where it is not known."""
    known: Bool
    """(H, W) where the truth is known."""


def draw_scene(place: Place, collection: Collection, rng: np.random.Generator, choices: Choices) -> Sample:
    """Draws a scene of up to choices.scene_px: a day, a sky, other dates, and what the user has of bands and SAR.

    Raises:
        InputError: Real clouds shall be transplanted, and there are none.
    """
    if choices.real and rng.random() < choices.real and _has_pair(place):
        choices = dataclasses.replace(choices, clouds="real")
    days, view = place.days, draw_view(place, rng, choices)
    cloudy, clear = _pick(days, rng, choices)
    ground = view.day(clear or cloudy)
    if choices.clouds == "real":
        shown = ground if clear is None else view.day(cloudy)
        image, cloud = shown.optical, ~shown.clear
    else:
        sky = clouded(ground.optical, view.bands, place.level, collection.veils, rng, choices)
        image, cloud = sky.optical, sky.mask | ~ground.clear
    valid = measured(image if choices.clouds == "real" else ground.optical) & _inside(cloud.shape, rng, choices.edge)
    optical = blanked(image, valid)
    drawn = Observation(
        bands=view.bands,
        level=place.level,
        optical=optical,
        valid=valid,
        cloud=cloud & valid,
        background=optical,
        sar=_sar(place, view, rng, choices),
    )
    unused = [day for day in days if day is not cloudy and day is not clear]
    others = draw_others(unused, ground, view, place.level, collection.veils, rng, choices)
    if others:
        drawn = dataclasses.replace(
            drawn,
            dates=np.stack([day.optical for day in others]),
            dates_clear=np.stack([day.clear for day in others]),
            days=np.array([day.day - cloudy.day for day in others], np.float32),
        )
    drawn = with_context(drawn, collection.prior, match=rng.random() < MATCH_SHARE)
    known = np.zeros_like(valid) if clear is None else ground.clear & measured(ground.optical)
    return _changed(Sample(drawn, ground.optical, known), rng, choices)


def draw_clear(place: Place, rng: np.random.Generator, choices: Choices, size: int) -> Float:
    """Draws a window of ground as it is on a clear day, for what is learned without pairs.

    Args:
        place: One of its days should be clear.
        rng: Chooses everything.
        choices: Bands, turns, gain and jitter count; without bands, all that the place has.
        size: Side of the window in pixels.

    Returns:
        (C, size, size) reflectance, of several windows the clearest.
    """
    choices = dataclasses.replace(choices, bands=choices.bands or place.bands)
    day = _clear_day(place.days, rng)
    return grown(clearest_view(place, day, size, rng, choices).day(day).optical, size)


def suits_scene(place: Place, choices: Choices) -> bool:
    """Whether a place has what draw_scene needs: a cloudy day for real clouds, a clear one for those that are added."""
    if choices.clouds != "real":
        return suits_clear(place)
    return any(day.clear.mean() < CLOUDY for day in place.days)


def _has_pair(place: Place) -> bool:
    """Whether a place shows real clouds on one day and its ground on another."""
    return suits_clear(place) and suits_scene(place, Choices(clouds="real"))


def suits_clear(place: Place) -> bool:
    """Whether a place has what draw_clear needs: a clear day."""
    return any(day.is_truth for day in place.days)


def with_context(observation: Observation, prior: Mapping[str, float], match: bool = True) -> Observation:
    """Adds what is known of the ground around, and if wanted the matched dates, as the engine reckons over a scene."""
    shape = observation.optical.shape
    assumed = np.array([prior[name] for name in observation.bands], np.float32)
    sums = GroundSums(*shape)
    sums.add(observation.optical, observation.clear, 0, 0)
    ground = sums.fill(assumed).sample(0, 0, shape[1], shape[2])
    seen = dataclasses.replace(
        observation, background=ground.background, regional=ground.regional, variability=ground.variability
    )
    if not match or seen.dates is None or seen.dates_clear is None:
        return dataclasses.replace(seen, dates_matched=None, dates_error=None)
    matched, errors = np.empty_like(seen.dates), np.empty(seen.dates_clear.shape, np.float32)
    for index, (date, clear) in enumerate(zip(seen.dates, seen.dates_clear, strict=True)):
        joint = JointSums(*shape)
        joint.add(seen.optical, date, seen.clear & clear, 0, 0)
        matched[index], errors[index] = joint.match().apply(date, 0, 0)
    return dataclasses.replace(seen, dates_matched=matched, dates_error=errors)


def select(drawn: Sample, bands: Sequence[str]) -> Sample:
    """Keeps some bands, in the given order."""
    index = [drawn.observation.bands.index(name) for name in bands]
    return Sample(drawn.observation.only(bands), drawn.truth[index], drawn.known)


def cut(drawn: Sample, row: int, column: int, size: int) -> Sample:
    """Cuts a square window out of a scene."""
    return _mapped(drawn, lambda array: array[..., row : row + size, column : column + size])


def draw_window(drawn: Sample, size: int, rng: np.random.Generator) -> Sample:
    """Cuts a window, of five the one whose share of cloud is nearest to a drawn one; mirrors a scene that is too small.

    Both the rim of clouds and what lies far behind it are learned from, and clear windows seldom.
    """
    drawn = _mapped(drawn, lambda array: grown(array, size))
    height, width = drawn.known.shape
    corners = [(int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))) for _ in range(5)]
    cloud = drawn.observation.cloud
    shares = [cloud[row : row + size, column : column + size].mean() for row, column in corners]
    wanted = rng.uniform(0.3, 1)
    return cut(drawn, *corners[int(np.argmin(np.abs(np.array(shares) - wanted)))], size)


def _mapped(drawn: Sample, change: Callable[[np.ndarray], np.ndarray]) -> Sample:
    """Changes all images and masks of a sample."""
    observation = drawn.observation
    arrays: dict[str, Any] = {
        field.name: change(value)
        for field in dataclasses.fields(observation)
        if isinstance(value := getattr(observation, field.name), np.ndarray) and value.ndim > 1
    }
    return Sample(dataclasses.replace(observation, **arrays), change(drawn.truth), change(drawn.known))


def _pick(days: Sequence[Day], rng: np.random.Generator, choices: Choices) -> tuple[Day, Day | None]:
    """Gives the day that is shown and the day that is the truth: the same one under clouds that are added."""
    if choices.clouds != "real":
        day = _clear_day(days, rng)
        return day, day
    cloudy = [day for day in days if day.clear.mean() < CLOUDY] or [min(days, key=lambda day: day.clear.mean())]
    shown = cloudy[rng.integers(len(cloudy))]
    truths = [day for day in days if day is not shown and day.is_truth]
    return shown, min(truths, key=lambda day: abs(day.day - shown.day), default=None)


def _clear_day(days: Sequence[Day], rng: np.random.Generator) -> Day:
    clear = [day for day in days if day.is_truth] or [max(days, key=lambda day: day.clear.mean())]
    return clear[rng.integers(len(clear))]


def _sar(place: Place, view: View, rng: np.random.Generator, choices: Choices) -> Float | None:
    wanted = bool(rng.random() < SAR_SHARE) if choices.sar is None else choices.sar
    missing = rng.random() < choices.sar_dropout
    if not wanted or (place.sar is None and choices.sar is None):
        return None
    if missing or place.sar is None:
        return np.full((2, *view.mask(place.days[0].clear).shape), np.nan, np.float32)
    return view.sar(place.sar)


def _inside(shape: tuple[int, ...], rng: np.random.Generator, share: float) -> Bool:
    """Sometimes an edge of the image runs through the scene."""
    inside = np.ones(shape, bool)
    if rng.random() < share:
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        angle = rng.uniform(0, 2 * np.pi)
        distance = (rows - shape[0] / 2) * np.sin(angle) + (columns - shape[1] / 2) * np.cos(angle)
        inside = distance < rng.uniform(0.1, 0.5) * shape[0]
    return inside


def _changed(drawn: Sample, rng: np.random.Generator, choices: Choices) -> Sample:
    """Forgets the offset and drops bands, as often as asked."""
    if rng.random() < choices.forgotten_offset:
        drawn = _brighter(drawn)
    dropped = np.flatnonzero(rng.random(len(drawn.truth)) < choices.band_dropout)[: len(drawn.truth) - 1]
    seen = drawn.observation
    images = [seen.optical, seen.background]
    images += [
        array for array in (seen.regional, seen.variability, seen.dates, seen.dates_matched) if array is not None
    ]
    for image in images:
        image[..., dropped, :, :] = 0
    return drawn


def _brighter(drawn: Sample) -> Sample:
    """Adds the offset to all that was measured."""
    seen = drawn.observation
    dates, matched = (
        None if array is None else array + OFFSET * array.any(axis=1, keepdims=True)
        for array in (seen.dates, seen.dates_matched)
    )
    brighter = dataclasses.replace(
        seen,
        optical=seen.optical + OFFSET * seen.valid,
        background=seen.background + OFFSET,
        regional=None if seen.regional is None else seen.regional + OFFSET,
        dates=dates,
        dates_matched=matched,
    )
    return Sample(brighter, drawn.truth + OFFSET, drawn.known)
