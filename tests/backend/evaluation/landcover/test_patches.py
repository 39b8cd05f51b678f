"""Images of any size are seen whole by a classifier of small windows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unclouded.backend.classifier import Classifier
from unclouded.backend.evaluation.landcover.patches import Judge, windows

SIDE = 8
BANDS = ("B2", "B3")


class Bright(nn.Module):
    """Says how bright a window's first band is, and how dark; counts what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.card = SimpleNamespace(window_px=SIDE)
        self.batches: list[int] = []

    def forward(self, image: Tensor, bands: list[str]) -> Tensor:
        self.batches.append(len(image))
        bright = image[:, 0].mean(dim=(1, 2))
        return torch.stack([bright, 1 - bright], dim=1)


def judge(network: Bright) -> Judge:
    return Judge(cast(Classifier, network), torch.device("cpu"))


@pytest.mark.parametrize(("height", "width", "count"), [(8, 8, 1), (32, 32, 16), (8, 9, 2), (20, 17, 9), (3, 5, 1)])
def test_windows_show_every_pixel(height: int, width: int, count: int) -> None:
    image = np.arange(2 * height * width, dtype=np.float32).reshape(2, height, width)

    cut = windows(image, SIDE)

    assert cut.shape == (count, 2, SIDE, SIDE)
    assert set(cut.ravel().tolist()) == set(image.ravel().tolist())


def test_the_probabilities_of_windows_are_averaged() -> None:
    image = np.random.default_rng(0).random((2, 32, 32), np.float32)
    network = Bright()

    said = judge(network)([image, 0.5 * image], BANDS)

    np.testing.assert_allclose(said[:, 0], [image[0].mean(), image[0].mean() / 2], rtol=1e-5)
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)
    assert network.batches == [32]


def test_what_was_not_measured_does_not_count() -> None:
    image = np.full((2, 8, 24), 0.8, np.float32)
    image[..., 8:16] = 0
    image[..., 16:20] = 0

    said = judge(Bright())([image], BANDS)

    assert said[0, 0] == pytest.approx((1 * 0.8 + 0.5 * 0.4) / 1.5)


def test_images_of_different_sizes_are_seen_together_in_batches() -> None:
    network = Bright()
    sizes = [8, 32, 4, 64, 16]
    images = [np.full((2, size, size), 0.1 * (step + 1), np.float32) for step, size in enumerate(sizes)]

    said = judge(network)(images, BANDS)

    np.testing.assert_allclose(said[:, 0], [0.1, 0.2, 0.3, 0.4, 0.5], rtol=1e-5)
    assert network.batches == [64, 22]
