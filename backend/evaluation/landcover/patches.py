"""What a classifier of small windows says of an image of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...classifier import Classifier
from ...datasets.view import grown, measured
from ...sensors import Float

if TYPE_CHECKING:
    import torch

BATCH = 64
"""Windows that the classifier sees at once."""


class Judge:
    """A classifier for images that are larger or smaller than its windows.

    An image is cut into windows that together show every pixel, and the probabilities of the windows are averaged, each
    by its share of measured pixels. A majority would throw away how sure each window is, and sixteen windows of ten
    classes are often tied. Images that are smaller than a window are mirrored at their ends.

    Args:
        classifier: Which.
        device: Where it runs.
    """

    def __init__(self, classifier: Classifier, device: torch.device) -> None:
        self.card = classifier.card
        self.device = device
        self._classifier = classifier.to(device)

    def __call__(self, images: Sequence[Float], bands: Sequence[str]) -> Float:
        """Gives the probability of each class.

        Args:
            images: N images (C, H, W) of reflectance, 0 where nothing was measured.
            bands: Names of the C bands.

        Returns:
            (N, K)

        Raises:
            ModelError: A band is missing that the classifier needs.
        """
        cut = [windows(image, self.card.window_px) for image in images]
        said = self._ask(np.concatenate(cut), bands)
        parts = np.split(said, np.cumsum([len(part) for part in cut])[:-1])
        return np.stack([_mean(part, shown) for part, shown in zip(parts, cut, strict=True)])

    def _ask(self, cut: Float, bands: Sequence[str]) -> Float:
        """(M, C, side, side) windows to (M, K)."""
        import torch

        said = []
        with torch.inference_mode():
            for first in range(0, len(cut), BATCH):
                batch = torch.from_numpy(np.ascontiguousarray(cut[first : first + BATCH])).to(self.device)
                said.append(self._classifier(batch, list(bands)).cpu().numpy())
        return np.concatenate(said)


def windows(image: Float, side: int) -> Float:
    """Cuts (C, H, W) into as few square windows as show every pixel, evenly spread: (M, C, side, side)."""
    image = grown(image, side)
    rows, columns = (_starts(length, side) for length in image.shape[1:])
    return np.stack([image[:, row : row + side, column : column + side] for row in rows for column in columns])


def _starts(length: int, side: int) -> list[int]:
    starts: list[int] = np.linspace(0, length - side, -(-length // side)).round().astype(int).tolist()
    return starts


def _mean(said: Float, shown: Float) -> Float:
    """(M, K) of (M, C, side, side) to (K,)."""
    weights = np.array([measured(window).mean() for window in shown], np.float32)
    mean: Float = np.average(said, axis=0, weights=weights if weights.any() else None).astype(np.float32)
    return mean
