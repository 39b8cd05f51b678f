"""Devices are found by name, and a missing one is named."""

from __future__ import annotations

import pytest
import torch

from unclouded.backend.devices import Memory, devices, find_device, out_of_memory, windows_in
from unclouded.backend.errors import DeviceError


def test_devices_end_with_the_cpu() -> None:
    assert devices()[-1]["name"] == "cpu"


def test_auto_is_the_first_one() -> None:
    assert find_device("auto") == torch.device(devices()[0]["name"])


@pytest.mark.parametrize("name", ["cuda:99", "mps:3", "abacus"])
def test_missing_device_is_named(name: str) -> None:
    with pytest.raises(DeviceError, match=f"'{name}' was asked for; here are .*cpu"):
        find_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_cuda_that_is_missing_is_named() -> None:
    with pytest.raises(DeviceError, match="'cuda' was asked for"):
        find_device("cuda")


def test_lack_of_memory_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as lack:
        torch.empty(1 << 62, dtype=torch.uint8)

    assert out_of_memory(lack.value)
    assert out_of_memory(MemoryError())
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not out_of_memory(RuntimeError("shapes differ"))


@pytest.mark.parametrize(
    ("free", "each", "fitting"),
    [(1000, 100, 8), (1000, 90, 8), (1000, 300, 2), (1000, 900, 1), (0, 100, 1), (0, None, 1)],
)
def test_as_many_windows_run_together_as_four_fifths_of_the_free_memory_hold(
    free: int, each: int | None, fitting: int
) -> None:
    assert windows_in(free, each, 8) == fitting


def test_a_device_that_tells_nothing_of_its_memory_gets_what_is_asked_for() -> None:
    memory = Memory(torch.device("cpu"))
    with memory.measuring((64, 64)):
        pass
    memory.release()

    assert memory.fitting((64, 64), 16) == 16
