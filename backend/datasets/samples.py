"""Training samples: what would have been observed of a place under clouds, and what the ground looked like that day."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..background import BlockSums, sample
from ..observation import Observation
from ..sensors import BY_COUNT, Bool, Float
from .collection import Collection
from .place import Day, Place
from .seasons import another_day
from .skies import MASK_LIMITS, clouded, smooth_field, turned

SCENE_PX = 256
"""Side of the scene whose background is known; windows are cut out of it."""
DATES_SHARE = ((0, 0.45), (1, 0.2), (2, 0.2), (3, 0.15))
SAR_SHARE = 0.75
SHIFT_SHARE = 0.9
REAL_DATE_SHARE = 0.8
INVALID_SHARE = 0.1
RGB = ("B2", "B3", "B4")
SUBSETS: tuple[tuple[tuple[str, ...], float], ...] = (
    (BY_COUNT[13], 0.5),
    (BY_COUNT[12], 0.15),
    (BY_COUNT[10], 0.15),
    (BY_COUNT[4], 0.15),
    (RGB, 0.05),
)
"""Bands that users bring; those that a place lacks are left out."""


@dataclass(frozen=True)
class Sample:
    observation: Observation
    truth: Float
    """(C, H, W) reflectance of the ground on the same day."""
    known: Bool
    """(H, W) where the truth is known."""


@dataclass(frozen=True)
class Choices:
    """What is fixed of a sample rather than drawn; None is drawn."""

    bands: tuple[str, ...] | None = None
    dates: int | None = None
    sar: bool | None = None
    real_dates: bool = False
    """No invented dates: as many real ones as there are, up to `dates`."""


def draw_scene(place: Place, collection: Collection, rng: np.random.Generator, choices: Choices = Choices()) -> Sample:
    """Draws a scene of up to 256x256 px: a day, a sky, other dates, and what the user has of bands and SAR."""
    view = _view(place, rng)
    truths = [day for day in view.days if day.is_truth] or view.days[:1]
    truth = truths[rng.integers(len(truths))]
    gain = np.float32(np.exp(rng.normal(0, 0.08)))
    sky = clouded(truth.optical * gain, view.bands, view.level, collection.veils, rng)
    valid = truth.clear & _measured(truth.clear.shape, rng)
    others = _others(view, truth, rng, choices)
    observation = Observation(
        bands=view.bands,
        level=view.level,
        optical=np.where(valid, sky.optical, 0).astype(np.float32),
        valid=valid,
        cloud=sky.mask,
        background=truth.optical,
        sar=view.sar if _chosen(choices.sar, SAR_SHARE, rng) else None,
    )
    if others:
        dates = np.stack([np.where(day.clear, day.optical * gain, 0) for day in others])
        days = np.array([day.day - truth.day for day in others], np.float32)
        observation = dataclasses.replace(
            observation, dates=dates, dates_clear=np.stack([day.clear for day in others]), days=days
        )
    observation = with_context(observation, collection.prior, shift=rng.random() < SHIFT_SHARE)
    return select(Sample(observation, truth.optical * gain, valid), _bands(view.bands, rng, choices.bands))


def with_context(observation: Observation, prior: Mapping[str, float], shift: bool = True) -> Observation:
    """Adds the background, and if wanted the shift of the dates, as the engine reckons them over a scene."""
    height, width = observation.valid.shape
    assumed = np.array([prior[name] for name in observation.bands], np.float32)
    sums = BlockSums(len(observation.bands), height, width)
    sums.add(observation.optical, observation.clear, 0, 0)
    background = sample(sums.fill(assumed), 0, 0, height, width)
    shifts = None
    if shift and observation.dates is not None and observation.dates_clear is not None:
        fields = []
        for date, seen in zip(observation.dates, observation.dates_clear, strict=True):
            both = BlockSums(len(observation.bands), height, width)
            both.add(observation.optical - date, observation.clear & seen, 0, 0)
            fields.append(sample(both.fill(), 0, 0, height, width))
        shifts = np.stack(fields)
    return dataclasses.replace(observation, background=background, dates_shift=shifts)


def select(drawn: Sample, bands: Sequence[str]) -> Sample:
    """Keeps some bands, in the given order."""
    observation = drawn.observation
    index = [observation.bands.index(name) for name in bands]
    chosen = dataclasses.replace(
        observation,
        bands=tuple(bands),
        optical=observation.optical[index],
        background=observation.background[index],
        dates=None if observation.dates is None else observation.dates[:, index],
        dates_shift=None if observation.dates_shift is None else observation.dates_shift[:, index],
    )
    return Sample(chosen, drawn.truth[index], drawn.known)


def cut(drawn: Sample, row: int, column: int, size: int) -> Sample:
    """Cuts a square window out of a scene."""
    at = (slice(row, row + size), slice(column, column + size))
    observation = drawn.observation
    arrays: dict[str, Any] = {
        field.name: value[..., at[0], at[1]]
        for field in dataclasses.fields(observation)
        if isinstance(value := getattr(observation, field.name), np.ndarray) and value.ndim > 1
    }
    return Sample(dataclasses.replace(observation, **arrays), drawn.truth[..., at[0], at[1]], drawn.known[at])


def draw_window(drawn: Sample, size: int, rng: np.random.Generator) -> Sample:
    """Cuts a window, of five the one whose share of cloud is nearest to a half."""
    height, width = drawn.known.shape
    corners = [(int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))) for _ in range(5)]
    windows = [cut(drawn, row, column, size) for row, column in corners]
    return min(windows, key=lambda window: abs(float(window.observation.cloud.mean()) - 0.5))


def _view(place: Place, rng: np.random.Generator) -> Place:
    """Cuts a scene out of a place and turns it."""
    height, width = place.days[0].optical.shape[-2:]
    row, column = (int(rng.integers(max(size - SCENE_PX, 0) + 1)) for size in (height, width))
    way = int(rng.integers(8))

    def seen(array: np.ndarray) -> np.ndarray:
        return turned(array[..., row : row + SCENE_PX, column : column + SCENE_PX], way)

    days = [Day(seen(day.optical), seen(day.clear), day.day) for day in place.days]
    return dataclasses.replace(place, days=days, sar=None if place.sar is None else seen(place.sar))


def _others(place: Place, truth: Day, rng: np.random.Generator, choices: Choices) -> list[Day]:
    """Draws other dates, real ones where there are any, each under clouds of its own."""
    count = choices.dates
    if count is None:
        counts, shares = zip(*DATES_SHARE, strict=True)
        count = int(rng.choice(counts, p=shares))
    real = [day for day in place.days if day is not truth and day.clear.any()]
    rng.shuffle(real)
    days = []
    for _ in range(count):
        if real and (choices.real_dates or rng.random() < REAL_DATE_SHARE):
            days.append(real.pop())
        elif not choices.real_dates:
            optical, distance = another_day(truth.optical, place.bands, rng)
            days.append(Day(optical, truth.clear, truth.day + distance))
    return [_own_clouds(day, rng) for day in days]


def _own_clouds(day: Day, rng: np.random.Generator) -> Day:
    """Clouds another date, and masks most of it: what thin cloud a mask misses stays."""
    if rng.random() < 0.4:
        return day
    cells = int(rng.integers(3, 12))
    field = smooth_field(day.clear.shape, rng, cells) + 0.5 * smooth_field(day.clear.shape, rng, 3 * cells)
    opacity = np.clip((field - rng.uniform(-0.8, 1.5)) * rng.uniform(0.3, 2.0), 0, 1)
    clear = day.clear & (opacity <= rng.choice(MASK_LIMITS))
    optical = np.where(clear, day.optical * (1 - opacity) + opacity * 0.6, 0).astype(np.float32)
    return Day(optical, clear, day.day)


def _measured(shape: tuple[int, ...], rng: np.random.Generator) -> Bool:
    """Sometimes an edge of the image runs through the scene."""
    measured = np.ones(shape, bool)
    if rng.random() < INVALID_SHARE:
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        angle = rng.uniform(0, 2 * np.pi)
        distance = (rows - shape[0] / 2) * np.sin(angle) + (columns - shape[1] / 2) * np.cos(angle)
        measured = distance < rng.uniform(0.1, 0.5) * shape[0]
    return measured


def _bands(have: Sequence[str], rng: np.random.Generator, fixed: tuple[str, ...] | None) -> tuple[str, ...]:
    index = int(rng.choice(len(SUBSETS), p=[share for _, share in SUBSETS]))
    wanted = fixed or SUBSETS[index][0]
    return tuple(name for name in wanted if name in have) or tuple(have)


def _chosen(fixed: bool | None, share: float, rng: np.random.Generator) -> bool:
    drawn = bool(rng.random() < share)
    return drawn if fixed is None else fixed
