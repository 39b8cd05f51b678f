"""An observation becomes a network's channels, and a network's channels a reconstruction, on the network's device.

What crosses the bus is what the files hold: `gather` lists it, `channels` makes the rest of it on the device. On the
CPU both run in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .background import TYPICAL_VARIABILITY, Smooth
from .encoding import UNKNOWN_DAYS, Encoding
from .errors import ModelError
from .matching import UNKNOWN_ERROR
from .observation import Observation
from .sensors import VH_DB, VV_DB, Float
from .stored import Pixels, StoredObservation

if TYPE_CHECKING:
    from torch import Tensor

NEARNESS_DAYS = 15.0
"""A date so many days away weighs half of one of the same day."""
OPTICAL_LIMIT = 1.5
"""Reflectance above it (glint, saturated cloud) says nothing more."""

Piece = np.ndarray | Pixels | Smooth


def encode(observation: Observation, bands: Sequence[str], encoding: Encoding) -> Float:
    """Turns an observation into the input of a network, on the host.

    Args:
        observation: Its bands in any order, all of them among `bands`; layout `frames` needs all of them.
        bands: The network's bands in its order.
        encoding: Of the network.

    Returns:
        (channels, H, W); fewer channels than Encoding.in_channels where there are fewer dates than frames.
    """
    import torch

    tensors = {name: torch.from_numpy(writable(array)) for name, array in gather(observation, encoding).items()}
    made: Float = channels(tensors, observation, bands, encoding).numpy()
    return made


def writable(array: np.ndarray) -> np.ndarray:
    """The array itself, or a copy of one that torch would not take."""
    return np.require(array, requirements=["C", "W"])


def gather(observation: Observation, encoding: Encoding) -> dict[str, np.ndarray]:
    """Gives what the channels are made of, as small as the observation has it, by name."""
    seen, fusion = observation, encoding.layout == "fusion"
    named: dict[str, Piece | None] = {"valid": seen.valid, "cloud": seen.cloud}
    if fusion or encoding.sar_range is not None:
        named["sar"] = seen.sar
    named |= _stored(seen, encoding) if isinstance(seen, StoredObservation) else _measured(seen, encoding)
    if fusion:
        named["nearness"] = (1 / (1 + np.abs(_days(seen, encoding)) / NEARNESS_DAYS)).astype(np.float32)
    arrays: dict[str, np.ndarray] = {}
    for name, piece in named.items():
        if isinstance(piece, np.ndarray):
            arrays[name] = piece
        elif piece is not None:
            arrays |= {f"{name}.{part}": array for part, array in piece.arrays().items()}
    return arrays


def channels(tensors: Mapping[str, Tensor], seen: Observation, bands: Sequence[str], encoding: Encoding) -> Tensor:
    """Makes the input of a network.

    Args:
        tensors: What gather(seen, encoding) gave, on the device.
        seen: Tells bands, level and days.
        bands: The network's bands in its order.
        encoding: Of the network.

    Returns:
        (channels, H, W) float32 on the device, see encode.

    Raises:
        ModelError: The network needs Sentinel-1.
    """
    make = _fusion if encoding.layout == "fusion" else _frames
    return make(tensors, seen, list(bands), encoding)


def decode(output: Tensor, slots: Sequence[int], bands: int, encoding: Encoding) -> tuple[Tensor, Tensor | None]:
    """Turns the output of a network into reflectance and its standard error, on its device.

    Args:
        output: (channels, H, W)
        slots: Where each of the scene's C bands stands among the network's.
        bands: Number of the network's bands.
        encoding: Of the network.

    Returns:
        (C, H, W) each; None instead of errors where the network gives none.
    """
    image, errors = _chosen(output[:bands], slots), output[bands:]
    if encoding.output == "laplace":  # reflectance, and its standard deviation sqrt(2) b
        return image, _chosen(errors, slots) * (2**0.5 * encoding.spread)
    reflectance = encoding.to_reflectance(image)
    if encoding.output == "gaussian":
        return reflectance, _chosen(errors, slots).sqrt() * (encoding.unit * encoding.spread)
    return reflectance, None


def _days(seen: Observation, encoding: Encoding) -> Float:
    """(T,) of those dates that the network takes."""
    known = seen.others if isinstance(seen, StoredObservation) else seen.dates
    count = 0 if known is None else len(known)
    if encoding.layout == "frames":
        count = min(count, encoding.frames - 1)
    return np.full(count, UNKNOWN_DAYS, np.float32) if seen.days is None else seen.days[:count]


def _stored(seen: StoredObservation, encoding: Encoding) -> dict[str, Piece | None]:
    named: dict[str, Piece | None] = {"optical": seen.image}
    others = seen.others[: len(_days(seen, encoding))]
    for i, date in enumerate(others):
        named |= {f"date{i}": date.image, f"clear{i}": date.clear}
    if encoding.layout == "fusion":
        ground = seen.ground
        named |= {"background": ground.background, "regional": ground.regional, "variability": ground.variability}
        for i, match in enumerate(date.match for date in others):
            named |= {f"gain{i}": match.gain, f"offset{i}": match.offset}
            named |= {f"shift{i}": match.shift, f"error{i}": match.error}
    return named


def _measured(seen: Observation, encoding: Encoding) -> dict[str, Piece | None]:
    named: dict[str, Piece | None] = {"optical": seen.optical}
    fusion, dates = encoding.layout == "fusion", seen.dates
    if fusion:
        named |= {"background": seen.background, "regional": seen.regional, "variability": seen.variability}
        dates = dates if seen.dates_matched is None else seen.dates_matched
    if dates is None:
        return named
    clear = np.ones(dates[:, 0].shape, bool) if seen.dates_clear is None else seen.dates_clear
    for i in range(len(_days(seen, encoding))):
        named |= {f"date{i}": dates[i], f"clear{i}": clear[i]}
        if fusion and seen.dates_error is not None:
            named[f"error{i}"] = seen.dates_error[i : i + 1]
    return named


def _has(tensors: Mapping[str, Tensor], name: str) -> bool:
    return any(f"{name}{form}" in tensors for form in ("", ".rows", ".numbers", ".reflectance"))


def _opened(tensors: Mapping[str, Tensor], name: str, room: Tensor | None = None) -> Tensor:
    """(C, H, W) float32 of a piece in any of its forms, written into the room if some is given."""
    import torch

    if f"{name}.rows" in tensors:
        return torch.matmul(tensors[f"{name}.rows"] @ tensors[f"{name}.near"], tensors[f"{name}.columns"].T, out=room)
    if f"{name}.numbers" in tensors:
        numbers = tensors[f"{name}.numbers"]
        values = numbers.float() if room is None else room.copy_(numbers)
        values *= tensors[f"{name}.scale"][:, None, None]
        values += tensors[f"{name}.shift"][:, None, None]
        return values.mul_(tensors[f"{name}.valid"])
    plain = tensors[f"{name}.reflectance"] if f"{name}.reflectance" in tensors else tensors[name]
    return plain if room is None else room.copy_(plain)


def _chosen(planes: Tensor, index: Sequence[int]) -> Tensor:
    """Gives planes[index] without sending the index to the device, which would wait for it."""
    import torch

    return planes if list(index) == [*range(len(planes))] else torch.stack([planes[i] for i in index])


def _frames(tensors: Mapping[str, Tensor], seen: Observation, bands: list[str], encoding: Encoding) -> Tensor:
    import torch

    index = [seen.bands.index(name) for name in bands]
    sar = _sar_units(tensors, encoding)
    parts = []
    for i, day in enumerate([0.0, *_days(seen, encoding)]):
        image = encoding.to_units(_chosen(_opened(tensors, f"date{i - 1}" if i else "optical"), index))
        clear = tensors[f"clear{i - 1}"] if i else tensors["valid"] & ~tensors["cloud"]
        parts += [image, *([] if sar is None else [sar])]
        if encoding.masks:
            parts.append((~clear)[None].float())
        if encoding.days:
            parts.append(torch.full_like(image[:1], encoding.image_day + float(day)))
    return torch.cat(parts)


def _sar_units(tensors: Mapping[str, Tensor], encoding: Encoding) -> Tensor | None:
    if encoding.sar_range is None:
        return None
    if "sar" not in tensors:
        raise ModelError("The generator needs Sentinel-1.", "Give it, or choose another generator.")
    low, high = encoding.sar_range
    return _scaled_sar(tensors["sar"], encoding.vh_floor_db) * (high - low) + low


def _scaled_sar(sar: Tensor, vh_floor_db: float = VH_DB[0]) -> Tensor:
    """(2, H, W) dB to 0..1, missing pixels to 0."""
    import torch

    limits = (VV_DB, (vh_floor_db, VH_DB[1]))
    known = sar.nan_to_num(nan=-99.0)
    return torch.stack([((known[i] - low) / (high - low)).clamp_(0, 1) for i, (low, high) in enumerate(limits)])


def _fusion(tensors: Mapping[str, Tensor], seen: Observation, bands: list[str], encoding: Encoding) -> Tensor:
    """Gives (6 len(bands) + 10, H, W), see models/fusion.py for the order.

    Whatever is missing is 0 and its presence plane says so; the region's mean is the background where it is unknown,
    its standard deviation background.TYPICAL_VARIABILITY.
    """
    import torch

    from .models.fusion import PLANES, input_channels

    valid, count, slots = tensors["valid"], len(bands), [bands.index(name) for name in seen.bands]
    in_place = slots == [*range(count)]
    x = torch.empty((input_channels(count), *valid.shape), device=valid.device)
    x[0 if not in_place else 5 * count :] = 0
    planes = dict(zip(PLANES, x[5 * count :], strict=False))

    def room(group: int) -> Tensor:
        return x[group * count :][:count] if in_place else x.new_empty((len(slots), *valid.shape))

    def put(first: int, values: Tensor) -> None:
        for slot, plane in zip(slots, values, strict=True) if not in_place else ():
            x[first + slot] = plane

    background = _opened(tensors, "background", room(1))
    put(count, background)
    optical = _opened(tensors, "optical", room(0)).clamp_(-OPTICAL_LIMIT, OPTICAL_LIMIT)
    put(0, optical.sub_(background).mul_(valid))
    candidate = _candidate(tensors, planes, room(2)) if len(tensors["nearness"]) else room(2).zero_()
    put(2 * count, candidate.sub_(background).mul_(planes["candidate"]))
    regional = _opened(tensors, "regional", room(3)) if _has(tensors, "regional") else room(3).copy_(background)
    put(3 * count, regional.sub_(background))
    known = _has(tensors, "variability")
    put(4 * count, _opened(tensors, "variability", room(4)) if known else room(4).fill_(TYPICAL_VARIABILITY))
    for slot in slots:
        x[5 * count + len(PLANES) + slot] = 1
    planes["valid"].copy_(valid)
    planes["cloud"].copy_(tensors["cloud"])
    planes["l2a"].fill_(float(seen.level == "L2A"))
    if "sar" in tensors:
        planes["sar"].copy_(tensors["sar"].isfinite().all(dim=0))
        for name, scaled in zip(("vv", "vh"), _scaled_sar(tensors["sar"]), strict=True):
            planes[name].copy_(scaled).mul_(planes["sar"])
    return x


def _candidate(tensors: Mapping[str, Tensor], planes: Mapping[str, Tensor], candidate: Tensor) -> Tensor:
    """Fills the candidate (C, H, W), and the planes: where there is one, how near, unlike and wrong its dates are.

    It is the mean of the matched dates that are clear in a pixel, weighted by nearness / error^2, nearness being
    1 / (1 + |days| / 15).
    """
    import torch

    count = len(tensors["nearness"])
    clear = torch.stack([tensors[f"clear{i}"] for i in range(count)])  # (T, H, W)
    unknown = planes["error"].new_full((1, 1, 1), UNKNOWN_ERROR).expand(1, *clear.shape[1:])
    error = torch.cat([_opened(tensors, f"error{i}") if _has(tensors, f"error{i}") else unknown for i in range(count)])
    nearness = clear * tensors["nearness"][:, None, None]
    share = nearness / error**2
    share /= share.sum(dim=0).clamp_(min=1e-9)
    matched = [_matched(tensors, i) for i in range(count)]
    candidate.zero_()
    for date, weight in zip(matched, share, strict=True):
        candidate.addcmul_(date, weight)
    for date, weight in zip(matched, share, strict=True):
        planes["spread"].addcmul_((date - candidate).abs_().mean(dim=0), weight)
    planes["candidate"].copy_(clear.any(dim=0))
    planes["nearness"].copy_(nearness.amax(dim=0))
    planes["error"].copy_((share * error).sum(dim=0))
    return candidate


def _matched(tensors: Mapping[str, Tensor], i: int) -> Tensor:
    """(C, H, W) of a date as it would look on the optical image's day, see matching.MatchedWindow.apply."""
    date = _opened(tensors, f"date{i}")
    if f"gain{i}" not in tensors:
        return date
    matched = _opened(tensors, f"shift{i}") + tensors[f"offset{i}"][:, None, None]
    matched += date
    matched += (tensors[f"gain{i}"].T @ date.flatten(1)).view_as(date)
    return matched
