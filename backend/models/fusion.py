"""Fusion: mixes what was measured, what other dates show and the smooth background, and adds what is left.

A residual U-Net (Ronneberger et al., 2015; He et al., 2016) whose full-resolution work is done on 2x2 cells. For each
pixel and band it takes a share of what the optical image adds to the smooth background (it shows the ground through
thin cloud), a share of what a candidate made from other dates adds to it, a brightening of what lies in shadow or below
thin cloud, and a residual. The error is modelled as a Laplace distribution (Kendall and Gal, 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .blocks import Down, Up, residuals
from .network import Network

PLANES = ("valid", "cloud", "candidate", "nearness", "spread", "error", "sar", "vv", "vh", "l2a")
"""Planes behind the sources, in order:

valid: 1 where the optical image was measured; cloud: 1 under the mask; candidate: 1 where another date is clear;
nearness: 1 for a date of the same day, falling to 0; spread: disagreement of the dates in reflectance; error: the
candidate's expected error in reflectance, 0 without one; sar: 1 where SAR was measured; vv, vh: backscatter scaled to
0..1; l2a: 1 for surface reflectance, 0 for top of the atmosphere.
"""

STRIDE = 8
LOG_SCALE = (-6.5, -0.7)
"""Limits of the logarithm of the Laplace scale: 0.0015 to 0.5 in reflectance."""
TYPICAL_LOG_SCALE = -3.5
RESIDUAL_GAIN = 0.25
INPUT_GAIN = 4.0
"""Differences of reflectance are this much smaller than the other planes: the first weights make up for it."""
BRIGHTENING = 5.0
"""Ground has up to so much more contrast than is seen of it through thin cloud or in a shadow."""
NO_BRIGHTENING = -8.0
"""Before the sigmoid."""
OUTPUTS = 5
"""Of each band: two shares, residual, log scale, brightening."""


@dataclass(frozen=True)
class Params:
    bands: int = 13
    widths: tuple[int, int, int] = (64, 128, 256)
    """Channels at a half, a quarter and an eighth of the resolution."""
    blocks: tuple[int, int, int] = (1, 1, 2)
    """Residual blocks at each of these, the first two both going down and coming up."""
    rest: float = 0.0
    """Sigmoids closer than this to 0 and 1 give shares of exactly 0 and 1."""
    cell_px: int = 2
    """Side of the largest cells whose pattern is averaged out of what the network gives: 2 or 4 pixels."""


REST, CELL_PX = 0.01, 4
PRESETS = {
    "paper": Params(rest=REST, cell_px=CELL_PX),
    "small": Params(widths=(16, 32, 48), blocks=(1, 1, 1), rest=REST, cell_px=CELL_PX),
}


def input_channels(bands: int) -> int:
    """Channels of the input: three sources, two statistics, the planes, and for each band whether it exists."""
    return 6 * bands + len(PLANES)


def radius_px(params: Params) -> int:
    """Radius of the receptive field: two 3x3 convolutions for each block, the cell of 8x8 pixels, the last filter."""
    fine, middle, coarse = params.blocks
    return 2 * (2 * 2 * fine + 4 * 2 * middle + 8 * coarse) + STRIDE - 1 + params.cell_px // 2


class Fusion(Network):
    """The network.

    Args:
        params: Its size.

    Raises:
        ValueError: Its rest or cell_px make no sense.
    """

    coarse = "bfloat16"

    def __init__(self, params: Params) -> None:
        super().__init__()
        if params.cell_px not in (2, 4) or not 0 <= params.rest < 0.5:
            raise ValueError(f"its cell_px is {params.cell_px}, its rest {params.rest}")
        self.params = params
        self.in_channels, self.out_channels = input_channels(params.bands), 2 * params.bands
        self.radius_px, self.stride_px = radius_px(params), STRIDE
        fine, middle, coarse = params.widths
        self.stem = Down(input_channels(params.bands), fine)
        self.encode_fine = residuals(fine, params.blocks[0])
        self.down_middle = Down(fine, middle)
        self.encode_middle = residuals(middle, params.blocks[1])
        self.down_coarse = Down(middle, coarse)
        self.bottom = residuals(coarse, params.blocks[2])
        self.up_middle = Up(coarse, middle)
        self.decode_middle = residuals(middle, params.blocks[1])
        self.up_fine = Up(middle, fine)
        self.decode_fine = residuals(fine, params.blocks[0])
        self.head = Up(fine, OUTPUTS * params.bands)
        self._begin()

    def _begin(self) -> None:
        with torch.no_grad():
            self.stem.weight[:, : 5 * self.params.bands] *= INPUT_GAIN
            self.head.spread.weight *= 0.1
            self.head.spread.get_parameter("bias")[-4 * self.params.bands :] = NO_BRIGHTENING

    def upgrade(self, state: dict[str, Tensor]) -> None:
        """Completes weights of version 1, which knew neither regions, nor the dates' error, nor brightening."""
        bands, fine = self.params.bands, self.params.widths[0]
        first = {
            "stem.weight": (fine, 4 * bands + len(PLANES) - 1, 2, 2),
            "head.spread.weight": (16 * bands, fine, 1, 1),
            "head.spread.bias": (16 * bands,),
        }
        if any(key not in state or state[key].shape != shape for key, shape in first.items()):
            return
        stem, weight, bias = (state[key] for key in first)
        sources, planes = stem[:, : 3 * bands], stem[:, 3 * bands :]
        nothing, error = stem.new_zeros(1).expand(len(stem), 2 * bands, 2, 2), PLANES.index("error")
        state["stem.weight"] = torch.cat([sources, nothing, planes[:, :error], nothing[:, :1], planes[:, error:]], 1)
        state["head.spread.weight"] = torch.cat([weight, weight.new_zeros(4 * bands, *weight.shape[1:])])
        state["head.spread.bias"] = torch.cat([bias, bias.new_full((4 * bands,), NO_BRIGHTENING)])

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructs the ground.

        Args:
            x: (N, 6 C + 10, H, W): optical minus background, background, candidate minus background, mean of the
                region minus background, standard deviation of the region (C each, reflectance), PLANES, and C planes
                that are 1 for bands that exist. H and W are multiples of 8.

        Returns:
            (N, 2 C, H, W): reflectance, and the Laplace scale b of its error, both C bands, in float32.
        """
        cells = x.to(self.stem.weight.dtype, memory_format=torch.channels_last)
        return self._mix(x.float(), self._smoothed(self._features(cells)).float().contiguous())

    def _features(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, 5 C, H, W): two shares, residual, log scale and brightening of each band."""
        fine = self.encode_fine(self.stem(x))  # (N, 64, H/2, W/2)
        middle = self.encode_middle(self.down_middle(torch.relu(fine)))
        coarse = self.bottom(self.down_coarse(torch.relu(middle)))
        middle = self.decode_middle(middle + self.up_middle(torch.relu(coarse)))
        fine = self.decode_fine(fine + self.up_fine(torch.relu(middle)))
        features: Tensor = self.head(torch.relu(fine))
        return features

    def _smoothed(self, features: Tensor) -> Tensor:
        """Averages out the patterns of cells (Odena et al., 2016): a mean over 2x2 pixels, one over the largest."""
        channels, cell_px = features.shape[1], self.params.cell_px
        weights = features.new_tensor([1, *[2] * (cell_px - 1), 1]) / (2 * cell_px)
        kernel = (weights[:, None] * weights).expand(channels, 1, cell_px + 1, cell_px + 1)
        padded = nn.functional.pad(features, (cell_px // 2,) * 4, mode="replicate")
        return nn.functional.conv2d(padded, kernel, groups=channels)

    def _mix(self, x: Tensor, features: Tensor) -> Tensor:
        """Gives background + a (optical - background) + b (candidate - background) + 5 c optical + residual.

        The shares a, b and c lie within 0..1; clear pixels have a = 1 and c = 0, where a sigmoid comes to rest. A trace
        of an opaque cloud is seen when the result is stretched: a and b reach both ends.
        """
        bands = self.params.bands
        difference, background, candidate = x[:, : 3 * bands].chunk(3, dim=1)
        outputs = features.view(len(x), OUTPUTS, bands, *x.shape[2:])
        seen, dates, residual, log_scale, brighter = outputs.unbind(1)
        ground = torch.addcmul(background, self._share(seen), difference)
        ground = torch.addcmul(ground, self._share(dates), candidate).add(residual, alpha=RESIDUAL_GAIN)
        ground = torch.addcmul(ground, BRIGHTENING * brighter.sigmoid(), difference + background)
        return torch.cat([ground, log_scale.add(TYPICAL_LOG_SCALE).clamp(*LOG_SCALE).exp()], dim=1)

    def _share(self, logits: Tensor) -> Tensor:
        rest = self.params.rest
        return ((logits.sigmoid() - rest) / (1 - 2 * rest)).clamp(0, 1)
