"""The generator: windows of a scene in, reconstructed windows out. Arrays become tensors here and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .card import Card, read_card
from .encoding import decode, encode, read_encoding
from .errors import DeviceError, ModelError
from .observation import Observation, Reconstruction
from .sensors import Float

if TYPE_CHECKING:
    import torch

MODELS = Path(__file__).resolve().parent.parent / "resources" / "models"
DEFAULT_MODEL = "fusion"

BATCH = {"cpu": 1, "cuda": 16, "mps": 4}


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

        self.overlap_px = self.card.overlap_px
        self.align_px = self.card.align_px
        self.tile_px = self.card.tile_px
        self._encoding = read_encoding(self.card.encoding)
        self._errors = np.array([self.card.errors.get(name, np.nan) for name in self.card.bands], np.float32)
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
        pad = (0, -height % self.align_px), (0, -width % self.align_px)
        inputs = np.stack([encode(observation, self.card.bands, self._encoding) for observation in observations])
        known = self._encoding.layout == "fusion"  # its planes say that nothing was measured there
        padded = np.pad(inputs, ((0, 0), (0, 0), *pad), mode="constant" if known else "symmetric")
        with torch.inference_mode():
            output = self._network(torch.from_numpy(padded).to(self.device))
        arrays: Float = output.float().cpu().numpy()[..., :height, :width]
        return [
            decode(array, observation, self.card.bands, self._encoding, self._errors)
            for observation, array in zip(observations, arrays, strict=True)
        ]


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
