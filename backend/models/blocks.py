"""Building blocks without spatial statistics: what a pixel becomes depends on its neighbourhood alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """x + conv(relu(conv(relu(x)))), 3x3, starting as the identity (Zhang et al., 2019, Fixup).

    Args:
        channels: Channels in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        if self.second.bias is not None:
            nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        result: Tensor = x + self.second(torch.relu(self.first(torch.relu(x))))
        return result


class Down(nn.Conv2d):
    """Halves the resolution: each 2x2 cell becomes one pixel, so that cells stay aligned with the image."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 2, stride=2)


class Up(nn.Module):
    """Doubles the resolution: each pixel becomes a 2x2 cell (Shi et al., 2016).

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(in_channels, 4 * out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, 2 H, 2 W)."""
        return nn.functional.pixel_shuffle(self.spread(x), 2)


def residuals(channels: int, count: int) -> nn.Sequential:
    """Gives `count` residual blocks in a row."""
    return nn.Sequential(*(Residual(channels) for _ in range(count)))


def begin_tanh(last: nn.Module, mean: Tensor) -> None:
    """Sets the offset of the convolution before a tanh so that the network begins at a mean, (C,) in -1..1."""
    with torch.no_grad():
        last.get_parameter("bias").copy_(mean.clamp(-0.99, 0.99).atanh())


def begin_gan(network: nn.Module) -> None:
    """Draws weights as pix2pix and CycleGAN do: kernels N(0, 0.02), scales of batch norm N(1, 0.02), offsets 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
