"""The residual generator of CycleGAN (Zhu et al., 2017; Johnson et al., 2016).

c7s1-64, d128, d256, 9 x R256, u128, u64, c7s1-out with instance norm and reflected borders. The modules stand in one
Sequential in the order of the published PyTorch class, so that its checkpoints fit: `model.1`, `model.4`, `model.7`,
`model.{10..18}.conv_block.{1,5}`, `model.19`, `model.22` and `model.26` with nine blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from .blocks import begin_gan, begin_tanh
from .network import Network

STRIDE = 4


@dataclass(frozen=True)
class Params:
    in_channels: int = 3
    out_channels: int = 3
    width: int = 64
    """Filters at full resolution; twice and four times as many at a half and a quarter."""
    blocks: int = 9
    """Residual blocks at a quarter of the resolution: 9 for windows of 256 px, 6 for 128 px."""
    norm: Literal["instance", "batch"] = "instance"
    """batch: as some published checkpoints have it; convolutions have no offset then."""


PRESETS = {"paper": Params(), "small": Params(width=16, blocks=4)}


def radius_px(blocks: int) -> int:
    """Radius of the receptive field with batch norm: two 7x7 and 2 blocks 3x3 convolutions, a quarter between."""
    radius = 0
    for pixel in range(STRIDE):
        first, last = pixel - 3, pixel + 3
        for _ in range(2):  # deconvolutions: one cell on either side of the odd pixels
            first, last = first // 2, (last + 1) // 2
        first, last = first - 2 * blocks, last + 2 * blocks
        for _ in range(2):
            first, last = 2 * first - 1, 2 * last + 1
        radius = max(radius, pixel - first + 3, last - pixel + 3)
    return radius


class CycleGAN(Network):
    """The network. Instance norm takes statistics over the window, so each pixel depends on all of it.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        self.in_channels, self.out_channels = params.in_channels, params.out_channels
        self.stride_px, self.radius_px = STRIDE, radius_px(params.blocks) if params.norm == "batch" else None
        width, norm, bias = params.width, params.norm, params.norm == "instance"
        self.model = nn.Sequential(
            nn.ReflectionPad2d(3),
            *_normed(nn.Conv2d(params.in_channels, width, 7, bias=bias), norm),
            *_normed(nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias), norm),
            *_normed(nn.Conv2d(2 * width, 4 * width, 3, 2, 1, bias=bias), norm),
            *(_Block(4 * width, norm) for _ in range(params.blocks)),
            *_normed(nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, 1, bias=bias), norm),
            *_normed(nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1, bias=bias), norm),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, params.out_channels, 7),
            nn.Tanh(),
        )
        begin_gan(self)

    def begin_at(self, mean: Tensor) -> None:
        """See Network.begin_at."""
        begin_tanh(self.model[-2], mean)

    def forward(self, x: Tensor) -> Tensor:
        """Translates an image.

        Args:
            x: (N, in_channels, H, W) in -1..1; H and W are multiples of 4, at least 8.

        Returns:
            (N, out_channels, H, W) in -1..1.
        """
        result: Tensor = self.model(x)
        return result


class _Block(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3x3 with reflected borders.

    Args:
        channels: Channels in and out.
        norm: `instance` or `batch`.
    """

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        bias = norm == "instance"
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            *_normed(nn.Conv2d(channels, channels, 3, bias=bias), norm),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            _norm(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        result: Tensor = x + self.conv_block(x)
        return result


def _normed(convolution: nn.Conv2d | nn.ConvTranspose2d, norm: str) -> tuple[nn.Module, ...]:
    """Gives a convolution, norm and ReLU. Instance norm cancels the offset, which published checkpoints hold."""
    return convolution, _norm(norm, convolution.out_channels), nn.ReLU()


def _norm(kind: str, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.InstanceNorm2d(channels)
