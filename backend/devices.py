"""The devices that networks run on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .errors import DeviceError

if TYPE_CHECKING:
    import torch

FREE_SHARE = 0.8
"""Of the free memory is taken: another program may want some more, and what is free lies in pieces."""


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


def is_faster_in(kind: str, device: torch.device) -> bool:
    """Whether a type of 16 bits is faster than float32: in tensor cores, and in the matrix units of newer CPUs.

    Args:
        kind: `bfloat16` or `float16`.
        device: Where networks run.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= {"bfloat16": 8, "float16": 7}[kind]
    has: Any = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and kind == "bfloat16" and has is not None and bool(has())


class Memory:
    """Memory of a device that other programs use too.

    What a window of each size needs is measured when the first one runs. Devices that do not tell get what is asked
    for, until they run out of memory.

    Args:
        device: Where windows run.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._tells = device.type == "cuda"
        self._needs: dict[tuple[int, ...], int] = {}

    def fitting(self, size: tuple[int, ...], most: int) -> int:
        """Gives how many windows of a size may run together: 1 to `most`, 1 while nothing is known of the size."""
        if not self._tells or most == 1:
            return most
        return windows_in(self.free_bytes(), self._needs.get(size), most)

    def free_bytes(self) -> int:
        """What this process may still take: free for all, or kept by torch and not in use."""
        import torch

        kept = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return int(torch.cuda.mem_get_info(self._device)[0] + kept)

    @contextlib.contextmanager
    def measuring(self, size: tuple[int, ...]) -> Iterator[None]:
        """Measures what is run in the context, if it is the first window of its size."""
        import torch

        if not self._tells or size in self._needs:
            yield
            return
        before = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        yield
        self._needs[size] = int(torch.cuda.max_memory_allocated(self._device)) - before

    def release(self) -> None:
        """Gives back what torch keeps and does not use."""
        import torch

        if self._tells:
            torch.cuda.empty_cache()


def windows_in(free: int, each: int | None, most: int) -> int:
    """Gives how many windows fit into FREE_SHARE of the free bytes: 1 to `most`, 1 if nobody knows what each needs."""
    if each is None:
        return 1
    return max(1, min(most, int(FREE_SHARE * free) // max(each, 1)))


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory did not suffice: torch has several ways to say so."""
    import torch

    words = str(error).lower()
    return (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or "out of memory" in words
        or "allocate memory" in words
        or "alloc_failed" in words
    )
