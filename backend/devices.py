"""The devices that networks run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import DeviceError

if TYPE_CHECKING:
    import torch


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


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32: in tensor cores, and in the matrix units of newer CPUs."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    has: Any = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and has is not None and bool(has())


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory did not suffice: torch has several ways to say so."""
    import torch

    words = str(error).lower()
    return (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or "out of memory" in words
        or "allocate memory" in words
    )
