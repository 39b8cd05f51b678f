"""What is known of one window of a scene, and what was reconstructed of it: the arrays that all methods share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from .sensors import Bool, Float, Level


@dataclass(frozen=True)
class Observation:
    """One window of a scene, in physical units. C bands, T other dates, H x W pixels."""

    bands: tuple[str, ...]
    """Names of the C bands, see sensors.NAMES."""
    level: Level
    optical: Float
    """(C, H, W) reflectance as measured, cloud and all; 0 where not valid."""
    valid: Bool
    """(H, W) measured at all: neither nodata nor NaN."""
    cloud: Bool
    """(H, W) cloud or shadow, already grown: not to be trusted as ground."""
    background: Float
    """(C, H, W) reflectance of the clear ground around, smooth (see background.py)."""
    sar: Float | None = None
    """(2, H, W) VV and VH in dB; NaN where missing. None without SAR."""
    dates: Float | None = None
    """(T, C, H, W) reflectance of the other dates as measured, cloud and all; 0 where not valid. The scene's least
    cloudy comes first. None without."""
    dates_clear: Bool | None = None
    """(T, H, W) measured and neither cloud nor shadow."""
    days: Float | None = None
    """(T,) days from the optical image's day, negative before it."""
    dates_matched: Float | None = None
    """(T, C, H, W) the dates as they would look on the optical image's day, see matching.py. None if unknown."""
    dates_error: Float | None = None
    """(T, H, W) by how much dates_matched are expected to be wrong: reflectance, mean over the bands. None if
    unknown."""
    regional: Float | None = None
    """(C, H, W) mean reflectance of the clear ground of the region (see background.py). None if unknown."""
    variability: Float | None = None
    """(C, H, W) standard deviation of the clear pixels of the region. None if unknown."""

    @property
    def clear(self) -> Bool:
        """(H, W) measured and trusted."""
        clear: Bool = self.valid & ~self.cloud
        return clear

    def only(self, bands: Sequence[str]) -> Observation:
        """Gives some of the bands, in the given order."""
        index = [self.bands.index(name) for name in bands]
        return replace(
            self,
            bands=tuple(bands),
            optical=self.optical[index],
            background=self.background[index],
            dates=None if self.dates is None else self.dates[:, index],
            dates_matched=None if self.dates_matched is None else self.dates_matched[:, index],
            regional=None if self.regional is None else self.regional[index],
            variability=None if self.variability is None else self.variability[index],
        )


@dataclass(frozen=True)
class Reconstruction:
    """The ground of one window as a method sees it, in every pixel, clear ones too."""

    reflectance: Float
    """(C, H, W)"""
    uncertainty: Float
    """(C, H, W) standard error in reflectance: the truth lies within one of it in about two of three pixels."""


class Method(Protocol):
    """Reconstructs windows. All methods and the generator are called in this way."""

    @property
    def overlap_px(self) -> int:
        """Pixels of context that the method sees on each side of a pixel."""
        ...

    @property
    def align_px(self) -> int:
        """Windows begin and end at multiples of this (the stride of a network)."""
        ...

    @property
    def beyond_scene(self) -> bool:
        """Whether windows reach beyond the scene, where nothing is measured, rather than end with it."""
        ...

    @property
    def tile_px(self) -> int:
        """Side of a tile, without its context."""
        ...

    @property
    def batch_size(self) -> int:
        """Windows that are worth being handed over together."""
        ...

    def __call__(self, observations: list[Observation]) -> list[Reconstruction]:
        """Reconstructs windows of equal size.

        Args:
            observations: Windows that include the context of overlap_px on each side.

        Returns:
            One reconstruction of the same size for each window; the outer overlap_px are not meant to be used.
        """
        ...


def crop(array: np.ndarray, margin_px: int) -> np.ndarray:
    """Cuts margin_px off each side of the last two axes."""
    if margin_px == 0:
        return array
    return array[..., margin_px:-margin_px, margin_px:-margin_px]
