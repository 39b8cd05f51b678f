"""Measures what the README promises of speed and memory, as ratios within one run.

    make bench                 all of it
    python bench/run.py --size 4096 --json bench.json

The scene is synthetic: a landscape of 1024 x 1024 px, mirrored to the size asked for, with simulated clouds.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from measuring import machine, prepare, quiet, time_parts
from rich.console import Console
from rich.table import Table

prepare()

COVER = 0.6
WARM_PX = 512
WORKER = "import sys; sys.path.append(sys.argv.pop(1)); from unclouded.backend.__main__ import main; main()"


@click.command()
@click.option(
    "--size", default=4096, show_default=True, help="Side of the scene in pixels; memory is also measured at twice it."
)
@click.option("--json", "json_path", default="bench.json", show_default=True, help="Where the figures go.")
@click.option("--device", default="auto", show_default=True)
@click.option("--part", hidden=True, help="Run one part in this process: e2e or parts.")
@click.option("--scene", hidden=True)
def main(size: int, json_path: str, device: str, part: str | None, scene: str | None) -> None:
    """Runs every measurement, prints a table and writes JSON."""
    if part and scene:
        print(json.dumps({"e2e": end_to_end, "parts": parts}[part](Path(scene), device)))
        return
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="unclouded-bench-") as folder:
        figures = measure(Path(folder), size, device, console)
    Path(json_path).write_text(json.dumps(figures, indent=2))
    show(figures, console)
    console.print(f"Figures written to {json_path}.")


def measure(folder: Path, size: int, device: str, console: Console) -> dict[str, Any]:
    """Runs every measurement, each in a process of its own."""
    figures: dict[str, Any] = {"machine": machine(), "size_px": size, "cover": COVER}
    console.print("worker ...")
    figures["worker"] = worker_times(folder, device)
    for side in (size, 2 * size):
        scene = folder / f"scene{side}.tif"
        console.print(f"making a scene of {side} x {side} px ...")
        make_scene(scene, side)
        console.print("end to end ...")
        figures[f"e2e_{side}"] = in_process("e2e", scene, device)
    console.print("the parts, one after the other ...")
    figures["parts"] = in_process("parts", folder / f"scene{size}.tif", device)
    alone = sum(figures["parts"]["seconds"].values())
    figures["ratios"] = {
        "end_to_end_over_parts": figures[f"e2e_{size}"]["seconds"] / alone,
        "end_to_end_over_network": figures[f"e2e_{size}"]["seconds"] / figures["parts"]["seconds"]["network"],
        "memory_of_4_times_the_scene": figures[f"e2e_{2 * size}"]["peak_mb"] / figures[f"e2e_{size}"]["peak_mb"],
    }
    return figures


def in_process(part: str, scene: Path, device: str) -> dict[str, Any]:
    """Runs one part in a process of its own, so that its peak memory is its own."""
    command = [sys.executable, __file__, "--part", part, "--scene", str(scene), "--device", device]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


def end_to_end(scene: Path, device: str) -> dict[str, Any]:
    """A job as a user runs it, all threads together."""
    from unclouded.backend.protocol import RemoveClouds
    from unclouded.backend.removal import remove

    started = time.perf_counter()
    done = remove(
        RemoveClouds("1", str(scene), str(scene.with_name("out.tif")), device=device, overwrite=True), quiet()
    )
    seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mb": peak_mb, "cloud_fraction": done.cloud_fraction}


def parts(scene: Path, device: str) -> dict[str, Any]:
    """The same work with nothing overlapping."""
    from unclouded.backend.protocol import RemoveClouds

    return time_parts(RemoveClouds("1", str(scene), str(scene.with_name("parts.tif")), device=device))


def worker_times(folder: Path, device: str) -> dict[str, float]:
    """Start of the worker, and a job on a small area when it is warm."""
    from unclouded.backend.protocol import Done, Failed, Hello, Ready, RemoveClouds, decode, encode

    scene = folder / "small.tif"
    make_scene(scene, 2 * WARM_PX)
    package = folder / "plugins"
    package.mkdir()
    (package / "unclouded").symlink_to(Path(__file__).resolve().parent.parent)
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", WORKER, str(package), "worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    requests, answers = process.stdin, process.stdout
    if requests is None or answers is None:
        raise SystemExit("The worker has no pipes.")

    def until(*kinds: type) -> float:
        for line in answers:
            event = decode(line)
            if isinstance(event, Failed):
                raise SystemExit(f"{event.message} {event.hint}")
            if isinstance(event, kinds):
                break
        return time.perf_counter()

    times = {"hello_s": until(Hello) - started, "ready_s": until(Ready) - started}
    from rasterio import open as open_raster

    with open_raster(scene) as dataset:
        x, y = dataset.transform * (WARM_PX // 2, WARM_PX // 2)
    area = [x, y - 10 * WARM_PX, x + 10 * WARM_PX, y]
    for name in ("first_job_s", "warm_job_s"):
        job = RemoveClouds(name, str(scene), str(folder / "small_out.tif"), bbox=area, device=device, overwrite=True)
        sent = time.perf_counter()
        requests.write(encode(job) + "\n")
        requests.flush()
        times[name] = until(Done) - sent
    requests.close()
    process.wait(timeout=10)
    return times


def make_scene(path: Path, size: int) -> None:
    """Writes a clouded landscape of size x size px, 13 bands, uint16."""
    import rasterio
    from rasterio.windows import Window

    from unclouded.backend.cloudfield import CloudField
    from unclouded.backend.landscape import landscape
    from unclouded.backend.sensors import NAMES
    from unclouded.backend.simulate import Brightness, add_clouds

    ground = landscape(1024, 1024, 7).optical(166)
    mirrored = np.concatenate([ground, ground[..., ::-1]], axis=-1)
    mirrored = np.concatenate([mirrored, mirrored[:, ::-1]], axis=-2)
    field = CloudField(3, COVER, size, size, resolution_m=10.0)
    profile = {"driver": "GTiff", "width": size, "height": size, "count": 13, "dtype": "uint16", "crs": "EPSG:32632"}
    profile |= {"transform": rasterio.transform.from_origin(6e5, 5.3e6, 10, 10), "nodata": 0, "tiled": True}
    profile |= {"blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1, "predictor": 2}
    with rasterio.open(path, "w", interleave="band", bigtiff="if_safer", num_threads="all_cpus", **profile) as dataset:
        dataset.descriptions = NAMES
        for row, column in windows(size):
            side = min(512, size - row), min(512, size - column)
            part = mirrored[:, row % 2048 : row % 2048 + side[0], column % 2048 : column % 2048 + side[1]]
            sky = field.sky(row, column, *side)
            cloudy = add_clouds(part, NAMES, "L1C", sky, Brightness())
            numbers = np.clip(np.rint(cloudy * 1e4), 1, 65535).astype(np.uint16)
            dataset.write(numbers, window=Window(column, row, side[1], side[0]))


def windows(size: int) -> Iterator[tuple[int, int]]:
    """Upper left corners of blocks of 512 px."""
    for row in range(0, size, 512):
        for column in range(0, size, 512):
            yield row, column


def show(figures: dict[str, Any], console: Console) -> None:
    """Prints the figures as tables."""
    table = Table("part", "seconds", "share", title=f"{figures['size_px']} x {figures['size_px']} px, 13 bands")
    seconds = figures["parts"]["seconds"]
    for part, value in seconds.items():
        table.add_row(part, f"{value:.2f}", f"{value / sum(seconds.values()):.0%}")
    table.add_row("sum of the parts", f"{sum(seconds.values()):.2f}", "100%")
    end_to_end_s = figures[f"e2e_{figures['size_px']}"]["seconds"]
    table.add_row("end to end", f"{end_to_end_s:.2f}", "")
    console.print(table)
    facts = Table(show_header=False)
    for group in ("ratios", "worker"):
        for name, value in figures[group].items():
            facts.add_row(name, f"{value:.3f}")
    for name in ("gflop_per_256_px_tile", "achieved_gflops", "peak_gflops", "share_of_peak"):
        facts.add_row(name, f"{figures['parts'][name]:.3f}")
    for side in (figures["size_px"], 2 * figures["size_px"]):
        facts.add_row(f"peak memory, {side} px", f"{figures[f'e2e_{side}']['peak_mb']:.0f} MB")
    console.print(facts)


if __name__ == "__main__":
    main()
