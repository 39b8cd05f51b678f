"""SpA-GAN's generator: residual blocks that follow a map of the cloud (Pan, 2020; Wang et al., 2019).

Weights are named as in the published checkpoints, without their prefix `gen.gen.`. Those hold two more parts, which
nothing comes of: `SAM1.conv_in`, which is never called, and `SAM1.attention_layer`, whose weighting of the directions
is reckoned and thrown away. Images are blue, green and red in 0..1.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .network import Network

PLAIN_BEFORE = 3
"""Blocks before the first map."""
GROUPS = 4
"""Maps, each for the blocks of a group."""
GROUP = 3
PLAIN_AFTER = 2
BLOCKS = PLAIN_BEFORE + GROUPS * GROUP + PLAIN_AFTER


@dataclass(frozen=True)
class Params:
    bands: int = 3
    width: int = 32


class SpAGAN(Network):
    """The network: 3x3 in, 17 residual blocks of two pixels' reach, 3x3 out.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        self.in_channels = self.out_channels = params.bands
        self.stride_px, self.radius_px = 1, 2 * BLOCKS + 2
        width = params.width
        self.conv_in = nn.Sequential(nn.Conv2d(params.bands, width, 3, padding=1, bias=False), nn.ReLU())
        self.SAM1 = _CloudMap(width)
        for block in range(1, BLOCKS + 1):
            self.add_module(f"res_block{block}", _Block(width))
        self.conv_out = nn.Sequential(nn.Conv2d(width, params.bands, 3, padding=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Clears an image.

        Args:
            x: (N, bands, H, W) in 0..1. Any H and W.

        Returns:
            (N, bands, H, W), about 0..1.
        """
        features = self.conv_in(x)
        weight: Tensor | None = None
        for block in range(BLOCKS):
            if block == BLOCKS - PLAIN_AFTER:
                weight = None
            elif block >= PLAIN_BEFORE and (block - PLAIN_BEFORE) % GROUP == 0:
                weight = self.SAM1(features)
            change = self.get_submodule(f"res_block{block + 1}")(features)
            features = torch.relu(features + (change if weight is None else change * weight))
        result: Tensor = self.conv_out(features)
        return result


class _Block(nn.Module):
    """1x1, 3x3 on every other pixel, 1x1, with ReLU between.

    Args:
        width: Channels in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {
            "conv1": nn.Conv2d(width, width, 1, bias=False),
            "relu1": nn.ReLU(),
            "conv2": nn.Conv2d(width, width, 3, padding=2, dilation=2, bias=False),
            "relu2": nn.ReLU(),
            "conv3": nn.Conv2d(width, width, 1, bias=False),
        }
        self.group1 = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        result: Tensor = self.group1(x)
        return result


class _CloudMap(nn.Module):
    """Where the blocks shall change something: each pixel hears its four neighbours, twice.

    Args:
        width: Channels in.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.irnn1, self.irnn2 = _Neighbours(width), _Neighbours(width)
        self.conv1 = nn.Conv2d(width, width, 1)
        self.conv2 = nn.Conv2d(4 * width, width, 1)
        self.conv3 = nn.Conv2d(4 * width, width, 1)
        self.conv_out = nn.Conv2d(width, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 1, H, W) in 0..1."""
        heard = self.irnn2(self.conv2(self.irnn1(self.conv1(x))))
        result: Tensor = self.conv_out(torch.relu(self.conv3(heard))).sigmoid()
        return result


class _Neighbours(nn.Module):
    """For each direction relu(x + w * neighbour + b), channel by channel; at the border, which has none, x itself.

    Args:
        width: Channels in.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.left_weight, self.right_weight, self.up_weight, self.down_weight = (
            nn.Conv2d(width, width, 1, groups=width) for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 4 C, H, W): what is heard from above, right, below and left."""
        above = torch.relu(self.up_weight(x)[..., :-1, :] + x[..., 1:, :])
        right = torch.relu(self.right_weight(x)[..., 1:] + x[..., :-1])
        below = torch.relu(self.down_weight(x)[..., 1:, :] + x[..., :-1, :])
        left = torch.relu(self.left_weight(x)[..., :-1] + x[..., 1:])
        heard = [
            torch.cat([x[..., :1, :], above], dim=-2),
            torch.cat([right, x[..., -1:]], dim=-1),
            torch.cat([below, x[..., -1:, :]], dim=-2),
            torch.cat([x[..., :1], left], dim=-1),
        ]
        return torch.cat(heard, dim=1)
