"""A small U-Net that tells clear, cloud and shadow apart in cells of about 20 m."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import receptive
from .blocks import Down, Residual, Up, residuals

CLASSES = 3
"""Clear, cloud, shadow, as in mask_files."""
STRIDE = 8


@dataclass(frozen=True)
class Params:
    in_channels: int = 5
    widths: tuple[int, int, int] = (16, 24, 32)
    """Channels at a half, a quarter and an eighth of the resolution."""
    blocks: int = 2
    """Residual blocks at an eighth of the resolution."""


def path(params: Params) -> receptive.Path:
    """Its farthest way: blocks of two 3x3 convolutions at each resolution, up and down."""
    up: receptive.Path = [("coarser", 2), ("near", 2), ("coarser", 2), ("near", 2), ("coarser", 2)]
    down: receptive.Path = [("finer", 2), ("near", 2), ("finer", 2), ("near", 2), ("finer", 2)]
    return [*up, ("near", 2 * params.blocks), *down]


class CloudUnet(nn.Module):
    """Scores of the classes for each cell.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        fine, middle, coarse = params.widths
        self.stem = Down(params.in_channels, fine)
        self.encode_fine = Residual(fine)
        self.down_middle = Down(fine, middle)
        self.encode_middle = Residual(middle)
        self.down_coarse = Down(middle, coarse)
        self.bottom = residuals(coarse, params.blocks)
        self.up_middle = Up(coarse, middle)
        self.decode_middle = Residual(middle)
        self.up_fine = Up(middle, fine)
        self.decode_fine = Residual(fine)
        self.head = Up(fine, CLASSES)

    def forward(self, channels: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, CLASSES, H, W); H and W are multiples of STRIDE."""
        fine = self.encode_fine(self.stem(channels))
        middle = self.encode_middle(self.down_middle(fine))
        coarse = self.bottom(self.down_coarse(middle))
        middle = self.decode_middle(middle + self.up_middle(coarse))
        fine = self.decode_fine(fine + self.up_fine(middle))
        scores: Tensor = self.head(torch.relu(fine))
        return scores
