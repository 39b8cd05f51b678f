"""The U-Net of pix2pix (Isola et al., 2017), made deeper for SAR and optical images (Grohnfeldt et al., 2018).

Levels are nested as in the published PyTorch class, so that its checkpoints fit: `model.model.0` is the outermost
convolution down, `model.model.1` the level inside it, `model.model.1.model.1` that level's convolution, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from .blocks import begin_gan, begin_tanh
from .network import Network


@dataclass(frozen=True)
class Params:
    in_channels: int = 12
    out_channels: int = 10
    widths: tuple[int, ...] = (64, 128, 256, 512, 1024, 1024, 1024, 1024)
    """Filters of each level, the outermost first; each halves the resolution."""
    dropout: float = 0.4
    """Share of features that training drops behind the innermost levels' deconvolutions."""
    dropout_levels: int = 3
    norm: Literal["batch", "instance"] = "batch"
    """instance: as some published checkpoints have it; convolutions have an offset then."""


PRESETS = {
    "paper": Params(),
    "pix2pix": Params(3, 3, (64, 128, 256, 512, 512, 512, 512, 512), dropout=0.5),
    "small": Params(widths=(32, 64, 128, 256, 256), dropout_levels=2),
}


def radius_px(levels: int) -> int:
    """Radius of the receptive field: 3 (2^levels - 1), since each 4x4 kernel reaches two pixels to one side."""
    return 3 * ((1 << levels) - 1)


class UNet(Network):
    """The network.

    The innermost level has no norm on its way down: its map may be a single pixel. Instance norm takes statistics over
    the window, so that each pixel depends on all of it.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        self.in_channels, self.out_channels = params.in_channels, params.out_channels
        levels = len(params.widths)
        self.stride_px, self.radius_px = 1 << levels, radius_px(levels) if params.norm == "batch" else None
        self.model = _Level(params, 0)
        begin_gan(self)

    def begin_at(self, mean: Tensor) -> None:
        """See Network.begin_at."""
        begin_tanh(self.model.model[-2], mean)

    def forward(self, x: Tensor) -> Tensor:
        """Translates an image.

        Args:
            x: (N, in_channels, H, W) in -1..1; H and W are multiples of 2^levels.

        Returns:
            (N, out_channels, H, W) in -1..1.
        """
        result: Tensor = self.model(x)
        return result


class _Level(nn.Module):
    """Down, the levels inside, up; all but the outermost level put their input before their output.

    Args:
        params: Of the whole network.
        depth: 0 for the outermost level.
    """

    def __init__(self, params: Params, depth: int) -> None:
        super().__init__()
        width = params.widths[depth]
        self.outermost, innermost = depth == 0, depth == len(params.widths) - 1
        entering = params.in_channels if self.outermost else params.widths[depth - 1]
        leaving = params.out_channels if self.outermost else entering
        bias, norm = params.norm == "instance", nn.BatchNorm2d if params.norm == "batch" else nn.InstanceNorm2d
        down: list[nn.Module] = [nn.Conv2d(entering, width, 4, stride=2, padding=1, bias=bias)]
        inside: list[nn.Module] = [] if innermost else [_Level(params, depth + 1)]
        deconvolution = nn.ConvTranspose2d(
            width if innermost else 2 * width, leaving, 4, stride=2, padding=1, bias=bias or self.outermost
        )
        up: list[nn.Module] = [nn.ReLU(), deconvolution]
        if self.outermost:
            up.append(nn.Tanh())
        else:
            down.insert(0, nn.LeakyReLU(0.2))
            up.append(norm(leaving))
            if not innermost:
                down.append(norm(width))
            if len(params.widths) - depth <= params.dropout_levels:
                up.append(nn.Dropout(params.dropout))
        self.model = nn.Sequential(*down, *inside, *up)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 2 C, H, W), for the outermost level (N, out_channels, H, W)."""
        result: Tensor = self.model(x)
        return result if self.outermost else torch.cat([x, result], dim=1)
