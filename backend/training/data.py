"""Samples as tensors: item i of epoch e is the same in every run, whoever draws it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..channels import encode
from ..datasets.collection import Collection
from ..datasets.place import Place
from ..datasets.samples import Sample, draw_clear, draw_scene, draw_window, suits_clear, suits_scene
from ..encoding import Encoding
from ..errors import InputError, UncloudedError
from ..sensors import Float
from .recipe import Recipe

Batch = dict[str, Tensor]
"""x (N, in_channels, H, W) the encoded observation; in the network's units (N, C, H, W): truth, cloudy (the image as
measured) and other (clear ground of another place); cloud (N, 1, H, W) 1 under cloud and shadow; known (N, C, H, W)
1 where the truth is known; days (N, frames - 1) of the other dates and their clear (N, frames - 1, H, W)."""

ATTEMPTS = 50
"""Places that are tried before a data set is said not to fit."""
VALIDATION = -1
"""The epoch whose samples are used for validation."""


class Windows(Dataset[Batch]):
    """All windows of an epoch; an item is the windows of one drawn scene.

    Args:
        collection: Places and clouds.
        recipe: What a sample is.
        epoch: Chooses the random numbers; VALIDATION draws the same every time.
        clear: Where `other` comes from, if it is wanted.
    """

    def __init__(self, collection: Collection, recipe: Recipe, epoch: int, clear: Collection | None = None) -> None:
        self._collection, self._recipe, self._epoch, self._clear = collection, recipe, epoch, clear
        encoding, choices = recipe.encoding, recipe.data.choices
        if encoding.layout == "frames":
            sar = encoding.sar_range is not None or bool(choices.sar)
            choices = dataclasses.replace(choices, bands=recipe.bands, dates=encoding.frames - 1, sar=sar)
        if epoch == VALIDATION:
            choices = dataclasses.replace(choices, real=0.0)
            if recipe.data.clear:
                choices = dataclasses.replace(choices, clouds="simulated")
        self._choices = choices
        self._order = np.random.default_rng((recipe.fit.seed, epoch + 1)).permutation(len(collection.places))

    def __len__(self) -> int:
        data = self._recipe.data
        count = data.validation_samples if self._epoch == VALIDATION else data.samples
        return max(count // data.windows, 1) if count else len(self._order)

    def __getitem__(self, item: int) -> Batch:
        rng = np.random.default_rng((self._recipe.fit.seed, self._epoch + 1, item))
        place = self._place(self._collection, rng, self._suits, item)
        scene = draw_scene(place, self._collection, rng, self._choices)
        size = self._recipe.data.window_px
        samples = [draw_window(scene, size, rng) for _ in range(self._recipe.data.windows)]
        batch = as_batch(samples, self._recipe)
        if self._clear is not None:
            elsewhere = [self._place(self._clear, rng, lambda other: self._is_other(other, place)) for _ in samples]
            clear = [draw_clear(other, rng, self._choices, size) for other in elsewhere]
            batch["other"] = torch.from_numpy(np.stack([units(image, self._recipe.encoding) for image in clear]))
        return batch

    def _place(
        self,
        collection: Collection,
        rng: np.random.Generator,
        suits: Callable[[Place], bool],
        item: int | None = None,
    ) -> Place:
        """Gives a place that suits: that whose turn it is, or a random one if places have weights or none is meant."""
        places, shares = collection.places, collection.shares
        for attempt in range(ATTEMPTS):
            if item is None or shares is not None or attempt:
                index = int(rng.choice(len(places), p=shares))
            else:
                index = int(self._order[item % len(places)])
            place = places[index]
            if suits(place):
                return place
        raise InputError(
            f"None of {ATTEMPTS} places of the data set {self._recipe.data.name!r} has what the recipe "
            f"{self._recipe.name!r} needs: {self._needs()}.",
            "Choose other bands, other clouds (data.choices.clouds) or another data set in the recipe.",
        )

    def _needs(self) -> str:
        sar = ", Sentinel-1" if self._choices.sar else ""
        day = "a cloudy day" if self._choices.clouds == "real" else "a clear day"
        ground = "" if self._clear is None else ", and clear ground of another place"
        return f"{day}{sar} and the bands {', '.join(self._recipe.bands)}{ground}"

    def _suits(self, place: Place) -> bool:
        return suits_scene(place, self._choices) and self._has_bands(place) and self._has_sar(place)

    def _is_other(self, other: Place, place: Place) -> bool:
        """Whether a place shows clear ground, and not that of the sample: its truth stays out of the generators."""
        return other.name != place.name and suits_clear(other) and self._has_bands(other)

    def _has_bands(self, place: Place) -> bool:
        return self._recipe.encoding.layout == "fusion" or set(self._recipe.bands) <= set(place.bands)

    def _has_sar(self, place: Place) -> bool:
        return self._recipe.encoding.layout == "fusion" or not self._choices.sar or place.sar is not None


def units(reflectance: Float, encoding: Encoding) -> Float:
    """Reflectance to what the network's output is compared with."""
    return reflectance if encoding.layout == "fusion" else encoding.to_units(reflectance)


def as_batch(samples: Sequence[Sample], recipe: Recipe) -> Batch:
    """Stacks samples of equal size."""
    parts = [_tensors(sample, recipe) for sample in samples]
    return {key: torch.from_numpy(np.stack([part[key] for part in parts])) for key in parts[0]}


def _tensors(sample: Sample, recipe: Recipe) -> dict[str, Float]:
    """Bands that a sample lacks are 0 and not known."""
    seen, encoding = sample.observation, recipe.encoding
    slots = [recipe.bands.index(name) for name in seen.bands]
    shape = (len(recipe.bands), *sample.known.shape)
    truth, cloudy, known = (np.zeros(shape, np.float32) for _ in range(3))
    truth[slots], cloudy[slots], known[slots] = (
        units(sample.truth, encoding),
        units(seen.optical, encoding),
        sample.known,
    )
    tensors = {"x": encode(seen, recipe.bands, encoding), "truth": truth, "cloudy": cloudy, "known": known}
    tensors["cloud"] = seen.cloud[None].astype(np.float32)
    if encoding.frames > 1 and seen.dates_clear is not None and seen.days is not None:
        tensors["clear"] = seen.dates_clear[: encoding.frames - 1].astype(np.float32)
        tensors["days"] = seen.days[: encoding.frames - 1].astype(np.float32)
    return tensors


class Carrying(Dataset[Any]):
    """Gives UncloudedError as an item: raised in a process that draws samples, it would arrive as another one.

    Args:
        windows: Whose items are given.
    """

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def __getitem__(self, item: int) -> Batch | UncloudedError:
        try:
            return self._windows[item]
        except UncloudedError as error:
            return error


def carrying(collection: Collection, recipe: Recipe, clear: Collection | None, epoch: int) -> Carrying:
    """Gives the windows of an epoch, and their errors."""
    return Carrying(Windows(collection, recipe, epoch, clear))


def joined(items: Sequence[Batch | UncloudedError]) -> Batch | UncloudedError:
    """Puts the windows of several scenes into one batch."""
    batches: list[Batch] = []
    for item in items:
        if isinstance(item, UncloudedError):
            return item
        batches.append(item)
    return {key: torch.cat([batch[key] for batch in batches]) for key in batches[0]}
