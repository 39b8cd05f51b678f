"""Perceptual loss: images are alike when a land-cover classifier sees the same in them (Johnson et al., 2016)."""

from __future__ import annotations

from torch import Tensor, nn

from ..classifier import Features
from ..encoding import Encoding


class Perceptual(nn.Module):
    """Mean absolute difference of the classifier's feature maps, each divided by its mean size.

    Args:
        features: Of the bands of the images.
        encoding: Whose units the images are in.
    """

    def __init__(self, features: Features, encoding: Encoding) -> None:
        super().__init__()
        self._features = features
        self._low, self._unit = encoding.optical_range[0], encoding.unit

    def forward(self, image: Tensor, wanted: Tensor) -> Tensor:
        """Compares two images (N, C, H, W) in the encoding's units; gradients reach the first."""
        seen, aim = (self._features((one - self._low) * self._unit) for one in (image, wanted.detach()))
        unlike = [
            (a - b.detach()).abs().mean() / b.detach().abs().mean().clamp(min=1e-6)
            for a, b in zip(seen, aim, strict=True)
        ]
        total: Tensor = sum(unlike[1:], unlike[0]) / len(unlike)
        return total
