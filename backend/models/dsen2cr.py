"""DSen2-CR: residual blocks at full resolution that correct the cloudy image (Meraner et al., 2020).

The modules stand in one Sequential in the order of the published PyTorch class, so that its checkpoints fit: `model.0`,
`model.{2..17}.conv_block.{0,2}` and `model.18`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .network import Network


@dataclass(frozen=True)
class Params:
    in_channels: int = 15
    out_channels: int = 13
    features: int = 256
    blocks: int = 16
    scale: float = 0.1
    """Factor on what a block adds."""


PRESETS = {"paper": Params(), "small": Params(features=32, blocks=6)}


class DSen2CR(Network):
    """The network.

    Args:
        params: Its size.

    Raises:
        ValueError: The input has fewer channels than the output.
    """

    coarse = "float16"

    def __init__(self, params: Params) -> None:
        super().__init__()
        if params.in_channels < params.out_channels:
            raise ValueError(f"{params.in_channels} channels in cannot hold the {params.out_channels} bands to correct")
        self.params = params
        self.in_channels, self.out_channels = params.in_channels, params.out_channels
        self.stride_px, self.radius_px = 1, 2 * params.blocks + 2
        self.model = nn.Sequential(
            nn.Conv2d(params.in_channels, params.features, 3, padding=1),
            nn.ReLU(),
            *(_Block(params.features, params.scale) for _ in range(params.blocks)),
            nn.Conv2d(params.features, params.out_channels, 3, padding=1),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Adds a correction to the cloudy image.

        Args:
            x: (N, in_channels, H, W): the out_channels bands of the cloudy image, reflectance / 0.2, then SAR, whose
                limits become 0 and 2. Any H and W.

        Returns:
            (N, out_channels, H, W): the clear image, reflectance / 0.2.
        """
        features = x.to(next(self.parameters()).dtype, memory_format=torch.channels_last)
        result: Tensor = x[:, : self.out_channels] + self.model(features)
        return result


class _Block(nn.Module):
    """x + scale * conv(relu(conv(x))), 3x3 (Lim et al., 2017).

    Args:
        features: Channels in and out.
        scale: Factor on what is added.
    """

    def __init__(self, features: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.conv_block = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1), nn.ReLU(), nn.Conv2d(features, features, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, features, H, W) -> (N, features, H, W)."""
        result: Tensor = x + self.scale * self.conv_block(x)
        return result
