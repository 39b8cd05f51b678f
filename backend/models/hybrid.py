"""The hybrid: STGAN reconstructs from several dates, a CycleGAN generator with multi-scale attention refines it.

It sees cloudy dates only. models/zoo.py puts its two parts together.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from . import receptive
from .frames import Attentive


@dataclass(frozen=True)
class Params:
    bands: int = 13
    frame_channels: int = 13
    """All channels of a frame: its bands and whatever the encoding adds."""
    frames: int = 3
    """Dates that it is made for; it takes any number."""
    widths: tuple[int, int, int] = (64, 128, 256)
    """Of both parts: channels at full, half and quarter resolution."""
    encoder_blocks: int = 3
    """STGAN's residual blocks for each date."""
    decoder_blocks: int = 6
    """STGAN's residual blocks after the dates are fused."""
    refiner_blocks: int = 6
    """The refiner's residual blocks."""


PRESETS = {
    "paper": Params(),
    "small": Params(widths=(16, 32, 64), encoder_blocks=1, decoder_blocks=2, refiner_blocks=1),
}


class Hybrid(Attentive):
    """The network.

    Args:
        params: What its parts were made with.
        stgan: The first reconstruction, x -> (N, bands, H, W).
        refiner: Its refinement, (image, frame 0) -> (N, bands, H, W).
        path: Its farthest way: the refiner's, then STGAN's.
    """

    def __init__(self, params: Params, stgan: Attentive, refiner: nn.Module, path: receptive.Path) -> None:
        super().__init__()
        self.params = params
        self.in_channels, self.out_channels = params.frames * params.frame_channels, params.bands
        self.stride_px, self.radius_px = stgan.stride_px, receptive.radius_px(path, stgan.stride_px)
        self.stgan = stgan
        self.refiner = refiner

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructs frame 0.

        Args:
            x: (N, T frame_channels, H, W): frame 0, then other dates in any order; bands in -1..1. H and W are
                multiples of 4.

        Returns:
            (N, bands, H, W), about -1..1, in float32.
        """
        result: Tensor = self.refiner(self.stgan(x), x[:, : self.params.frame_channels])
        return result

    def attention(self, x: Tensor) -> Tensor:
        """See Attentive.attention."""
        return self.stgan.attention(x)
