"""UnCRtainTS: a clear image and its variance from several dates (Ebel et al., 2023).

Each date is encoded at full resolution. A lightweight temporal attention (Garnot and Landrieu, 2020) looks at the
largest features of cells of 8x8 pixels and at the days, and says how much of each date goes into each group of
channels. What is fused is decoded at full resolution into a mean and a variance for each band.

Weights are named as in the published checkpoints (151 tensors, 570,010 weights with 13 bands and SAR). Those expect
SAR before the bands, both scaled to 0..10, days counted from one fixed day, and windows of 256 px; attention then sees
32x32 cells, which are of 8 px. Here cells are of 8 px in windows of any size.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .frames import Attentive, split

CELL = 8
"""Side in pixels of the cells that attention sees."""
GROUPS = 4
"""Of the group norm in the encoder."""
PERIOD_DAYS = 1000.0
DROPOUT = 0.1
"""Of the attention, in training."""
LEAST_VARIANCE = 1e-5
"""Where the scale is 1."""


@dataclass(frozen=True)
class Params:
    bands: int = 13
    frame_channels: int = 16
    """All channels of a frame: bands, SAR, and its days last."""
    frames: int = 3
    """Dates that it is made for; it takes any number."""
    width: int = 128
    encoder_blocks: int = 1
    decoder_blocks: int = 5
    heads: int = 16
    attention_width: int = 256
    key_width: int = 4
    scale: float = 1.0
    """Largest mean: what the encoding makes of the largest reflectance. 10 in the published checkpoints."""


PRESETS = {"paper": Params(), "small": Params(width=32, decoder_blocks=2, heads=8, attention_width=64)}


class UnCRtainTS(Attentive):
    """The network. Norms, squeezes and pooled features make each pixel depend on the whole window.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        self.in_channels, self.out_channels = params.frames * params.frame_channels, 2 * params.bands
        self.stride_px, self.radius_px = CELL, None
        width = params.width
        stem = [nn.Conv2d(params.frame_channels - 1, width, 1), nn.GroupNorm(GROUPS, width), nn.ReLU()]
        self.in_conv = _named("conv", _named("conv", nn.Sequential(*stem)))
        self.in_block = nn.Sequential(*(MBConv(width, "group") for _ in range(params.encoder_blocks)))
        self.temporal_encoder = TemporalAttention(params)
        self.dropout = nn.Dropout(DROPOUT)
        self.out_block = nn.Sequential(*(MBConv(width, "batch") for _ in range(params.decoder_blocks)))
        head = nn.Conv2d(width, 2 * params.bands, 1)
        self.out_conv = _named("conv", _named("conv", nn.Sequential(head)))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructs frame 0.

        Args:
            x: (N, T frame_channels, H, W): frame 0, then other dates in any order; bands in 0..scale. H and W are
                multiples of 8.

        Returns:
            (N, 2 bands, H, W): mean in 0..scale and variance, in float32.
        """
        features, attention = self._encoded(x)
        groups = features.reshape(*attention.shape[:3], -1, *attention.shape[3:])  # (N, T, heads, C / heads, H, W)
        fused = (self.dropout(attention)[:, :, :, None] * groups).sum(dim=1).flatten(1, 2)
        mean, variance = self.out_conv(self.out_block(fused)).float().chunk(2, dim=1)
        scale = self.params.scale
        variance = nn.functional.softplus(variance) + LEAST_VARIANCE * scale**2
        return torch.cat([scale * mean.sigmoid(), variance], dim=1)

    def attention(self, x: Tensor) -> Tensor:
        """See Attentive.attention; the mean of all heads."""
        return self._encoded(x)[1].float().mean(dim=2)

    def begin_at(self, mean: Tensor) -> None:
        """See Network.begin_at."""
        with torch.no_grad():
            offset = (mean / self.params.scale).clamp(0.01, 0.99).logit()
            self.get_parameter("out_conv.conv.conv.0.bias")[: self.params.bands] = offset

    def _encoded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gives the features (N T, C, H, W) and the attention (N, T, heads, H, W), which adds up to 1 over dates."""
        frames = split(x, self.params.frame_channels)
        days = frames[:, :, -1, 0, 0].float()
        seen = frames[:, :, :-1].flatten(0, 1).to(next(self.parameters()).dtype)
        features = self.in_block(self.in_conv(seen))
        cells = nn.functional.max_pool2d(features, CELL)
        weights = self.temporal_encoder(cells.reshape(*days.shape, *cells.shape[1:]), days).flatten(0, 1)
        weights = nn.functional.interpolate(weights, scale_factor=float(CELL), mode="bilinear", align_corners=False)
        return features, weights.reshape(*days.shape, *weights.shape[1:])


class MBConv(nn.Module):
    """x + norm(1x1(squeeze(3x3 of each channel))) of twice as many channels, norms between (Sandler et al., 2018).

    Args:
        width: Channels in and out.
        norm: `group` or `batch`.
    """

    def __init__(self, width: int, norm: str) -> None:
        super().__init__()
        inner = 2 * width
        layers = nn.Sequential(
            nn.Conv2d(width, inner, 1, bias=False),
            _norm(norm, inner),
            nn.GELU(),
            nn.Conv2d(inner, inner, 3, padding=1, padding_mode="reflect", groups=inner, bias=False),
            _norm(norm, inner),
            nn.GELU(),
            Squeeze(inner, width // 4),
            nn.Conv2d(inner, width, 1, bias=False),
            _norm(norm, width),
        )
        self.conv = nn.Sequential(OrderedDict(norm=_norm(norm, width), fn=layers))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        result: Tensor = x + self.conv(x)
        return result


class Squeeze(nn.Module):
    """Weighs each channel by what all of them hold on average (Hu et al., 2018).

    Args:
        channels: Channels in and out.
        hidden: Width between.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.GELU(), nn.Linear(hidden, channels, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        result: Tensor = x * self.fc(x.mean(dim=(-2, -1)))[:, :, None, None]
        return result


class TemporalAttention(nn.Module):
    """Softmax over dates of q k / sqrt(d): k from features and days of a date, one learned q for each head.

    Args:
        params: Of the network.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.inconv = nn.Conv1d(params.width, params.attention_width, 1)
        self.attention_heads = _Keys(params)
        self.in_norm = nn.GroupNorm(params.heads, params.width)

    def forward(self, cells: Tensor, days: Tensor) -> Tensor:
        """(N, T, C, h, w) and days (N, T) -> (N, T, heads, h, w)."""
        count, dates, _, height, width = cells.shape
        series = cells.permute(0, 3, 4, 2, 1).flatten(0, 2)  # (N h w, C, T)
        values = self.inconv(self.in_norm(series)).transpose(1, 2).contiguous()  # (N h w, T, D)
        heads = len(self.attention_heads.Q)
        when = positions(days, values.shape[-1] // heads).tile(heads).repeat_interleave(height * width, dim=0)
        weights: Tensor = self.attention_heads(values + when.to(values.dtype))
        return weights.reshape(count, height, width, dates, heads).permute(0, 3, 4, 1, 2)


class _Keys(nn.Module):
    def __init__(self, params: Params) -> None:
        super().__init__()
        self.Q = nn.Parameter(torch.empty(params.heads, params.key_width))
        self.fc1_k = nn.Linear(params.attention_width, params.heads * params.key_width)
        nn.init.normal_(self.Q, 0, (2 / params.key_width) ** 0.5)
        nn.init.normal_(self.fc1_k.weight, 0, (2 / params.key_width) ** 0.5)

    def forward(self, values: Tensor) -> Tensor:
        """(M, T, D) -> (M, T, heads), adding up to 1 over T."""
        keys: Tensor = self.fc1_k(values)
        likeness = (keys.reshape(*values.shape[:2], *self.Q.shape) * self.Q).sum(dim=-1)
        return (likeness / math.sqrt(self.Q.shape[-1])).softmax(dim=1)


def positions(days: Tensor, size: int) -> Tensor:
    """Gives sines (even places) and cosines (odd) of days / 1000^(2 [i/2] / size): (N, T) -> (N, T, size)."""
    index = torch.arange(size, device=days.device)
    angle = days[..., None] / PERIOD_DAYS ** (2 * (index // 2) / size)
    return torch.where(index % 2 == 0, angle.sin(), angle.cos())


def _norm(kind: str, channels: int) -> nn.Module:
    return nn.GroupNorm(GROUPS, channels) if kind == "group" else nn.BatchNorm2d(channels)


def _named(name: str, module: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict({name: module}))
