"""A window of a scene as its files hold it: digital numbers and fields of blocks, a tenth of its reflectance in bytes.

Only what is asked for becomes reflectance. A generator takes the numbers themselves to its device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .background import Smooth
from .matching import MatchedWindow
from .observation import Observation
from .sensors import Bool, Float, Level, Scaling

SMALL = [np.dtype(name) for name in ("uint8", "int8", "uint16", "int16")]


@dataclass(frozen=True)
class Pixels:
    """A window of an optical acquisition."""

    digital_numbers: np.ndarray
    """(C, H, W) as stored."""
    scaling: Scaling
    valid: Bool
    """(H, W) every band holds a number, and at least one is not nodata."""

    @cached_property
    def reflectance(self) -> Float:
        """(C, H, W), 0 where not valid."""
        reflectance = self.scaling.to_reflectance(self.digital_numbers)
        reflectance[:, ~self.valid] = 0
        return reflectance

    def cut(self, rows: slice, columns: slice) -> Pixels:
        """Gives a part of the window."""
        return Pixels(self.digital_numbers[..., rows, columns], self.scaling, self.valid[rows, columns])

    def arrays(self) -> dict[str, np.ndarray]:
        """What tells the reflectance, by name: whole numbers of 16 bits or fewer and their scaling, else itself."""
        if self.digital_numbers.dtype not in SMALL:
            return {"reflectance": self.reflectance}
        scale, shift = self.scaling.scale, self.scaling.shift
        return {"numbers": self.digital_numbers, "scale": scale, "shift": shift, "valid": self.valid}


@dataclass(frozen=True)
class StoredGround:
    """What the ground looks like where it cannot be seen, see background.Ground."""

    background: Smooth
    regional: Smooth
    variability: Smooth


@dataclass(frozen=True)
class StoredDate:
    """The same window on another day."""

    image: Pixels
    clear: Bool
    """(H, W) measured and neither cloud nor shadow."""
    match: MatchedWindow


class StoredObservation(Observation):
    """An observation (see there for the arrays) whose reflectance is made when it is asked for.

    Args:
        bands: Names of the C bands.
        level: Of the optical image.
        image: Of the day to be reconstructed.
        cloud: (H, W) cloud or shadow.
        ground: What the ground looks like.
        sar: (2, H, W) in dB or None.
        others: The other dates, the least cloudy first.
        days: (T,) days of the other dates.
    """

    def __init__(
        self,
        bands: tuple[str, ...],
        level: Level,
        image: Pixels,
        cloud: Bool,
        ground: StoredGround,
        sar: Float | None,
        others: Sequence[StoredDate],
        days: Float | None,
    ) -> None:
        own = {"bands": bands, "level": level, "valid": image.valid, "cloud": cloud, "sar": sar, "days": days}
        vars(self).update(own, image=image, ground=ground, others=list(others))

    image: Pixels
    ground: StoredGround
    others: list[StoredDate]

    @cached_property
    def optical(self) -> Float:
        return self.image.reflectance

    @cached_property
    def background(self) -> Float:
        return self.ground.background.pixels()

    @cached_property
    def regional(self) -> Float:
        return self.ground.regional.pixels()

    @cached_property
    def variability(self) -> Float:
        return self.ground.variability.pixels()

    @cached_property
    def dates(self) -> Float | None:
        return np.stack([date.image.reflectance for date in self.others]) if self.others else None

    @cached_property
    def dates_clear(self) -> Bool | None:
        return np.stack([date.clear for date in self.others]) if self.others else None

    @cached_property
    def dates_matched(self) -> Float | None:
        return np.stack([date.match.apply(date.image.reflectance) for date in self.others]) if self.others else None

    @cached_property
    def dates_error(self) -> Float | None:
        return np.concatenate([date.match.error.pixels() for date in self.others]) if self.others else None

    def only(self, bands: Sequence[str]) -> Observation:
        """Gives some of the bands, in the given order, with their reflectance made."""
        return self.opened().only(bands)

    def opened(self) -> Observation:
        """The same with all arrays made."""
        return Observation(
            self.bands, self.level, self.optical, self.valid, self.cloud, self.background, self.sar, self.dates,
            self.dates_clear, self.days, self.dates_matched, self.dates_error, self.regional, self.variability,
        )  # fmt: skip
