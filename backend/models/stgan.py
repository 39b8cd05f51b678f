"""STGAN: one clear image from any number of cloudy dates (Sarukkai et al., 2020), with spatial attention over dates.

One encoder serves all dates, so that their number and order do not matter. Attention then says how much of each date is
taken in each pixel, of its bands and of its features at three resolutions: result = sum over dates of attention * bands
+ correction, which a decoder makes of the features. Frame 0, the image to reconstruct, has a branch of its own past the
attention: it tells the season and the light. There is no normalisation: what is trained is what is evaluated, and a
pixel sees a neighbourhood of finite size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import receptive
from .blocks import Down, Residual, Up, residuals
from .frames import Attentive, split, weighted

STRIDE = 4


@dataclass(frozen=True)
class Params:
    bands: int = 13
    frame_channels: int = 13
    """All channels of a frame: its bands and whatever the encoding adds."""
    frames: int = 3
    """Dates that it is made for; it takes any number."""
    widths: tuple[int, int, int] = (64, 128, 256)
    """Channels at full, half and quarter resolution."""
    encoder_blocks: int = 3
    """Residual blocks for each date at a quarter of the resolution."""
    decoder_blocks: int = 6
    """Residual blocks after the dates are fused, there too."""


PRESETS = {"paper": Params(), "small": Params(widths=(16, 32, 64), encoder_blocks=1, decoder_blocks=2)}


def path(params: Params) -> receptive.Path:
    """Its farthest way: 3x3 head, blocks of two 3x3 convolutions at each resolution down and up, 3x3 stem."""
    blocks = params.encoder_blocks + params.decoder_blocks
    down: receptive.Path = [("near", 3), ("coarser", 2), ("near", 2), ("coarser", 2)]
    up: receptive.Path = [("finer", 2), ("near", 2), ("finer", 2), ("near", 1)]
    return [*down, ("near", 2 * blocks), *up]


class STGAN(Attentive):
    """The generator.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        self.in_channels, self.out_channels = params.frames * params.frame_channels, params.bands
        self.stride_px, self.radius_px = STRIDE, receptive.radius_px(path(params), STRIDE)
        fine, middle, coarse = params.widths
        self.stem = nn.Conv2d(params.frame_channels, fine, 3, padding=1)
        self.down_middle = Down(fine, middle)
        self.encode_middle = Residual(middle)
        self.down_coarse = Down(middle, coarse)
        self.encode_coarse = residuals(coarse, params.encoder_blocks)
        self.compare = nn.Conv2d(coarse, coarse, 1)
        self.judge = nn.ModuleList(nn.Conv2d(width, 4**i, 1, bias=False) for i, width in enumerate(params.widths))
        self.own = nn.ModuleList(nn.Conv2d(width, width, 1) for width in params.widths)
        self.bottom = residuals(coarse, params.decoder_blocks)
        self.up_middle = Up(coarse, middle)
        self.decode_middle = Residual(middle)
        self.up_fine = Up(middle, fine)
        self.decode_fine = Residual(fine)
        self.head = nn.Conv2d(fine, params.bands, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructs frame 0.

        Args:
            x: (N, T frame_channels, H, W): frame 0, then other dates in any order; bands in -1..1. H and W are
                multiples of 4.

        Returns:
            (N, bands, H, W), about -1..1, in float32.
        """
        frames = split(x, self.params.frame_channels)
        features = self._features(frames)
        weights = self._weights(features, frames.shape[1])
        fine, middle, coarse = (
            weighted(level, nn.functional.avg_pool2d(weights, 2**i)) + own(level[:: frames.shape[1]])
            for i, (level, own) in enumerate(zip(features, self.own, strict=True))
        )
        middle = self.decode_middle(middle + self.up_middle(torch.relu(self.bottom(coarse))))
        fine = self.decode_fine(fine + self.up_fine(torch.relu(middle)))
        measured = weighted(frames[:, :, : self.params.bands].flatten(0, 1).float(), weights)
        return measured + torch.tanh(self.head(torch.relu(fine)).float())

    def attention(self, x: Tensor) -> Tensor:
        """See Attentive.attention."""
        frames = split(x, self.params.frame_channels)
        return self._weights(self._features(frames), frames.shape[1])

    def _features(self, frames: Tensor) -> list[Tensor]:
        """(N, T, F, H, W) -> at full, half and quarter resolution (N T, C, H, W), the last knowing the mean date."""
        fine = self.stem(frames.flatten(0, 1).to(self.stem.weight.dtype))
        middle = self.encode_middle(self.down_middle(torch.relu(fine)))
        coarse = self.encode_coarse(self.down_coarse(torch.relu(middle)))
        dates = coarse.reshape(*frames.shape[:2], *coarse.shape[1:])
        known = dates + self.compare(torch.relu(dates.mean(dim=1)))[:, None]
        return [fine, middle, known.flatten(0, 1)]

    def _weights(self, features: list[Tensor], frames: int) -> Tensor:
        """Gives softmax over dates of how clear each looks at the three resolutions: (N, T, H, W), float32."""
        judged = [
            nn.functional.pixel_shuffle(judge(torch.relu(level)), 2**i).float()
            for i, (level, judge) in enumerate(zip(features, self.judge, strict=True))
        ]
        clearness = torch.cat(judged, dim=1).sum(dim=1)  # (N T, H, W)
        return clearness.reshape(-1, frames, *clearness.shape[-2:]).softmax(dim=1)
