"""What every generator of the zoo is."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

# The library behind exp chooses its code when it is first called. Threads that call it together at that moment may be
# given different ones: of 6000 processes with four threads 20 had other last bits in a part of their first result.
torch.zeros(1).exp()


class Network(nn.Module):
    """Windows in, windows out: (N, in_channels, H, W) -> (N, out_channels, H, W), H and W multiples of stride_px.

    Channels are those of encoding.Encoding. A network of several dates takes any number of frames, each with the same
    channels, the image to be reconstructed first; `in_channels` counts those that it was made for.
    """

    in_channels: int
    out_channels: int
    stride_px: int
    """Windows are multiples of it."""
    radius_px: int | None
    """Radius of the receptive field; None if a pixel depends on the whole window (statistics over it, for example)."""
    coarse: Literal["bfloat16", "float16"] | None = None
    """Type that its features may have where a device is faster in it; what it puts out is added up in float32, so that
    its tones are not those of that type."""
    latent: int = 0
    """Numbers in the latent z, (N, latent), that forward(x, z) takes as well; 0: forward(x)."""

    def begin_at(self, mean: Tensor) -> None:
        """Lets an untrained network give this image where its features say nothing; does nothing where it needs not.

        Ground is dark: an output that begins at the middle of -1..1 spends its first thousands of steps on that.

        Args:
            mean: (out_channels,) of clear images, in the network's units.
        """

    def upgrade(self, state: dict[str, Tensor]) -> None:
        """Brings weights that an earlier version of the network was trained with into today's form.

        Args:
            state: Changed in place; left as it is if it is of today, or of no known version.
        """
