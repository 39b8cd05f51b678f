"""Switches of the networks and of the path between file and network, each timed with and without on one device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from unclouded.backend.background import Smooth, near
from unclouded.backend.card import Card
from unclouded.backend.channels import channels, encode, gather, writable
from unclouded.backend.devices import out_of_memory
from unclouded.backend.encoding import Encoding, encoding_facts, read_encoding
from unclouded.backend.inference import Generator
from unclouded.backend.models import weights
from unclouded.backend.models.dsen2cr import PRESETS
from unclouded.backend.models.zoo import build
from unclouded.backend.sensors import NAMES, Scaling
from unclouded.backend.stored import Pixels, StoredGround, StoredObservation

SHARE_OF_PEAK = 0.6
"""Of the matrix peak: what predictions expect of a network in 16 bits."""
HEAD_SCALE = 0.1
"""Of DSen2-CR's last weights, which are random: a trained network corrects by tenths of reflectance, not by more."""


def write_dsen2cr(folder: Path, preset: str) -> str:
    """Writes DSen2-CR with random weights, scaled as by its authors (Meraner et al., 2020)."""
    torch.manual_seed(0)
    network = build("dsen2cr", vars(PRESETS[preset]))
    with torch.no_grad():
        list(network.parameters())[-2].mul_(HEAD_SCALE)
    encoding = Encoding(layout="frames", optical_range=(0, 5), sar_range=(0, 2), output="image")
    card = Card(
        name="dsen2cr", version="1", title="DSen2-CR, untrained", architecture="dsen2cr",
        parameters=dict(vars(PRESETS[preset])), bands=list(NAMES), required_bands=list(NAMES), levels=["L1C", "L2A"],
        sar="required", dates="none", overlap_px=network.radius_px or 0, align_px=1, tile_px=512,
        prior=dict.fromkeys(NAMES, 0.15),
        licence="GPL-2.0-or-later", citation="", training_data=[], encoding=encoding_facts(encoding),
    )  # fmt: skip
    path = str(folder / "dsen2cr.safetensors")
    weights.save(path, card, network.state_dict())
    return path


def window_of(generator: Generator, side_px: int) -> StoredObservation:
    """A window of random digital numbers, half of it cloud, with SAR."""
    random = np.random.default_rng(0)
    numbers = random.integers(1, 9000, (13, side_px, side_px)).astype(np.uint16)
    everywhere = np.ones((side_px, side_px), bool)
    field = random.uniform(0.05, 0.3, (13, 64, 64)).astype(np.float32)
    smooth: Smooth = near(field, 64, 64, side_px, side_px)
    sar = random.uniform(-25, 0, (2, side_px, side_px)).astype(np.float32)
    image = Pixels(numbers, Scaling.uniform(13, 1e-4), everywhere)
    cloud = random.random((side_px, side_px)) < 0.5
    return StoredObservation(NAMES, "L1C", image, cloud, StoredGround(smooth, smooth, smooth), sar, [], None)


def timed(work: Callable[[], Any], device: torch.device, times: int) -> float:
    """Seconds of one call, after two that do not count; the device has finished."""
    for _ in range(2):
        work()
    wait(device)
    started = time.perf_counter()
    for _ in range(times):
        work()
    wait(device)
    return (time.perf_counter() - started) / times


def wait(device: torch.device) -> None:
    """Waits for all that was asked of a device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def copy_rates(device: torch.device, size_mb: int) -> dict[str, float]:
    """GB/s of large copies between host and device, from plain and from pinned memory."""
    pinned = device.type == "cuda"
    host = torch.empty(size_mb << 20, dtype=torch.uint8)
    fast = torch.empty(size_mb << 20, dtype=torch.uint8, pin_memory=pinned)
    there = torch.empty(size_mb << 20, dtype=torch.uint8, device=device)

    def rate(work: Callable[[], Any]) -> float:
        return host.numel() / timed(work, device, 5) / 1e9

    return {
        "host_to_device_plain": rate(lambda: there.copy_(host)),
        "host_to_device_pinned": rate(lambda: there.copy_(fast, non_blocking=True)),
        "device_to_host_plain": rate(lambda: host.copy_(there)),
        "device_to_host_pinned": rate(lambda: fast.copy_(there, non_blocking=True)),
    }


def gflop(network: nn.Module, x: Tensor) -> float:
    """Floating-point operations of a network for an input, counted on a window of 64 px and scaled by the area."""
    small = torch.zeros((1, x.shape[1], 64, 64))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(small)
    return float(counter.get_total_flops()) / 1e9 * x.shape[-1] * x.shape[-2] / 64**2


def network_switches(path: str, generator: Generator, peak_gflops: float, side_px: int, times: int) -> dict[str, Any]:
    """Milliseconds of the bare network for one window: type, memory format, windows at once, compiler, graph."""
    device, network = generator.device, weights.load(path)[1]
    x = torch.rand((1, network.in_channels, side_px, side_px), device=device)
    work = gflop(network, x)
    network.to(device)
    ms: dict[str, float | str] = {}
    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    for name, dtype in kinds.items() if device.type == "cuda" else list(kinds.items())[:2]:
        for layout, memory in (("planes", torch.contiguous_format), ("channels last", torch.channels_last)):
            plain = weights.load(path)[1].to(device, dtype, memory_format=memory)  # type: ignore[call-overload]
            if layout == "planes":
                _keep_planes(plain)
            ms[f"{name}, {layout}"] = _run(plain, x, device, times)
    for count in (2, 4, 8):
        ms[f"as shipped, {count} windows at once"] = _run(generator._network, x.repeat(count, 1, 1, 1), device, times)
    ms["as shipped"] = _run(generator._network, x, device, times)
    if device.type == "cuda":
        ms["as shipped, torch.compile"] = _run(torch.compile(generator._network), x, device, times)
        ms["as shipped, CUDA graph"] = _graph(generator._network, x, times)
    shipped = float(ms["as shipped"])
    return {
        "window_px": side_px,
        "gflop": work,
        "ms": ms,
        "share_of_peak": work / (shipped / 1e3) / peak_gflops,
        "predicted_ms": work / (SHARE_OF_PEAK * peak_gflops) * 1e3,
    }


def _keep_planes(network: nn.Module) -> None:
    """Undoes what networks do for themselves: their layers get planes one behind the other."""
    for layer in network.modules():
        if not list(layer.children()):
            layer.register_forward_pre_hook(lambda _, inputs: tuple(one.contiguous() for one in inputs))


def _run(network: Callable[[Tensor], Tensor], x: Tensor, device: torch.device, times: int) -> float | str:
    """Milliseconds for each window, or why there are none."""
    try:
        with torch.inference_mode():
            return 1e3 * timed(lambda: network(x), device, times) / len(x)
    except Exception as error:  # noqa: BLE001 - compilers fail in many ways, and that is the figure then
        return "out of memory" if out_of_memory(error) else f"{type(error).__name__}: {str(error)[:80]}"


def _graph(network: nn.Module, x: Tensor, times: int) -> float | str:
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.inference_mode():
            timed(lambda: network(x), x.device, 1)
            with torch.cuda.graph(graph):
                network(x)
            return 1e3 * timed(graph.replay, x.device, times)
    except RuntimeError as error:
        return str(error)[:80]


def path_switches(generator: Generator, rates: Mapping[str, float], network_ms: float, side_px: int, times: int) -> Any:
    """Milliseconds from a window as it was read to its reconstruction on the host, by what crosses the bus and how."""
    device, card = generator.device, generator.card
    encoding, seen = read_encoding(card.encoding), window_of(generator, side_px)
    network = generator._network

    def back(output: Tensor) -> Any:
        return output.float().cpu().numpy()

    def planes(pinned: bool) -> Any:
        x = torch.from_numpy(encode(seen, card.bands, encoding)[None])
        x = x.pin_memory() if pinned and device.type == "cuda" else x
        with torch.inference_mode():
            return back(network(x.to(device, non_blocking=pinned)))

    def stored() -> Any:
        with torch.inference_mode():
            sent = {name: torch.from_numpy(writable(a)).to(device) for name, a in gather(seen, encoding).items()}
            return back(network(channels(sent, seen, card.bands, encoding)[None]))

    small = sum(array.nbytes for array in gather(seen, encoding).values())
    large, out = encode(seen, card.bands, encoding).nbytes, network.out_channels * side_px**2 * 4
    encode_ms = 1e3 * timed(lambda: encode(seen, card.bands, encoding), torch.device("cpu"), 3)
    up, down = rates["host_to_device_plain"] * 1e6, rates["device_to_host_plain"] * 1e6
    fast_up, fast_down = rates["host_to_device_pinned"] * 1e6, rates["device_to_host_pinned"] * 1e6
    ways: dict[str, tuple[Callable[[], Any], int, float]] = {
        "channels made on the host, plain memory": (
            lambda: planes(False), 1, encode_ms + large / up + network_ms + out / down),
        "channels made on the host, pinned memory": (
            lambda: planes(True), 1, encode_ms + large / up + large / fast_up + network_ms + out / down),
        "as stored, plain memory": (stored, 1, small / up + network_ms + out / down),
        "as shipped: as stored, pinned, on streams, one window ahead": (
            lambda: generator([seen] * 8), 8, max(small / fast_up, network_ms, out / fast_down)),
    }  # fmt: skip
    rows = {
        name: {"measured_ms": 1e3 * timed(run, device, max(1, times // windows)) / windows, "predicted_ms": predicted}
        for name, (run, windows, predicted) in ways.items()
    }
    return {"bytes_as_stored": small, "bytes_of_channels": large, "bytes_back": out, "ways": rows}
