"""The residual generator of CycleGAN (Zhu et al., 2017; Johnson et al., 2016).

c7s1-64, d128, d256, 9 x R256, u128, u64, c7s1-out with instance norm and reflected borders. The modules stand in one
Sequential in the order of the published PyTorch class, so that its checkpoints fit: `model.1`, `model.4`, `model.7`,
`model.{10..18}.conv_block.{1,5}`, `model.19`, `model.22` and `model.26` with nine blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .blocks import begin_gan, begin_tanh
from .network import Network


@dataclass(frozen=True)
class Params:
    in_channels: int = 3
    out_channels: int = 3
    width: int = 64
    """Filters at full resolution; twice and four times as many at a half and a quarter."""
    blocks: int = 9
    """Residual blocks at a quarter of the resolution: 9 for windows of 256 px, 6 for 128 px."""


PRESETS = {"paper": Params(), "small": Params(width=16, blocks=4)}


class CycleGAN(Network):
    """The network. Instance norm takes statistics over the window, so each pixel depends on all of it.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        self.in_channels, self.out_channels = params.in_channels, params.out_channels
        self.stride_px, self.radius_px = 4, None
        width = params.width
        self.model = nn.Sequential(
            nn.ReflectionPad2d(3),
            *_normed(nn.Conv2d(params.in_channels, width, 7)),
            *_normed(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)),
            *_normed(nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1)),
            *(_Block(4 * width) for _ in range(params.blocks)),
            *_normed(nn.ConvTranspose2d(4 * width, 2 * width, 3, stride=2, padding=1, output_padding=1)),
            *_normed(nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1)),
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
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            *_normed(nn.Conv2d(channels, channels, 3)),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        result: Tensor = x + self.conv_block(x)
        return result


def _normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, ...]:
    """Gives a convolution, instance norm and ReLU. The norm cancels the bias, which published checkpoints hold."""
    return convolution, nn.InstanceNorm2d(convolution.out_channels), nn.ReLU()
