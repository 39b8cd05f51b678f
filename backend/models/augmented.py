"""Augmented CycleGAN: many clear images for a cloudy one, and back (Almahairi et al., 2018).

A latent z says which of the possible images is meant. Eight networks learn together without pairs: for each direction
a generator (image, z) -> image, a discriminator of images (models/patchgan.py), an encoder (image, translation) -> z
and a discriminator of z. Whatever penetrates clouds, long-wave bands or SAR, rides along in the generator's input.
Spectral norm is added for the training by models/spectral.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from .blocks import begin_tanh
from .network import Network

STRIDE = 2


@dataclass(frozen=True)
class Params:
    in_channels: int = 12
    out_channels: int = 12
    width: int = 32
    """Filters of the first layer; then twice as many, and four times at half the resolution."""
    blocks: int = 3
    """Residual blocks at half the resolution."""
    latent: int = 16


PRESETS = {"paper": Params(), "small": Params(width=16)}


class Augmented(Network):
    """A generator, cloudy to clear or back: c7s1-32, c3s1-64, d128, 3 x R128, u64, c3s1-32, c7s1-out.

    Instance norm takes statistics over the window, so each pixel depends on all of it.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        self.in_channels, self.out_channels, self.latent = params.in_channels, params.out_channels, params.latent
        self.stride_px, self.radius_px = STRIDE, None
        width, latent = params.width, params.latent
        self.layers = nn.ModuleList(
            [
                _Layer(_convolution(params.in_channels, width, 7), latent),
                _Layer(_convolution(width, 2 * width, 3), latent),
                _Layer(_convolution(2 * width, 4 * width, 3, STRIDE), latent),
                *(_Block(4 * width, latent) for _ in range(params.blocks)),
                _Layer(nn.ConvTranspose2d(4 * width, 2 * width, 3, STRIDE, 1, 1, bias=False), latent),
                _Layer(_convolution(2 * width, width, 3), latent),
            ]
        )
        self.head = nn.Conv2d(width, params.out_channels, 7, padding=3, padding_mode="reflect")

    def begin_at(self, mean: Tensor) -> None:
        """See Network.begin_at."""
        begin_tanh(self.head, mean)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Translates an image.

        Args:
            x: (N, in_channels, H, W) in -1..1; H and W are multiples of 2, at least 4.
            z: (N, latent), drawn from N(0, 1).

        Returns:
            (N, out_channels, H, W) in -1..1, in float32.
        """
        dtype = next(self.parameters()).dtype
        x, z = x.to(dtype), z.to(dtype)
        for layer in self.layers:
            x = layer(x, z)
        return torch.tanh(self.head(x).float())


class ConditionalNorm(nn.Module):
    """Instance norm whose scale and offset follow z: norm(x) * (1 + scale(z)) + offset(z) (Dumoulin et al., 2017).

    Args:
        channels: Channels in and out.
        latent: Numbers in z.
    """

    def __init__(self, channels: int, latent: int) -> None:
        super().__init__()
        self.drive = nn.Linear(latent, 2 * channels)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(N, C, H, W), (N, latent) -> (N, C, H, W)."""
        scale, offset = self.drive(z)[:, :, None, None].chunk(2, dim=1)
        result: Tensor = nn.functional.instance_norm(x) * (1 + scale) + offset
        return result


class LatentEncoder(nn.Module):
    """Guesses the z that made a translation.

    Args:
        in_channels: Of the image and its translation together.
        latent: Numbers in z.
        width: Filters of the first layer; each of the further three has twice as many.
    """

    def __init__(self, in_channels: int, latent: int = 16, width: int = 32) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        modules: list[nn.Module] = [nn.Conv2d(in_channels, width, 3, 2, 1), nn.ReLU()]
        for fewer, more in pairwise(widths):
            modules += [nn.Conv2d(fewer, more, 3, 2, 1, bias=False), nn.BatchNorm2d(more), nn.ReLU()]
        self.features = nn.Sequential(*modules)
        self.mean = nn.Linear(widths[-1], latent)

    def forward(self, image: Tensor, translation: Tensor) -> Tensor:
        """(N, C, H, W) twice -> (N, latent); H and W at least 32."""
        result: Tensor = self.mean(self.features(torch.cat([image, translation], dim=1)).mean(dim=(-2, -1)))
        return result


class LatentDiscriminator(nn.Module):
    """Tells encoded latents from drawn ones. No batch norm: it judges one as well as many.

    Args:
        latent: Numbers in z.
        width: Of its three hidden layers.
    """

    def __init__(self, latent: int = 16, width: int = 64) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        for count in (latent, width, width):
            modules += [nn.Linear(count, width), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*modules, nn.Linear(width, 1))

    def forward(self, z: Tensor) -> Tensor:
        """(N, latent) -> (N, 1): logits that z was drawn."""
        result: Tensor = self.model(z)
        return result


class _Layer(nn.Module):
    """relu(norm(conv(x), z))."""

    def __init__(self, convolution: nn.Conv2d | nn.ConvTranspose2d, latent: int) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = ConditionalNorm(convolution.out_channels, latent)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(N, in, H, W), (N, latent) -> (N, out, H', W')."""
        return torch.relu(self.norm(self.convolution(x), z))


class _Block(nn.Module):
    """relu(x + norm(conv(relu(norm(conv(x), z))))), 3x3."""

    def __init__(self, channels: int, latent: int) -> None:
        super().__init__()
        self.first = _Layer(_convolution(channels, channels, 3), latent)
        self.second = _convolution(channels, channels, 3)
        self.norm = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(N, C, H, W), (N, latent) -> (N, C, H, W)."""
        return torch.relu(x + self.norm(self.second(self.first(x, z))))


def _convolution(in_channels: int, out_channels: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Gives a convolution with reflected borders, without the bias that a norm behind it would cancel."""
    return nn.Conv2d(in_channels, out_channels, size, stride, size // 2, bias=False, padding_mode="reflect")
