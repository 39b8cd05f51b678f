"""What a recipe says of its training samples: which clouds, what there is of bands, SAR and dates, augmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Clouds = Literal["mixed", "simulated", "transplanted", "real"]


@dataclass(frozen=True)
class Choices:
    """What is drawn for a sample, and how often. Recipes say what differs."""

    clouds: Clouds = "mixed"
    """simulated: computed; transplanted: taken from cloudy images; mixed: both; the truth is of the same day. real: a
    cloudy day of the place and the truth of another day, nothing invented."""
    real: float = 0.0
    """Share of the samples that are drawn as `real` where the place has a cloudy day, whatever `clouds` says."""
    cover: tuple[float, float] = (0.03, 0.7)
    """Least and largest share of a simulated sky that is cloud."""
    thin: float = 0.25
    """Share of the simulated skies that hold thin high clouds alone."""
    haze: float = 0.25
    """Share of the skies with a haze that no mask shows."""
    bands: tuple[str, ...] | None = None
    """In this order, those that the place has; None draws what users bring."""
    dates: int | None = None
    """Exactly so many other dates; None draws 0 to 3."""
    real_dates: bool = False
    """No invented dates: where real ones are missing, the date is empty (nothing measured)."""
    sar: bool | None = None
    """True: always, NaN where the place has none; None draws it."""
    edge: float = 0.1
    """Share of the scenes through which an edge of the image runs: nothing is measured beyond it."""
    scene_px: int = 256
    """Side of the scene that is drawn at once: what lies around counts for the background, but costs its time."""
    turns: bool = True
    """Rotations and flips."""
    gain: float = 0.08
    """Standard deviation of the logarithm of a factor on all reflectance."""
    tint: float = 0.0
    """The same of a factor on each band, one for all days."""
    offset_jitter: float = 0.0
    """Standard deviation of a reflectance added to each band, the same on all days."""
    level_jitter: float = 0.0
    """Standard deviation of the haze of clear air that is added or taken off, 1 being what lies between L1C and L2A."""
    forgotten_offset: float = 0.0
    """Share of the samples in which everything is 0.1 too bright, as where the offset of 1000 was not taken off."""
    band_dropout: float = 0.0
    """Share of the bands that are 0 in the observation and kept in the truth."""
    sar_dropout: float = 0.0
    """Share of the samples whose SAR is missing: NaN."""
    date_dropout: float = 0.0
    """Share of the other dates that are emptied: nothing measured."""
    shuffle_dates: bool = True
    """False: the least cloudy date first, as the engine has them."""
