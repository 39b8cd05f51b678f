"""Batches that do not fit into memory are halved, and no other error is taken for that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unclouded.backend.errors import DeviceError
from unclouded.backend.inference import Generator, _load, load_generator

from .generators import RGB, write_cyclegan, write_fusion
from .observations import observation


class Cramped:
    """A network on a device that has memory for a few windows."""

    def __init__(self, network: Any, most: int) -> None:
        self._network, self._most = network, most
        self.sizes: list[int] = []

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(x))
        if len(x) > self._most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self._network(x)


def test_out_of_memory_halves_the_batch(tmp_path: Path) -> None:
    generator = Generator(write_fusion(tmp_path), "cpu", precise=True)
    seen = [observation(seed=seed) for seed in range(8)]
    reference = generator(seen)
    generator.windows_at_once = 8
    generator._network = Cramped(generator._network, 2)  # type: ignore[assignment]
    results = generator(seen)

    assert generator.windows_at_once == 2
    for result, expected in zip(results, reference, strict=True):
        np.testing.assert_allclose(result.reflectance, expected.reflectance, atol=1e-5)


def test_windows_that_are_blended_go_through_in_batches_that_fit(tmp_path: Path) -> None:
    generator = Generator(write_cyclegan(tmp_path), "cpu")
    seen = [observation(tuple(RGB), 70, 90)]
    reference = generator(seen)[0]
    generator.windows_at_once = 8
    generator._network = Cramped(generator._network, 4)  # type: ignore[assignment]
    result = generator(seen)[0]

    assert generator._network.sizes == [8, 4, 4, 4, 4, 4]  # four rows of five windows
    np.testing.assert_allclose(result.reflectance, reference.reflectance, atol=1e-5)


def test_the_next_job_tries_the_whole_batch_again(tmp_path: Path) -> None:
    path = write_fusion(tmp_path)
    seen = [observation(seed=seed) for seed in range(4)]
    room, sizes = [2], []

    def allocate(network: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > room[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")

    def job() -> Generator:
        return load_generator(path, "cpu")

    job()._network.register_forward_pre_hook(allocate)
    loaded = _load(path, Path(path).stat().st_mtime_ns, "cpu")
    loaded.windows_at_once = 4
    first = job()(seen)
    room[0] = 4
    second = job()(seen)

    assert sizes == [4, 2, 2, 4]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(
            one.reflectance, other.reflectance, atol=2e-2 if loaded.dtype != torch.float32 else 1e-5
        )


@pytest.mark.gpu
def test_memory_of_another_program_makes_the_batch_smaller(tmp_path: Path) -> None:
    generator = Generator(write_fusion(tmp_path), "cuda")
    seen = [observation(seed=seed) for seed in range(4)]
    generator.windows_at_once = 4
    generator(seen)
    free = generator._memory.free_bytes()
    taken = torch.empty(free - (64 << 20), dtype=torch.uint8, device="cuda")
    size = (4096, 4096, 0)
    generator._memory._needs[size] = 40 << 20

    assert generator._memory.fitting(size, 4) == 1
    del taken
    assert generator._memory.fitting(size, 4) == 4


@pytest.mark.parametrize(("write", "size"), [(write_fusion, "48x40"), (write_cyclegan, "32x32")])
def test_not_even_one_window_fits(tmp_path: Path, write: Callable[[Path], str], size: str) -> None:
    generator = Generator(write(tmp_path), "cpu")

    def full(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    generator._network = full  # type: ignore[assignment]
    with pytest.raises(DeviceError, match=f"one window of {size} px"):
        generator([observation(tuple(RGB))])


def test_other_errors_are_not_taken_for_memory(tmp_path: Path) -> None:
    generator = Generator(write_fusion(tmp_path), "cpu")

    def broken(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes differ")

    generator._network = broken  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="shapes differ"):
        generator([observation()])
