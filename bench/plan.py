"""Reckons time, memory, disk and cost of 1 to 10,000 tiles on 1 to 64 workers, from what `make bench` measured.

    python bench/plan.py                            the tables of docs/scaling.md
    python bench/plan.py --measured docs/bench.json --gpu-price 2.5

The model and its limits are explained in docs/scaling.md.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

FULL_PX, BANDS = 10980, 13
TILE_PX = 512
SHARE_OF_PEAK = 0.6
"""Of a GPU's matrix peak that a network reaches: the target, not a measurement."""
PART_CORES = 4
"""Cores that reading, masking and writing of one scene keep busy at most: an assumption, they are a few threads."""
DEFLATED = 0.6
"""Of its plain bytes is a compressed tile: the synthetic scenes' share; cloud compresses better, noise worse."""
CLOUDED = 0.6
"""Share of the tiles' area that the network computes, context apart: that of the clouds where they lie in banks, up to
four times as much where they are scattered."""
SURVEY, NETWORK, OVERVIEWS, LOADING = "reading, mask and statistics", "network", "overviews", "loading"
ON_CORES = "network on cores"


@dataclass(frozen=True)
class Machine:
    """One worker: a GPU with its share of a machine, or cores alone."""

    name: str
    cores: int
    peak_tflops: float
    """Dense, bfloat16 or float16, from the data sheet; 0 without a GPU."""
    memory_gb_s: float
    """Of the GPU's memory, from the data sheet."""
    bus_gb_s: float
    """One direction, from the data sheet."""
    disk_gb_s: float
    """Of storage that all workers share: an assumption."""
    per_hour: float
    """Price of the worker in dollars: an assumption, of the order of list prices at the time of writing."""


MACHINES = {
    "cpu": Machine("8 cores, no GPU", 8, 0.0, 0.0, 0.0, 2.0, 0.40),
    "l4": Machine("NVIDIA L4, 8 cores", 8, 121.0, 300.0, 32.0, 2.0, 0.80),
    "a100": Machine("NVIDIA A100 80 GB, 12 cores", 12, 312.0, 2039.0, 32.0, 2.0, 2.00),
    "h100": Machine("NVIDIA H100 SXM, 16 cores", 16, 989.0, 3350.0, 64.0, 2.0, 3.00),
}


@dataclass(frozen=True)
class Network:
    """What a network costs for each pixel of its windows."""

    name: str
    kflop: float
    """From torch's counter: 16.93 GFLOP for 256 px of fusion, 2 x 18.9 M multiplications a pixel of DSen2-CR."""
    bytes_moved: float
    """In the GPU's memory: each feature map written once and read once, and the planes in float32."""
    bytes_up: float
    """Over the bus as stored: 13 bands of uint16, SAR in float32, two masks."""
    bytes_down: float
    context_px: int


NETWORKS = {
    "fusion": Network("fusion (bundled)", 258.3, 3500.0, 36.0, 104.0, 72),
    "dsen2cr": Network("DSen2-CR", 37_800.0, 50_000.0, 36.0, 52.0, 34),
}


@dataclass(frozen=True)
class Measured:
    """Seconds of each part alone for a megapixel on a machine with some cores, and what the whole took."""

    threads: int
    parts: dict[str, float]
    """Of the scene, but NETWORK of the windows, context included, and LOADING once."""
    gflops: float
    """That the bundled network reached there."""
    peak_mb: float
    runs: dict[int, float]
    """Seconds end to end by the side of the scene."""
    network_share: float
    """Megapixels of windows for each megapixel of the scene."""


def read_measured(path: Path) -> Measured:
    """Reads the figures of bench/run.py or bench/scene.py."""
    figures: dict[str, Any] = json.loads(path.read_text())
    if "side_px" in figures:
        runs = {figures["small_side_px"]: figures["remove_small"]["GeoTIFF"]}
        runs[figures["side_px"]] = figures["remove"]["found"]
    else:
        runs = {int(key[4:]): value for key, value in figures.items() if key.startswith("e2e_")}
    megapixels, parts = figures.get("side_px", figures.get("size_px")) ** 2 / 1e6, figures["parts"]
    windows = parts["network_px"] / 1e6
    scales = {LOADING: 1.0, NETWORK: windows}
    return Measured(
        threads=int(figures["machine"]["devices"][-1]["label"].split()[1]),
        parts={name: seconds / scales.get(name, megapixels) for name, seconds in parts["seconds"].items()},
        gflops=parts["achieved_gflops"],
        peak_mb=max(run["peak_mb"] for run in runs.values()),
        runs={side: run["seconds"] for side, run in runs.items()},
        network_share=windows / megapixels,
    )


def scene_seconds(measured: Measured, side_px: int) -> float:
    """Predicts a run on the machine that was measured: its cores are never free, so that the parts add up."""
    area = side_px**2 / 1e6
    per_area = sum(value for name, value in measured.parts.items() if name not in (LOADING, NETWORK))
    return measured.parts[LOADING] + area * (per_area + measured.network_share * measured.parts[NETWORK])


def tile_seconds(measured: Measured, network: Network, machine: Machine) -> dict[str, float]:
    """Seconds of each resource for one full tile on one worker, nothing overlapping."""
    area = FULL_PX**2 / 1e6
    speed = min(machine.cores, PART_CORES) / measured.threads
    seconds = {name: area * value / speed for name, value in measured.parts.items() if name not in (LOADING, NETWORK)}
    pixels = area * 1e6 * CLOUDED * ((TILE_PX + 2 * network.context_px) / TILE_PX) ** 2
    if machine.peak_tflops:
        compute = pixels * network.kflop * 1e3 / (SHARE_OF_PEAK * machine.peak_tflops * 1e12)
        seconds["GPU"] = max(compute, pixels * network.bytes_moved / (machine.memory_gb_s * 1e9))
        seconds["bus"] = pixels * max(network.bytes_up, network.bytes_down) / (machine.bus_gb_s * 1e9)
    else:
        seconds[ON_CORES] = pixels * network.kflop * 1e3 / (measured.gflops * 1e9 * machine.cores / measured.threads)
    return seconds


def job_seconds(seconds: dict[str, float]) -> float:
    """One job: the survey, then reading, computing and writing at once, then overviews."""
    together = {name: value for name, value in seconds.items() if name not in (SURVEY, OVERVIEWS)}
    if ON_CORES in seconds:  # the same cores do all of it
        return sum(seconds.values())
    return seconds[SURVEY] + max(together.values()) + seconds[OVERVIEWS]


def storage_bytes() -> float:
    """Read and written for a tile: the image twice (survey and tiles), and the output with its overviews."""
    plain = FULL_PX**2 * BANDS * 2
    return DEFLATED * plain * (2 + 4 / 3)


@dataclass(frozen=True)
class Plan:
    """What a number of tiles takes on a number of workers."""

    hours: float
    dollars: float
    saturated: str


def plan(measured: Measured, network: Network, machine: Machine, tiles: int, workers: int) -> Plan:
    """Reckons a run: workers take whole tiles, one at a time; all of them share the storage."""
    parts = tile_seconds(measured, network, machine)
    busy = min(workers, tiles)
    work = measured.parts[LOADING] + math.ceil(tiles / busy) * job_seconds(parts)
    storage = tiles * storage_bytes() / (machine.disk_gb_s * 1e9)
    seconds = max(work, storage)
    saturated = "storage" if storage > work else busiest(parts)
    return Plan(seconds / 3600, busy * machine.per_hour * seconds / 3600, saturated)


def busiest(parts: dict[str, float]) -> str:
    """Names what a worker waits for most: its cores, its GPU, or the bus between them."""
    waits = {name: parts[name] for name in ("GPU", "bus", ON_CORES) if name in parts}
    waits["cores"] = sum(value for name, value in parts.items() if name not in waits)
    return max(waits, key=lambda name: waits[name])


@click.command()
@click.option(
    "--measured",
    "path",
    default="docs/bench.json",
    show_default=True,
    help="Figures of bench/run.py or bench/scene.py.",
)
@click.option("--gpu-price", type=float, help="Dollars an hour for a worker with a GPU, instead of those assumed.")
@click.option("--disk-gb-s", type=float, help="Rate of the shared storage.")
def main(path: str, gpu_price: float | None, disk_gb_s: float | None) -> None:
    """Prints the check against measurements and the tables."""
    console, measured = Console(highlight=False, width=140), read_measured(Path(path))
    machines = [
        replace(
            machine,
            per_hour=gpu_price if gpu_price is not None and machine.peak_tflops else machine.per_hour,
            disk_gb_s=machine.disk_gb_s if disk_gb_s is None else disk_gb_s,
        )
        for machine in MACHINES.values()
    ]
    show_check(measured, console)
    for network in NETWORKS.values():
        show_parts(measured, network, machines, console)
        show_plan(measured, network, machines, console)
    gigabytes = FULL_PX**2 * BANDS * 2 * DEFLATED / 1e9
    console.print(
        f"Memory of a worker: {measured.peak_mb / 1e3:.1f} GB measured, whatever the size of the scene. Disk for a "
        f"tile: {gigabytes:.1f} GB in, {gigabytes * 4 / 3:.1f} GB out, {FULL_PX**2 / 1e9:.2f} GB for its mask while it "
        f"runs; 10,000 tiles: {gigabytes * 10:.0f} TB in, {gigabytes * 40 / 3:.0f} TB out."
    )


def show_check(measured: Measured, console: Console) -> None:
    """Prints what the model says of the runs that were measured."""
    table = Table("scene", "predicted s", "measured s", "error", title=f"Check, {measured.threads} threads")
    for side, seconds in sorted(measured.runs.items()):
        predicted = scene_seconds(measured, side)
        table.add_row(f"{side} px", f"{predicted:.1f}", f"{seconds:.1f}", f"{predicted / seconds - 1:+.1%}")
    console.print(table)


def show_parts(measured: Measured, network: Network, machines: list[Machine], console: Console) -> None:
    """Prints the seconds of each resource for one tile."""
    table = Table("seconds of one tile", *(machine.name for machine in machines), title=network.name)
    columns = [tile_seconds(measured, network, machine) for machine in machines]
    for name in dict.fromkeys(name for column in columns for name in column):
        table.add_row(name, *(f"{column[name]:.1f}" if name in column else "" for column in columns))
    table.add_row("the job", *(f"{job_seconds(column):.0f}" for column in columns))
    console.print(table)


def show_plan(measured: Measured, network: Network, machines: list[Machine], console: Console) -> None:
    """Prints hours, dollars and what is saturated."""
    table = Table("tiles", "workers", *(machine.name for machine in machines), title=f"{network.name}: hours, dollars")
    for tiles in (1, 100, 10_000):
        for workers in (1, 4, 16, 64):
            if workers > tiles:
                continue
            plans = [plan(measured, network, machine, tiles, workers) for machine in machines]
            cells = (f"{one.hours:.3g} h, ${one.dollars:.3g}, {one.saturated}" for one in plans)
            table.add_row(str(tiles), str(workers), *cells)
    console.print(table)


if __name__ == "__main__":
    main()
