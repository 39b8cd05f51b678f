"""The second half of the hybrid: corrects an image where multi-scale attention says so.

A residual U-Net sees a first reconstruction and the cloudy frame, and gives a correction and an attention map at full,
half and quarter resolution: result = image + sum over scales of attention * correction. It starts as the identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import receptive
from .blocks import Down, Residual, Up, residuals

STRIDE = 4


@dataclass(frozen=True)
class Params:
    bands: int = 13
    frame_channels: int = 13
    """All channels of the cloudy frame."""
    widths: tuple[int, int, int] = (64, 128, 256)
    """Channels at full, half and quarter resolution."""
    blocks: int = 6
    """Residual blocks at a quarter of the resolution."""


def path(params: Params) -> receptive.Path:
    """Its farthest way: 3x3 head, blocks of two 3x3 convolutions at each resolution up and down, 3x3 stem."""
    down: receptive.Path = [("near", 3), ("coarser", 2), ("near", 2), ("coarser", 2)]
    up: receptive.Path = [("finer", 2), ("near", 2), ("finer", 2), ("near", 3)]
    return [*down, ("near", 2 * params.blocks), *up]


class Refiner(nn.Module):
    """The generator of the refinement.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        fine, middle, coarse = params.widths
        self.stem = nn.Conv2d(params.bands + params.frame_channels, fine, 3, padding=1)
        self.encode_fine = Residual(fine)
        self.down_middle = Down(fine, middle)
        self.encode_middle = Residual(middle)
        self.down_coarse = Down(middle, coarse)
        self.bottom = residuals(coarse, params.blocks)
        self.up_middle = Up(coarse, middle)
        self.decode_middle = Residual(middle)
        self.up_fine = Up(middle, fine)
        self.decode_fine = Residual(fine)
        self.correct = nn.ModuleList(nn.Conv2d(width, params.bands, 3, padding=1) for width in params.widths)
        self.attend = nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1) for width in params.widths)
        for head in self.correct:
            for weight in head.parameters():
                nn.init.zeros_(weight)

    def forward(self, image: Tensor, frame: Tensor) -> Tensor:
        """Refines an image.

        Args:
            image: (N, bands, H, W) in -1..1, a first reconstruction.
            frame: (N, frame_channels, H, W), the cloudy frame that it reconstructs. H and W are multiples of 4.

        Returns:
            (N, bands, H, W), about -1..1, in float32.
        """
        result = image.float()
        for level, correct, attend in zip(self._features(image, frame), self.correct, self.attend, strict=True):
            change = attend(level).float().sigmoid() * correct(level).float().tanh()
            result = result + _enlarged(change, image)
        return result

    def attention(self, image: Tensor, frame: Tensor) -> Tensor:
        """Gives how much each scale may change: (N, 3, H, W) in 0..1, full, half and quarter resolution."""
        levels = self._features(image, frame)
        shares = [attend(level).float().sigmoid() for level, attend in zip(levels, self.attend, strict=True)]
        return torch.cat([_enlarged(share, image) for share in shares], dim=1)

    def _features(self, image: Tensor, frame: Tensor) -> list[Tensor]:
        """Gives what is decoded at full, half and quarter resolution, each after a ReLU."""
        seen = torch.cat([image.float(), frame.float()], dim=1).to(self.stem.weight.dtype)
        fine = self.encode_fine(self.stem(seen))
        middle = self.encode_middle(self.down_middle(torch.relu(fine)))
        coarse = torch.relu(self.bottom(self.down_coarse(torch.relu(middle))))
        middle = torch.relu(self.decode_middle(middle + self.up_middle(coarse)))
        return [torch.relu(self.decode_fine(fine + self.up_fine(middle))), middle, coarse]


def _enlarged(level: Tensor, image: Tensor) -> Tensor:
    """Brings a coarse map smoothly to the size of the image."""
    return nn.functional.interpolate(level, image.shape[-2:], mode="bilinear", align_corners=False)
