"""How an observation becomes a network's channels, and a network's channels a reconstruction: the card says which way.

Two layouts exist. `fusion` is that of models/fusion.py. `frames` is what the networks of the literature take: the
image, and for networks of several dates the other dates behind it, each frame with the same channels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .errors import ModelError
from .sensors import VH_DB, Float

if TYPE_CHECKING:
    from torch import Tensor

Values = TypeVar("Values", Float, "Tensor")

UNKNOWN_DAYS = 30.0
"""Assumed for dates without a day."""
SAR_CHANNELS = 2


@dataclass(frozen=True)
class Encoding:
    """What a network reads and writes.

    Channels of layout `frames`, for each frame: C bands, then VV and VH if sar_range is given, then the frame's cloud
    mask (1 cloud or nodata) if masks, then its days from the image if days.
    """

    layout: Literal["fusion", "frames"] = "fusion"
    frames: int = 1
    """Frames that the network was made for: the image and the least cloudy other dates; fewer where there are fewer."""
    optical_range: tuple[float, float] = (0.0, 1.0)
    """What reflectance 0 and optical_limit become; beyond, it is clipped."""
    optical_limit: float = 1.0
    sar_range: tuple[float, float] | None = None
    """What the lower and upper limits of sensors.VV_DB and VH_DB become; missing SAR becomes the lower one."""
    masks: bool = False
    days: bool = False
    output: Literal["laplace", "image", "gaussian"] = "laplace"
    """laplace: reflectance and Laplace scale; image: C bands in the optical range; gaussian: the same and their
    variances."""
    spread: float = 1.0
    """What the network's standard errors are multiplied by, so that intervals hold what they say."""
    vh_floor_db: float = VH_DB[0]
    """Lower limit of VH, where the network was trained with another than sensors.VH_DB."""
    image_day: float = 0.0
    """Day of the image, from which those of the other dates are reckoned, where a network knows days of a calendar."""

    @property
    def frame_channels(self) -> int:
        """Channels of a frame besides its bands."""
        return SAR_CHANNELS * (self.sar_range is not None) + self.masks + self.days

    def in_channels(self, bands: int) -> int:
        """Channels of the input for so many bands and all frames."""
        from .models.fusion import input_channels

        return input_channels(bands) if self.layout == "fusion" else self.frames * (bands + self.frame_channels)

    def to_units(self, reflectance: Values) -> Values:
        """Reflectance to the network's units, clipped."""
        low, high = self.optical_range
        units = reflectance.clip(0, self.optical_limit)
        units *= (high - low) / self.optical_limit
        units += low
        return units

    def to_reflectance(self, units: Values) -> Values:
        """The network's units to reflectance."""
        low, high = self.optical_range
        return (units - low) * (self.optical_limit / (high - low))

    @property
    def unit(self) -> float:
        """Reflectance of one of the network's units."""
        return self.optical_limit / (self.optical_range[1] - self.optical_range[0])


def read_encoding(facts: Mapping[str, Any]) -> Encoding:
    """Reads the encoding of a card.

    Raises:
        ModelError: It has a field or a value that this version does not know.
    """
    try:
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
        }
        found = Encoding(**fields)
        _check(found)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"The card's encoding cannot be read: {error}.", "Update Unclouded or export the model again."
        ) from error
    return found


def _check(encoding: Encoding) -> None:
    """Raises TypeError or ValueError that says what makes no sense."""
    if encoding.layout not in ("fusion", "frames") or encoding.output not in ("laplace", "image", "gaussian"):
        raise ValueError(f"its layout is {encoding.layout!r}, its output {encoding.output!r}")
    if encoding.frames < 1 or encoding.optical_limit <= 0 or encoding.vh_floor_db >= VH_DB[1]:
        raise ValueError("its frames, optical_limit or vh_floor_db make no sense")
    for low, high in (encoding.optical_range, encoding.sar_range or (0, 1)):
        if not low < high:
            raise ValueError(f"its ranges hold {low} to {high}")


def encoding_facts(encoding: Encoding) -> dict[str, Any]:
    """Gives an encoding as the dictionary that a card holds."""
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in dataclasses.asdict(encoding).items()
    }
