"""Proves that the backend runs here: the generator that comes along, on a small tile, on the device that is wanted."""

from __future__ import annotations

import importlib
import time
import warnings
from dataclasses import dataclass

import numpy as np

from .devices import devices, find_device
from .errors import BackendError, DeviceError
from .inference import Generator
from .installed import DEFAULT_MODEL, MODELS
from .observation import Observation
from .sensors import Level

SIDE_PX = 64
REFLECTANCE, CLOUD_REFLECTANCE = 0.1, 0.5


@dataclass(frozen=True)
class Proof:
    """What ran, where, and how fast."""

    device: str
    """cuda:0, mps or cpu"""
    label: str
    """Name of the device for people."""
    milliseconds: float
    """Time of one tile of 64 x 64 px, the network being loaded and warm."""
    warning: str = ""
    """Why it is not the device that was wanted; empty if all is well."""


def prove(device: str = "auto") -> Proof:
    """Runs the generator on a device; if that fails, on the CPU, and says so.

    Args:
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`. With `auto`, a CUDA build of torch that finds no GPU is warned
            of too.

    Raises:
        BackendError: A library does not load.
        DeviceError: Not even the CPU gives numbers.
    """
    _load_libraries()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            name = str(find_device(device))
            milliseconds = _run(name)
            reason = _missing_gpu(name) if device == "auto" else ""
        except (RuntimeError, DeviceError) as error:
            if device == "cpu":
                raise _as_device_error(error) from error
            name, reason = "cpu", f"{device} does not work: {error}"
            milliseconds = _run_on_cpu()
    said = next((str(one.message) for one in caught if "CUDA" in str(one.message)), "") if reason else ""
    warning = " ".join(f"{reason} {said}".split())
    return Proof(name, _labels().get(name, name), milliseconds, f"{warning} The CPU is used." if warning else "")


def _load_libraries() -> None:
    """Loads those that need libraries of the system, and that the generator does without."""
    for name in ("lightgbm", "rasterio", "s2cloudless"):
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:
            raise BackendError(f"{name} cannot be loaded: {error}", "Repair the backend's environment.") from error


def _run_on_cpu() -> float:
    try:
        return _run("cpu")
    except RuntimeError as error:
        raise _as_device_error(error) from error


def _run(device: str) -> float:
    """Gives the milliseconds of a run after the first, which also loads the device's kernels."""
    generator = Generator(str(MODELS / f"{DEFAULT_MODEL}.safetensors"), device)
    seconds = 0.0
    for _ in range(2):
        began = time.perf_counter()
        _reconstruct(generator)
        seconds = time.perf_counter() - began
    return round(1000 * seconds, 1)


def _reconstruct(generator: Generator) -> None:
    """Reconstructs a tile of which half is cloud.

    Raises:
        RuntimeError: What comes out is no number: the device computes nonsense.
    """
    bands = tuple(generator.card.bands)
    shape = (len(bands), SIDE_PX, SIDE_PX)
    cloud = np.zeros(shape[1:], bool)
    cloud[:, : SIDE_PX // 2] = True
    ground = np.full(shape, REFLECTANCE, np.float32)
    seen = np.where(cloud, np.float32(CLOUD_REFLECTANCE), ground)
    level: Level = "L1C" if "L1C" in generator.card.levels else "L2A"
    tile = Observation(bands, level, seen, np.ones_like(cloud), cloud, ground)
    (made,) = generator([tile])
    if not np.isfinite(made.reflectance).all():
        raise RuntimeError("the generator makes values that are no numbers")


def _missing_gpu(name: str) -> str:
    """Says what is wrong if torch was built for CUDA and finds no GPU; empty if nothing is."""
    import torch

    if torch.version.cuda is None or name != "cpu":
        return ""
    return f"This torch was built for CUDA {torch.version.cuda}, but finds no GPU that it can use."


def _labels() -> dict[str, str]:
    return {one["name"]: one["label"] for one in devices()}


def _as_device_error(error: Exception) -> DeviceError:
    return DeviceError(f"The generator does not run on the CPU: {error}", "Repair the backend's environment.")
