"""What a land-cover classifier sees in images: crops of its own window size, in one pass for features and classes.

Of a reconstruction those crops count that hold something reconstructed and whose truth is known in half of their
pixels or more; of the clear and the cloudy image it is set beside, the same ones. Where the truth is not known, every
image shows what the truth holds there, so that nothing is compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .classifier import Classifier, probabilities
from .frechet import Seen

KNOWN = 0.5
"""Least share of a crop whose truth is known."""
BATCH = 64
"""Crops in a pass."""


class Perception:
    """Turns images into sums of what the classifier sees (see frechet.Seen); sums of one row are added.

    Args:
        classifier: It is moved to the device, and otherwise left as it is.
        device: Where it reckons.
    """

    def __init__(self, classifier: Classifier, device: torch.device | str = "cpu") -> None:
        self._classifier = classifier.to(device)
        self._device = torch.device(device)
        self.size_px = classifier.card.window_px
        self._exclusive = classifier.card.activation == "softmax"

    @property
    def nothing(self) -> Seen:
        """What is seen in no image: where adding begins."""
        network = self._classifier.network
        return Seen.none(network.feature_count, network.params.classes, self._exclusive)

    def see(self, images: Tensor, bands: Sequence[str], scenes: Sequence[int]) -> Seen:
        """Looks at some crops.

        Args:
            images: (N, C, H, W) reflectance, clipped to 0..1 here.
            bands: Names of the C bands.
            scenes: (N,) numbers of the scenes that they show.

        Raises:
            ModelError: The classifier needs other bands.
        """
        network, found = self._classifier.network, self.nothing
        with torch.no_grad(), torch.autocast(self._device.type, enabled=False):
            for start in range(0, len(images), BATCH):
                part = images[start : start + BATCH].to(self._device).float().clamp(0, 1)
                features = network.features(self._classifier.channels(part, bands))
                chances = probabilities(network.fc(features), self._classifier.card.activation)
                numbers = scenes[start : start + BATCH]
                found += Seen.of(features.cpu(), chances.cpu(), numbers, self._exclusive)
        return found


def crops(images: Tensor, size_px: int) -> Tensor:
    """Cuts images into crops that do not overlap, from the upper left; what is left at the other edges is left out.

    Args:
        images: (N, C, H, W)
        size_px: Side of a crop; an image with a shorter side gives crops with this shorter side.

    Returns:
        (N P, C, side, side), the P crops of an image behind each other.
    """
    count, channels, height, width = images.shape
    high, wide = min(size_px, height), min(size_px, width)
    rows, columns = height // high, width // wide
    cut = images[..., : rows * high, : columns * wide].reshape(count, channels, rows, high, columns, wide)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, high, wide)


def comparable(truth: Tensor, known: Tensor, under: Tensor, size_px: int) -> Tensor:
    """Says which crops count: those with something reconstructed whose truth is known in KNOWN of the pixels or more.

    Args:
        truth: (N, C, H, W); a NaN is not known.
        known: (N, 1, H, W) where the truth is known.
        under: (N, 1, H, W) what was reconstructed.
        size_px: See crops.

    Returns:
        (N P,) bool.
    """
    measured = _measured(truth, known).float()
    known_share, made_share = (
        crops(plane, size_px).mean(dim=(1, 2, 3)) for plane in (measured, measured * under.float())
    )
    return (known_share >= KNOWN) & (made_share > 0)


def together(image: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Gives the image where the truth is known, a NaN in it as 0, and the truth elsewhere; see comparable."""
    return torch.where(_measured(truth, known), torch.nan_to_num(image), torch.nan_to_num(truth))


def _measured(truth: Tensor, known: Tensor) -> Tensor:
    return (known > 0) & torch.isfinite(truth).all(dim=1, keepdim=True)
