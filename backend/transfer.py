"""Arrays to a device and back.

On CUDA they wait in pinned memory and cross on streams of their own, so that the next window arrives and the last one
leaves while the device computes; elsewhere nothing has to cross.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .channels import writable
from .sensors import Float

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Transfer:
    """The bus of one device.

    Args:
        device: Where the network runs.
    """

    def __init__(self, device: torch.device) -> None:
        import torch

        self._device = device
        cuda = device.type == "cuda"
        self._up = torch.cuda.Stream(device) if cuda else None  # type: ignore[no-untyped-call]
        self._down = torch.cuda.Stream(device) if cuda else None  # type: ignore[no-untyped-call]

    def upload(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """Sends arrays; what the device computes next waits for them, this program does not."""
        import torch

        if self._up is None:
            return {
                name: torch.from_numpy(_known(array, self._device)).to(self._device) for name, array in arrays.items()
            }
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._up):
            sent = {name: _pinned(array).to(self._device, non_blocking=True) for name, array in arrays.items()}
        computing.wait_stream(self._up)
        for tensor in sent.values():
            tensor.record_stream(computing)
        return sent

    def download(self, tensors: Sequence[Tensor]) -> Download:
        """Fetches float32 tensors as soon as they are computed, without waiting for them."""
        import torch

        if self._down is None:
            return Download([tensor.cpu() for tensor in tensors], None)
        self._down.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._down):
            arrived = [
                torch.empty(tensor.shape, pin_memory=True).copy_(tensor, non_blocking=True) for tensor in tensors
            ]
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            done.record(self._down)
        for tensor in tensors:
            tensor.record_stream(self._down)
        return Download(arrived, done)


class Download:
    """Tensors on their way.

    Args:
        tensors: On the host, complete when the event has come.
        done: None where they are complete already.
    """

    def __init__(self, tensors: Sequence[Tensor], done: torch.cuda.Event | None) -> None:
        self._tensors, self._done = tensors, done

    def result(self) -> list[Float]:
        """Waits for them."""
        if self._done is not None:
            self._done.synchronize()
        return [tensor.numpy() for tensor in self._tensors]


def one_behind(started: Iterable[Download]) -> Iterator[list[Float]]:
    """Yields what has arrived, in order, each after the next one has been started."""
    waiting: Download | None = None
    for download in started:
        if waiting is not None:
            yield waiting.result()
        waiting = download
    if waiting is not None:
        yield waiting.result()


def _pinned(array: np.ndarray) -> Tensor:
    import torch

    plain = torch.from_numpy(writable(array))
    return torch.empty(plain.shape, dtype=plain.dtype, pin_memory=True).copy_(plain)


def _known(array: np.ndarray, device: torch.device) -> np.ndarray:
    """The array in a type that the device computes with: Apple's know no unsigned numbers of 16 bits."""
    wide = device.type == "mps" and array.dtype == np.uint16
    return writable(array.astype(np.int32) if wide else array)
