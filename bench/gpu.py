"""Measures what a GPU does with the networks, and what each step between file and network costs there.

    make bench-gpu                      all of it, in less than ten minutes; figures go to docs/bench_gpu.json
    python bench/gpu.py --device cuda:1

On a machine without a GPU it runs with small sizes on the CPU, to show that it works, and writes nothing.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import rasterio
import torch
from measuring import machine, matrix_peak_gflops, quiet
from networks import copy_rates, network_switches, path_switches, wait, write_dsen2cr
from rasterio.windows import Window
from rich.console import Console
from rich.table import Table
from run import make_scene, parts

from unclouded.backend.devices import find_device
from unclouded.backend.inference import Generator, load_generator
from unclouded.backend.installed import find_model
from unclouded.backend.protocol import RemoveClouds
from unclouded.backend.removal import remove

RESULT = Path(__file__).resolve().parent.parent / "docs" / "bench_gpu.json"
FULL_PX = 10980
TARGETS = {
    "dsen2cr: end to end over bare network": ("at most", 1.3),
    "dsen2cr: share of the bf16 matrix peak": ("at least", 0.6),
    "dsen2cr: GPU seconds of a full tile": ("at most", 20.0),
    "fusion: end to end over its slowest part": ("at most", 1.5),
}


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    scene_px: int
    parts_px: int
    """Of the scene whose parts are timed one after the other."""
    windows: int
    """Run for each timing."""
    window_px: int | None
    """None for that of the generator."""
    copy_mb: int
    preset: str
    """Of DSen2-CR."""


FULL = Size(FULL_PX, 4096, 16, None, 256, "paper")
SMOKE = Size(640, 512, 2, 128, 8, "small")


@click.command()
@click.option("--device", default="auto", show_default=True)
@click.option("--scene-px", type=int, help="Side of the scene that is run end to end.")
def main(device: str, scene_px: int | None) -> None:
    """Runs every measurement, prints tables and, on a GPU, writes JSON."""
    console, place = Console(highlight=False), find_device(device)
    on_gpu = place.type == "cuda"
    size = FULL if on_gpu else SMOKE
    side = scene_px or size.scene_px
    if not on_gpu:
        console.print("No GPU here: small sizes on the CPU, which shows that this script runs and nothing more.")
    figures: dict[str, Any] = {"command": " ".join(sys.argv), "machine": machine(), "device": str(place)}
    figures["rates_gb_s"] = copy_rates(place, size.copy_mb)
    figures["peak_gflops"] = matrix_peak_gflops(place)
    console.print(figures["rates_gb_s"], f"bf16 matrix peak {figures['peak_gflops'] / 1e3:.1f} TFLOPS")
    with tempfile.TemporaryDirectory(prefix="unclouded-bench-") as folder:
        models = {"fusion": find_model("default"), "dsen2cr": write_dsen2cr(Path(folder), size.preset)}
        for name, model in models.items():
            figures[name] = measure(model, figures, place, size)
            show(name, figures[name], console)
        scene, sar = Path(folder) / "scene.tif", Path(folder) / "sar.tif"
        mirrored_scene(scene, sar, side)
        for name, model in models.items():
            figures[name]["end_to_end"] = end_to_end(scene, sar if name == "dsen2cr" else None, model, str(place))
            console.print(name, figures[name]["end_to_end"])
        mirrored_scene(scene, sar, size.parts_px)
        figures["fusion"]["parts"] = scaled_parts(scene, str(place), (side / size.parts_px) ** 2)
    show_targets(figures, side, console)
    if on_gpu:
        RESULT.write_text(json.dumps(figures, indent=2) + "\n")
        console.print(f"Figures written to {RESULT}.")


def measure(model: str, figures: dict[str, Any], device: torch.device, size: Size) -> dict[str, Any]:
    """Times the bare network and the path to it."""
    generator = Generator(model, str(device))
    side = size.window_px or generator.tile_px + 2 * generator.overlap_px
    network = network_switches(model, generator, figures["peak_gflops"], side, size.windows)
    path = path_switches(generator, figures["rates_gb_s"], float(network["ms"]["as shipped"]), side, size.windows)
    return {"type": str(generator.dtype), "network": network, "path": path}


def end_to_end(scene: Path, sar: Path | None, model: str, device: str) -> dict[str, float]:
    """A job as a user runs it, after one that warms up; what the device computes is timed on the device."""
    generator = load_generator(model, device)
    job = RemoveClouds(
        "1", str(scene), str(scene.with_name("out.tif")), sar=str(sar) if sar else None, model=model, device=device,
        overwrite=True,
    )  # fmt: skip
    with busy(generator) as spans:
        started = time.perf_counter()
        done = remove(job, quiet())
        seconds = time.perf_counter() - started
    wait(generator.device)
    if generator.device.type == "cuda":
        network_s = sum(begin.elapsed_time(end) for begin, end in spans) / 1e3
        memory_gb = torch.cuda.max_memory_allocated(generator.device) / 1e9
    else:
        network_s, memory_gb = sum(end - begin for begin, end in spans), 0.0
    return {
        "seconds": seconds,
        "network_s": network_s,
        "batches": len(spans),
        "cloud_fraction": done.cloud_fraction,
        "device_memory_gb": memory_gb,
    }


@contextmanager
def busy(generator: Generator) -> Iterator[list[tuple[Any, Any]]]:
    """Notes when the network of a generator begins and ends, by the clock of its device."""
    spans: list[tuple[Any, Any]] = []
    begun: list[Any] = []

    def now() -> Any:
        if generator.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(generator.device))
        return event

    hooks = [
        generator._network.register_forward_pre_hook(lambda *_: begun.append(now())),
        generator._network.register_forward_hook(lambda *_: spans.append((begun.pop(), now()))),
    ]
    try:
        yield spans
    finally:
        for hook in hooks:
            hook.remove()


def scaled_parts(scene: Path, device: str, factor: float) -> dict[str, float]:
    """Seconds of each part, timed alone on a smaller scene, scaled to the area of the large one."""
    seconds = parts(scene, device)["seconds"]
    return {name: value * (1 if name == "loading" else factor) for name, value in seconds.items()}


def mirrored_scene(path: Path, sar: Path, size: int) -> None:
    """Writes a clouded scene of size x size px with 13 bands, and SAR of it: one of 1024 px, mirrored."""
    small = path.with_name("small.tif")
    if not small.exists():
        make_scene(small, 1024)
    with rasterio.open(small) as dataset:
        image, profile = dataset.read(), {**dataset.profile, "width": size, "height": size, "num_threads": "all_cpus"}
        names = dataset.descriptions
    random = np.random.default_rng(0)
    backscatter = np.round(random.normal([[[-11.0]], [[-18.0]]], 2.0, (2, 1024, 1024)), 1).astype(np.float32)
    write_mirrored(path, image, profile, names)
    write_mirrored(
        sar, backscatter, {**profile, "dtype": "float32", "count": 2, "predictor": 3, "nodata": None}, ("VV", "VH")
    )


def write_mirrored(path: Path, image: np.ndarray, profile: dict[str, Any], names: tuple[str, ...]) -> None:
    """Writes an image (C, 1024, 1024), mirrored at its borders as often as the profile's size asks for."""
    both = np.concatenate([image, image[..., ::-1]], axis=-1)
    both = np.concatenate([both, both[:, ::-1]], axis=-2)
    size = profile["width"]
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.descriptions = names
        for row in range(0, size, 512):
            for column in range(0, size, 512):
                height, width = min(512, size - row), min(512, size - column)
                part = both[:, row % 2048 : row % 2048 + height, column % 2048 : column % 2048 + width]
                dataset.write(part, window=Window(column, row, width, height))


def show(name: str, figures: dict[str, Any], console: Console) -> None:
    """Prints what was measured of one network."""
    network, path = figures["network"], figures["path"]
    table = Table("network alone", "ms a window", title=f"{name}, {network['window_px']} px, {figures['type']}")
    for switch, value in network["ms"].items():
        table.add_row(switch, value if isinstance(value, str) else f"{value:.2f}")
    console.print(table, f"share of the peak {network['share_of_peak']:.0%}, at 60 %: {network['predicted_ms']:.2f} ms")
    ways = Table("file to network and back", "predicted ms", "measured ms", "gain, predicted", "gain, measured")
    first = next(iter(path["ways"].values()))
    for way, ms in path["ways"].items():
        gains = (first[key] / ms[key] for key in ("predicted_ms", "measured_ms"))
        ways.add_row(way, f"{ms['predicted_ms']:.2f}", f"{ms['measured_ms']:.2f}", *(f"{gain:.2f}x" for gain in gains))
    console.print(ways)


def show_targets(figures: dict[str, Any], side: int, console: Console) -> None:
    """Compares with the targets, keeps the comparison in the figures, and names what binds the bundled generator."""
    dsen2cr, fusion = figures["dsen2cr"], figures["fusion"]
    timed_parts = {name: value for name, value in fusion["parts"].items() if name != "loading"}
    slowest = max(timed_parts, key=lambda name: timed_parts[name])
    values = (
        dsen2cr["end_to_end"]["seconds"] / dsen2cr["end_to_end"]["network_s"],
        dsen2cr["network"]["share_of_peak"],
        dsen2cr["end_to_end"]["network_s"] * (FULL_PX / side) ** 2,
        fusion["end_to_end"]["seconds"] / timed_parts[slowest],
    )
    figures["bound"] = slowest
    figures["targets"] = dict(zip(TARGETS, values, strict=True))
    for (target, (word, limit)), value in zip(TARGETS.items(), values, strict=True):
        met = "met" if (value <= limit if word == "at most" else value >= limit) else "missed"
        verdict = met if figures["device"].startswith("cuda") else "says nothing on a CPU"
        console.print(f"{target}: {value:.2f}, {word} {limit} wanted: {verdict}")
    console.print(f"The bundled generator is bound by: {slowest}, {timed_parts[slowest]:.1f} s alone")


if __name__ == "__main__":
    main()
