"""How an observation becomes a network's channels, and a network's channels a reconstruction: the card says which way.

Two layouts exist. `fusion` is that of models/fusion.py. `frames` is what the networks of the literature take: the
image, and for networks of several dates the other dates behind it, each frame with the same channels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .background import TYPICAL_VARIABILITY
from .errors import ModelError
from .matching import UNKNOWN_ERROR
from .observation import Observation, Reconstruction
from .sensors import VH_DB, VV_DB, Float

NEARNESS_DAYS = 15.0
"""A date so many days away weighs half of one of the same day."""
UNKNOWN_DAYS = 30.0
"""Assumed for dates without a day."""
OPTICAL_LIMIT = 1.5
"""Reflectance above it (glint, saturated cloud) says nothing more."""
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

    def to_units(self, reflectance: Float) -> Float:
        """Reflectance to the network's units, clipped."""
        low, high = self.optical_range
        units: Float = np.clip(reflectance, 0, self.optical_limit)
        units *= np.float32((high - low) / self.optical_limit)
        units += np.float32(low)
        return units

    def to_reflectance(self, units: Float) -> Float:
        """The network's units to reflectance."""
        low, high = self.optical_range
        reflectance: Float = (units - np.float32(low)) * np.float32(self.optical_limit / (high - low))
        return reflectance

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


def encode(observation: Observation, bands: Sequence[str], encoding: Encoding) -> Float:
    """Turns an observation into the input of a network.

    Args:
        observation: Its bands in any order, all of them among `bands`; layout `frames` needs all of them.
        bands: The network's bands in its order.
        encoding: Of the network.

    Returns:
        (channels, H, W); fewer channels than Encoding.in_channels where there are fewer dates than frames.
    """
    if encoding.layout == "fusion":
        return _fusion(observation, list(bands))
    index = [observation.bands.index(name) for name in bands]
    optical, clear, days = [observation.optical], [observation.clear], [0.0]
    if observation.dates is not None and observation.dates_clear is not None:
        count = min(len(observation.dates), encoding.frames - 1)
        known = np.full(count, UNKNOWN_DAYS) if observation.days is None else observation.days
        optical += list(observation.dates[:count])
        clear += list(observation.dates_clear[:count])
        days += [float(day) for day in known[:count]]
    sar = None if encoding.sar_range is None else _sar_units(observation, encoding.sar_range, encoding.vh_floor_db)
    channels = [
        _frame(image[index], seen, day, sar, encoding) for image, seen, day in zip(optical, clear, days, strict=True)
    ]
    stacked: Float = np.concatenate(channels)
    return stacked


def _frame(optical: Float, clear: np.ndarray, day: float, sar: Float | None, encoding: Encoding) -> Float:
    channels = [encoding.to_units(optical)]
    if sar is not None:
        channels.append(sar)
    if encoding.masks:
        channels.append((~clear)[None].astype(np.float32))
    if encoding.days:
        channels.append(np.full((1, *clear.shape), encoding.image_day + day, np.float32))
    return np.concatenate(channels)


def _sar_units(observation: Observation, limits: tuple[float, float], vh_floor_db: float) -> Float:
    if observation.sar is None:
        raise ModelError("The generator needs Sentinel-1.", "Give it, or choose another generator.")
    low, high = limits
    units: Float = scaled_sar(observation.sar, vh_floor_db) * np.float32(high - low) + np.float32(low)
    return units


def decode(
    output: Float, observation: Observation, bands: Sequence[str], encoding: Encoding, errors: Float
) -> Reconstruction:
    """Turns the output of a network into a reconstruction.

    Args:
        output: (channels, H, W)
        observation: What was encoded: its bands are given back, in its order.
        bands: The network's bands in its order.
        encoding: Of the network.
        errors: (C,) standard error of each of the network's bands, taken where the network gives none.
    """
    count = len(bands)
    slots = [bands.index(name) for name in observation.bands]
    image = output[:count][slots]
    if encoding.output == "laplace":  # reflectance, and its standard deviation sqrt(2) b
        return Reconstruction(image, np.float32(2**0.5 * encoding.spread) * output[count:][slots])
    reflectance = encoding.to_reflectance(image)
    if encoding.output == "gaussian":
        return Reconstruction(reflectance, np.sqrt(output[count:][slots]) * np.float32(encoding.unit * encoding.spread))
    constant: Float = np.broadcast_to(errors[slots][:, None, None], image.shape)
    return Reconstruction(reflectance, constant)


def _fusion(observation: Observation, bands: list[str]) -> Float:
    """Gives (6 len(bands) + 10, H, W), see models/fusion.py for the order.

    The candidate is the mean of the matched dates that are clear in a pixel, weighted by nearness / error^2, nearness
    being 1 / (1 + |days| / 15). Whatever is missing is 0 and its presence plane says so; the region's mean is the
    background where it is unknown, its standard deviation background.TYPICAL_VARIABILITY.
    """
    from .models.fusion import PLANES, input_channels

    count = len(bands)
    channels: Float = np.zeros((input_channels(count), *observation.valid.shape), np.float32)
    planes = dict(zip(PLANES, channels[5 * count :], strict=False))
    dates = observation.dates if observation.dates is not None and len(observation.dates) else None
    candidate = None if dates is None else _fill_candidate(planes, observation, dates)
    regional, variability = observation.regional, observation.variability
    for index, name in enumerate(observation.bands):
        slot, background = bands.index(name), observation.background[index]
        np.clip(observation.optical[index], -OPTICAL_LIMIT, OPTICAL_LIMIT, out=channels[slot])
        channels[slot] -= background
        channels[slot] *= observation.valid
        channels[count + slot] = background
        if candidate is not None:
            np.subtract(candidate[index], background, out=channels[2 * count + slot])
            channels[2 * count + slot] *= planes["candidate"]
        if regional is not None:
            np.subtract(regional[index], background, out=channels[3 * count + slot])
        channels[4 * count + slot] = TYPICAL_VARIABILITY if variability is None else variability[index]
        channels[5 * count + len(PLANES) + slot] = 1
    planes["valid"][:] = observation.valid
    planes["cloud"][:] = observation.cloud
    planes["l2a"][:] = observation.level == "L2A"
    if observation.sar is not None:
        measured = np.isfinite(observation.sar).all(axis=0)
        planes["sar"][:] = measured
        planes["vv"][:], planes["vh"][:] = scaled_sar(observation.sar) * measured
    return channels


def _fill_candidate(planes: dict[str, Float], observation: Observation, dates: Float) -> Float:
    """Gives the candidate (C, H, W); writes where there is one, how near, how unlike and how wrong its dates are."""
    clear = np.ones(dates[:, 0].shape, bool) if observation.dates_clear is None else observation.dates_clear
    days = np.full(len(dates), UNKNOWN_DAYS) if observation.days is None else observation.days
    matched = dates if observation.dates_matched is None else observation.dates_matched
    errors = (
        np.full(clear.shape, UNKNOWN_ERROR, np.float32) if observation.dates_error is None else observation.dates_error
    )
    nearness = clear * (1 / (1 + np.abs(days) / NEARNESS_DAYS)).astype(np.float32)[:, None, None]  # (T, H, W)
    share = nearness / errors**2
    share /= np.maximum(share.sum(axis=0), 1e-9)
    candidate: Float = np.zeros_like(dates[0])
    for date, weight in zip(matched, share, strict=True):
        candidate += weight * date
    for date, weight in zip(matched, share, strict=True):
        planes["spread"] += weight * np.abs(date - candidate).mean(axis=0)
    planes["candidate"][:] = clear.any(axis=0)
    nearness.max(axis=0, out=planes["nearness"])
    np.sum(share * errors, axis=0, out=planes["error"])
    return candidate


def scaled_sar(sar: Float, vh_floor_db: float = VH_DB[0]) -> Float:
    """(2, H, W) dB to 0..1, missing pixels to 0."""
    low, high = np.array([VV_DB, (vh_floor_db, VH_DB[1])], np.float32).T[:, :, None, None]
    scaled: Float = np.clip((np.nan_to_num(sar, nan=-99.0) - low) / (high - low), 0, 1)
    return scaled
