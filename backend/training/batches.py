"""Samples as batches of tensors, drawn in worker processes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ..datasets.collection import Collection
from ..datasets.samples import Sample, draw_scene, draw_window
from ..encoding import Encoding, encode
from ..sensors import NAMES, Float
from .recipe import Recipe

Batch = tuple[Tensor, Tensor, Tensor]
"""Input (N, channels, H, W), truth (N, 13, H, W), weight (N, 13, H, W)."""


class Batches(IterableDataset[Batch]):
    """An endless stream of random batches.

    Args:
        collection: Places and clouds.
        recipe: Sizes and weights.
        first_step: Where a resumed run goes on; changes the random numbers.
    """

    def __init__(self, collection: Collection, recipe: Recipe, first_step: int = 0) -> None:
        self._collection = collection
        self._recipe = recipe
        self._first_step = first_step

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        number = 0 if worker is None else worker.id
        rng = np.random.default_rng((self._recipe.seed, self._first_step, number))
        weights = np.array([place.weight for place in self._collection.places])
        weights /= weights.sum()
        while True:
            yield self._draw(rng, weights)

    def _draw(self, rng: np.random.Generator, weights: np.ndarray) -> Batch:
        places = self._collection.places
        windows = []
        for _ in range(self._recipe.batch // self._recipe.windows):
            scene = draw_scene(places[rng.choice(len(places), p=weights)], self._collection, rng)
            windows += [draw_window(scene, self._recipe.window_px, rng) for _ in range(self._recipe.windows)]
        return as_batch(windows, self._recipe.clear_weight)


def as_batch(samples: list[Sample], clear_weight: float) -> Batch:
    """Stacks samples of equal size."""
    inputs = np.stack([encode(sample.observation, NAMES, Encoding()) for sample in samples])
    truths, weights = zip(*(_target(sample, clear_weight) for sample in samples), strict=True)
    return torch.from_numpy(inputs), torch.from_numpy(np.stack(truths)), torch.from_numpy(np.stack(weights))


def _target(sample: Sample, clear_weight: float) -> tuple[Float, Float]:
    """Gives truth and weight, (13, H, W) each, 0 in bands that do not exist."""
    slots = [NAMES.index(name) for name in sample.observation.bands]
    truth = np.zeros((len(NAMES), *sample.known.shape), np.float32)
    weight = np.zeros_like(truth)
    truth[slots] = sample.truth
    weight[slots] = sample.known * np.where(sample.observation.cloud, 1, clear_weight)
    return truth, weight


def loader(collection: Collection, recipe: Recipe, first_step: int, workers: int) -> DataLoader[Batch]:
    """Gives an endless loader of batches."""
    return DataLoader(
        Batches(collection, recipe, first_step),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
