"""PatchGAN: a discriminator that judges each patch of an image (Isola et al., 2017).

The modules stand in one Sequential in the order of the published PyTorch class, so that its checkpoints fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .blocks import begin_gan

WIDEST = 8
"""Filters grow up to so many times those of the first layer."""


@dataclass(frozen=True)
class Params:
    in_channels: int = 22
    """Of all images together that it is shown: input and output of the generator, or an image alone."""
    width: int = 64
    """Filters of the first layer; each further one has twice as many, up to eight times."""
    layers: int = 3
    """Layers that halve the resolution: a logit judges 9 * 2^layers - 2 pixels, 70 with 3, 34 with 2."""
    norm: Literal["batch", "instance", "none"] = "batch"
    spectral: bool = False
    """Divides each convolution's weights by their largest singular value (Miyato et al., 2018)."""


PRESETS = {"paper": Params(), "small": Params(width=32, layers=2)}


class PatchGAN(nn.Module):
    """The discriminator.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        widths = [params.width * min(2**layer, WIDEST) for layer in range(params.layers + 1)]
        modules: list[nn.Module] = [self._convolution(params.in_channels, widths[0], 2, True), nn.LeakyReLU(0.2)]
        for layer in range(1, params.layers + 1):
            stride = 1 if layer == params.layers else 2
            modules.append(self._convolution(widths[layer - 1], widths[layer], stride, params.norm != "batch"))
            modules.extend([*self._norm(widths[layer]), nn.LeakyReLU(0.2)])
        modules.append(self._convolution(widths[-1], 1, 1, True))
        self.model = nn.Sequential(*modules)
        begin_gan(self)
        if params.spectral:
            for module in self.model:
                if isinstance(module, nn.Conv2d):
                    spectral_norm(module)

    @staticmethod
    def _convolution(in_channels: int, out_channels: int, stride: int, bias: bool) -> nn.Conv2d:
        return nn.Conv2d(in_channels, out_channels, 4, stride=stride, padding=1, bias=bias)

    def _norm(self, channels: int) -> list[nn.Module]:
        if self.params.norm == "none":
            return []
        return [nn.BatchNorm2d(channels) if self.params.norm == "batch" else nn.InstanceNorm2d(channels)]

    def forward(self, *images: Tensor) -> Tensor:
        """Judges each patch.

        Args:
            images: (N, C, H, W) each; together in_channels. H and W are at least 3 * 2^layers.

        Returns:
            (N, 1, H / 2^layers - 2, W / 2^layers - 2): logits that the patch is real; losses apply the sigmoid.
        """
        result: Tensor = self.model(torch.cat(images, dim=1))
        return result
