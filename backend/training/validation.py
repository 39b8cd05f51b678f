"""What is measured while training: the error under the masks on windows of places that are never learned from."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..datasets.collection import Collection
from ..datasets.samples import Choices, draw_scene, draw_window
from ..models.network import Network
from ..sensors import NAMES
from .batches import as_batch

HALF_OF_THEM = 2
INTERVAL_90 = float(-np.log(0.1))
"""A Laplace distribution holds 90 % of its mass within this many scales."""


class Validation:
    """A fixed set of windows, half of them with other dates.

    Args:
        collection: Places and clouds.
        count: Windows.
        window_px: Their side.
    """

    def __init__(self, collection: Collection, count: int = 48, window_px: int = 128) -> None:
        rng = np.random.default_rng(0)
        samples = []
        for index in range(count):
            place = collection.places[index % len(collection.places)]
            dates = 0 if index < count // HALF_OF_THEM else int(rng.integers(1, 4))
            scene = draw_scene(place, collection, rng, Choices(bands=NAMES, dates=dates))
            samples.append(draw_window(scene, window_px, rng))
        self._inputs, self._truth, self._weight = as_batch(samples, clear_weight=0)

    def measure(self, network: Network) -> dict[str, float]:
        """Gives the validation figures of a fit.Row."""
        error, scale = self._errors(network)
        background = (self._inputs[:, len(NAMES) : 2 * len(NAMES)] - self._truth).abs()
        half = len(error) // HALF_OF_THEM
        return {
            "masked_error": self._mean(error, slice(0, half)),
            "masked_error_with_dates": self._mean(error, slice(half, None)),
            "background_error": self._mean(background, slice(None)),
            "coverage": self._mean((error < INTERVAL_90 * scale).float(), slice(None)),
        }

    def widening(self, network: Network) -> float:
        """Gives the factor by which the scales must grow so that 90 % of all errors lie in their 90 % interval."""
        error, scale = self._errors(network)
        return float(np.quantile((error / (INTERVAL_90 * scale))[self._weight > 0].numpy(), 0.9))

    def _errors(self, network: Network) -> tuple[Tensor, Tensor]:
        """Gives the absolute errors and their scales, (N, 13, H, W) each."""
        network.eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            output = torch.cat([network(part) for part in torch.split(self._inputs, 8)]).float()
        predicted, scale = output.chunk(2, dim=1)
        return (predicted - self._truth).abs(), scale

    def _mean(self, values: Tensor, windows: slice) -> float:
        """Mean over the masked pixels of each window, then over the windows that have any."""
        weight = self._weight[windows].sum(dim=(1, 2, 3))
        sums = (values[windows] * self._weight[windows]).sum(dim=(1, 2, 3))
        means = sums[weight > 0] / weight[weight > 0]
        return round(float(means.mean()), 5)
