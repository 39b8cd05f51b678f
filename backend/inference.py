"""The generator: windows of a scene in, reconstructed windows out. Arrays become tensors here and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .card import Card, read_card
from .errors import DeviceError, ModelError
from .observation import Observation, Reconstruction
from .sensors import VH_DB, VV_DB, Float

if TYPE_CHECKING:
    import torch

MODELS = Path(__file__).resolve().parent.parent / "resources" / "models"
DEFAULT_MODEL = "fusion"

NEARNESS_DAYS = 15.0
"""A date so many days away weighs half of one of the same day."""
UNKNOWN_DAYS = 30.0
"""Assumed for dates without a day."""
OPTICAL_LIMIT = 1.5
"""Reflectance above it (glint, saturated cloud) says nothing more."""
BATCH = {"cpu": 1, "cuda": 16, "mps": 4}


def stack(observation: Observation, bands: list[str]) -> Float:
    """Turns an observation into the input of a network: see models/fusion.py for the order of the channels.

    The candidate is the mean of the dates that are clear in a pixel, each moved by its dates_shift to the optical
    image's season and weighted by its nearness 1 / (1 + |days| / 15). Whatever is missing is 0 and its presence plane
    says so.

    Args:
        observation: C bands in any order, all of them among `bands`.
        bands: The network's bands in its order.

    Returns:
        (4 len(bands) + 9, H, W)
    """
    from .models.fusion import input_channels

    channels: Float = np.zeros((input_channels(len(bands)), *observation.valid.shape), np.float32)
    _fill(channels, observation, bands)
    return channels


def _fill(channels: Float, observation: Observation, bands: list[str]) -> None:
    """Writes an observation into channels (4 len(bands) + 9, H, W) that are 0."""
    from .models.fusion import PLANES

    count = len(bands)
    planes = dict(zip(PLANES, channels[3 * count :], strict=False))
    dates = observation.dates if observation.dates is not None and len(observation.dates) else None
    candidate = None if dates is None else _fill_candidate(planes, observation, dates)
    for index, name in enumerate(observation.bands):
        slot, background = bands.index(name), observation.background[index]
        np.clip(observation.optical[index], -OPTICAL_LIMIT, OPTICAL_LIMIT, out=channels[slot])
        channels[slot] -= background
        channels[slot] *= observation.valid
        channels[count + slot] = background
        if candidate is not None:
            np.subtract(candidate[index], background, out=channels[2 * count + slot])
            channels[2 * count + slot] *= planes["candidate"]
        channels[3 * count + len(PLANES) + slot] = 1
    planes["valid"][:] = observation.valid
    planes["cloud"][:] = observation.cloud
    planes["l2a"][:] = observation.level == "L2A"
    if observation.sar is not None:
        measured = np.isfinite(observation.sar).all(axis=0)
        planes["sar"][:] = measured
        planes["vv"][:], planes["vh"][:] = _scaled_sar(observation.sar) * measured


def _fill_candidate(planes: dict[str, Float], observation: Observation, dates: Float) -> Float:
    """Gives the candidate (C, H, W); writes where there is one, how near its dates are, and how they spread."""
    clear = np.ones(dates[:, 0].shape, bool) if observation.dates_clear is None else observation.dates_clear
    days = np.full(len(dates), UNKNOWN_DAYS) if observation.days is None else observation.days
    nearness = clear * (1 / (1 + np.abs(days) / NEARNESS_DAYS)).astype(np.float32)[:, None, None]  # (T, H, W)
    share = nearness / np.maximum(nearness.sum(axis=0), 1e-9)
    shifted = dates if observation.dates_shift is None else dates + observation.dates_shift
    candidate: Float = np.zeros_like(dates[0])
    for date, weight in zip(shifted, share, strict=True):
        candidate += weight * date
    for date, weight in zip(shifted, share, strict=True):
        planes["spread"] += weight * np.abs(date - candidate).mean(axis=0)
    planes["candidate"][:] = clear.any(axis=0)
    nearness.max(axis=0, out=planes["nearness"])
    return candidate


def _scaled_sar(sar: Float) -> Float:
    """(2, H, W) dB to 0..1, missing pixels to 0."""
    low, high = np.array([VV_DB, VH_DB], np.float32).T[:, :, None, None]
    scaled: Float = np.clip((np.nan_to_num(sar, nan=-99.0) - low) / (high - low), 0, 1)
    return scaled


@lru_cache(maxsize=1)
def _load(path: str, changed_ns: int, device: str) -> Generator:
    return Generator(path, device)


def load_generator(model: str, device: str) -> Generator:
    """Gives a generator, the one of the last call if that is the same: it stays loaded between jobs.

    Raises:
        ModelError: The generator cannot be loaded.
        DeviceError: The device does not exist here.
    """
    path = find_model(model)
    if not Path(path).is_file():
        raise ModelError(f"There is no generator {path}.", "Give the path of a .safetensors file.")
    return _load(path, Path(path).stat().st_mtime_ns, device)


class Generator:
    """A network as a method (see observation.Method).

    Args:
        model: The name of an installed generator, `default`, or the path of a `.safetensors`.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        precise: Reckon in float32 throughout, also where bfloat16 would be faster.

    Raises:
        ModelError: The generator cannot be loaded.
        DeviceError: The device does not exist here.
    """

    def __init__(self, model: str = "default", device: str = "auto", precise: bool = False) -> None:
        from .models import weights

        self.device = find_device(device)
        self.card, self._network = weights.load(find_model(model))
        self._place(precise)

    def _place(self, precise: bool) -> None:
        import torch

        from .models.fusion import input_channels

        self.overlap_px = self.card.overlap_px
        self.align_px = self.card.align_px
        self.tile_px = self.card.tile_px
        self._in_channels = input_channels(len(self.card.bands))
        self.batch_size = BATCH[self.device.type]
        self.dtype = torch.float32 if precise or not _has_bfloat16(self.device) else torch.bfloat16
        self._network.to(self.device, self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, observations: list[Observation]) -> list[Reconstruction]:
        """Reconstructs windows of equal size, in smaller batches where memory does not suffice.

        Raises:
            ModelError: The generator lacks a band of the scene, or needs something that the scene lacks.
            DeviceError: Not even one window fits into memory.
        """
        for seen in observations:
            check_fit(self.card, seen.bands, seen.level, seen.sar is not None, seen.dates is not None)
        results: list[Reconstruction] = []
        while len(results) < len(observations):
            batch = observations[len(results) : len(results) + self.batch_size]
            try:
                results += self._reconstruct(batch)
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
                self._halve(len(batch), batch[0].valid.shape)
        return results

    def _halve(self, batch_size: int, shape: tuple[int, ...]) -> None:
        import torch

        if batch_size == 1:
            raise DeviceError(
                f"{self.device} has not enough memory for one window of {shape[1]}x{shape[0]} px.",
                "Close other programs that use it, or choose another device.",
            )
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.batch_size = batch_size // 2

    def _reconstruct(self, observations: list[Observation]) -> list[Reconstruction]:
        import torch

        height, width = observations[0].valid.shape
        pad = (-height % self.align_px, -width % self.align_px)
        inputs = np.zeros((len(observations), self._in_channels, height + pad[0], width + pad[1]), np.float32)
        for observation, channels in zip(observations, inputs, strict=True):
            _fill(channels[:, :height, :width], observation, self.card.bands)
        with torch.inference_mode():
            output = self._network(torch.from_numpy(inputs).to(self.device))
        arrays: Float = output.float().cpu().numpy()[..., :height, :width]
        return [self._reconstruction(o, array) for o, array in zip(observations, arrays, strict=True)]

    def _reconstruction(self, observation: Observation, array: Float) -> Reconstruction:
        """The scale b of a Laplace distribution becomes its standard deviation, sqrt(2) b."""
        count = len(self.card.bands)
        slots = [self.card.bands.index(name) for name in observation.bands]
        deviation = np.float32(2**0.5) * array[count:][slots]
        return Reconstruction(array[slots], deviation)


def check_fit(card: Card, bands: Sequence[str], level: str, sar: bool, dates: bool) -> None:
    """Holds what is known of a scene against what a generator needs.

    Args:
        card: Of the generator.
        bands: Of the scene.
        level: Of the scene, `L1C` or `L2A`.
        sar: Whether there is Sentinel-1.
        dates: Whether there are other dates.

    Raises:
        ModelError: The scene lacks something that the generator needs, or has a band that it does not know.
    """
    unknown = [name for name in bands if name not in card.bands]
    missing = [name for name in card.required_bands if name not in bands]
    lacks = {
        "band(s) " + ", ".join(missing): bool(missing),
        "Sentinel-1": card.sar == "required" and not sar,
        "other dates": card.dates == "required" and not dates,
        f"level {' or '.join(card.levels)} (this is {level})": level not in card.levels,
    }
    needed = [what for what, absent in lacks.items() if absent]
    if needed:
        raise ModelError(
            f"The generator {card.name!r} needs {'; '.join(needed)}.", "Give them, or choose another generator."
        )
    if unknown:
        raise ModelError(
            f"The generator {card.name!r} knows no band(s) {', '.join(unknown)}, only {', '.join(card.bands)}.",
            "Leave these bands out, or choose another generator.",
        )


def find_device(name: str) -> torch.device:
    """Gives a device by name; `auto` is the first of devices().

    Raises:
        DeviceError: There is no such device here.
    """
    import torch

    known = [device["name"] for device in devices()]
    wanted = {"auto": known[0], "cuda": "cuda:0"}.get(name, name)
    if wanted not in known:
        raise DeviceError(
            f"The device {name!r} was asked for; here are {', '.join(known)}.",
            "Choose one of them, or `auto`; for cuda, install an NVIDIA driver and the CUDA build of torch.",
        )
    return torch.device(wanted)


def devices() -> list[dict[str, str]]:
    """Gives the devices of this machine, best first, each with its name and a label for people."""
    import torch

    found = [
        {"name": f"cuda:{index}", "label": torch.cuda.get_device_name(index)}
        for index in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        found.append({"name": "mps", "label": "Apple GPU"})
    return [*found, {"name": "cpu", "label": f"CPU, {torch.get_num_threads()} threads"}]


def installed_models() -> list[tuple[Card, str]]:
    """Gives the card and the path of each installed generator, the default one first.

    A damaged one is left out and logged, so that it does not stop jobs that use another; a job that uses it fails.
    """
    found = []
    for path in sorted(MODELS.glob("*.safetensors"), key=lambda path: (path.stem != DEFAULT_MODEL, path.stem)):
        try:
            found.append((read_card(str(path)), str(path)))
        except ModelError as error:
            logging.getLogger(__name__).warning("%s", error)
    return found


def find_model(name_or_path: str) -> str:
    """Gives the path of a generator.

    Args:
        name_or_path: `default`, the name of an installed generator, or the path of a file.

    Raises:
        ModelError: There is none.
    """
    if Path(name_or_path).suffix or "/" in name_or_path:
        return name_or_path
    name = DEFAULT_MODEL if name_or_path == "default" else name_or_path
    path = MODELS / f"{name}.safetensors"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in MODELS.glob("*.safetensors"))) or "none"
        raise ModelError(
            f"No generator {name_or_path!r} is installed; installed: {known}.",
            "Name one of them, or give a .safetensors file.",
        )
    return str(path)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32: in tensor cores, and in the matrix units of newer CPUs."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    has: Any = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and has is not None and bool(has())


def _out_of_memory(error: Exception) -> bool:
    import torch

    words = str(error).lower()
    return (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or "out of memory" in words
        or "allocate memory" in words
    )
