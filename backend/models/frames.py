"""What networks of several dates share: their frames, and the date that they take each pixel from."""

from __future__ import annotations

from torch import Tensor

from .network import Network


class Attentive(Network):
    """A network that weighs its dates in each pixel."""

    def attention(self, x: Tensor) -> Tensor:
        """Gives the weight of each frame in each pixel: small under clouds, where another frame is clear.

        Args:
            x: As for forward.

        Returns:
            (N, T, H, W) in 0..1, adding up to 1 over the T frames.
        """
        raise NotImplementedError


def split(x: Tensor, frame_channels: int) -> Tensor:
    """(N, T frame_channels, H, W) -> (N, T, frame_channels, H, W)."""
    return x.reshape(len(x), -1, frame_channels, *x.shape[-2:])


def weighted(features: Tensor, weights: Tensor) -> Tensor:
    """Adds up frames: (N T, C, H, W) with weights (N, T, H, W) -> (N, C, H, W)."""
    frames = features.reshape(*weights.shape[:2], *features.shape[1:])
    return (frames * weights[:, :, None].to(frames.dtype)).sum(dim=1)
