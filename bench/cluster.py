"""Measures clusters of this machine: several workers against one, the overhead of a task, and kills of workers.

    make bench-cluster                  4092 x 4092 px: half an hour on four cores
    make bench-cluster SIDE=2040        a quick look

Scheduler and workers are processes that are started as by hand, each worker with one thread, and their generator is
loaded before the clock starts.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import psutil
from measuring import machine, prepare, quiet
from rich.console import Console
from rich.table import Table
from scenes import COARSEST, make_image, make_mask

prepare()

CREWS = (1, 2, 4)
TASKS = 400
KILLS = 10
COVER = 0.5
START_S = 120


@click.command()
@click.option("--side", default=4092, show_default=True, help="Of the scene in pixels.")
@click.option("--cache", default=".cache/bench", show_default=True, help="Where scenes are kept and results made.")
@click.option("--json", "json_path", default="docs/bench_cluster.json", show_default=True, help="Where the figures go.")
@click.option("--device", default="cpu", show_default=True)
def main(side: int, cache: str, json_path: str, device: str) -> None:
    """Runs every measurement, prints a table and writes JSON."""
    from unclouded.backend.protocol import RemoveClouds

    side -= side % COARSEST
    console = Console(highlight=False)
    folder = Path(cache).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    image, mask = folder / f"scene_{side}.tif", folder / f"scene_{side}_mask.tif"
    if not image.exists():
        console.print(f"making a scene of {side} x {side} px ...")
        make_image(image, side)
    if not mask.exists():
        make_mask(mask, side, COVER)
    job = RemoveClouds("1", str(image), str(folder / "cluster.tif"), mask=str(mask), device=device, overwrite=True)
    figures: dict[str, Any] = {"machine": machine(), "side_px": side, "cover": COVER, "runs": {}}
    for workers in CREWS:
        console.print(f"{workers} worker(s) ...")
        with cluster(workers) as (address, _):
            figures["runs"][str(workers)] = timed(job, address)
            if workers == 1:
                figures["task_overhead_s"] = overhead(job, address)
    console.print(f"{KILLS} kills of {CREWS[1]} workers ...")
    with cluster(CREWS[1]) as (address, nannies):
        figures["kills"] = killed(job, address, nannies)
    one = figures["runs"]["1"]
    figures["efficiency"] = {n: one["seconds"] / run["seconds"] / int(n) for n, run in figures["runs"].items()}
    hashes = {run["sha256"] for run in figures["runs"].values()} | set(figures["kills"]["sha256"])
    figures["one_hash"] = len(hashes) == 1
    Path(json_path).write_text(json.dumps(figures, indent=2) + "\n")
    show(figures, console)
    console.print(f"Figures written to {json_path}.")


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Starts a scheduler and workers.

    Yields:
        The address, and the processes that start each worker anew.
    """
    from distributed import Client

    with tempfile.TemporaryDirectory(prefix="unclouded-bench-") as place, contextlib.ExitStack() as stack:
        file = Path(place) / "scheduler.json"
        start(stack, place, "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        end = time.monotonic() + START_S
        while not (file.exists() and file.read_text().strip().endswith("}")):
            if time.monotonic() > end:
                raise SystemExit("The scheduler does not start.")
            time.sleep(0.1)
        address = str(json.loads(file.read_text())["address"])
        options = ["--nthreads", "1", "--no-dashboard", "--local-directory", place]
        nannies = [start(stack, place, "worker", address, *options) for _ in range(workers)]
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=START_S)
        yield address, nannies


def start(stack: contextlib.ExitStack, place: str, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts a program of Dask, which ends with the stack."""
    with (Path(place) / f"{program}.log").open("ab") as log:
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


def timed(job: Any, address: str) -> dict[str, Any]:
    """Runs a job on workers that have loaded its generator."""
    from unclouded.backend.cluster import gathered
    from unclouded.backend.remote import RemoteEngine
    from unclouded.backend.removal import remove

    with gathered(address, [job], quiet()) as crew:
        started = time.perf_counter()
        remove(job, quiet(), RemoteEngine(lambda: crew))
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "sha256": digest(job.output)}


def overhead(job: Any, address: str) -> float:
    """Seconds that each of many tasks takes which do nothing."""
    from unclouded.backend.cluster import gathered
    from unclouded.backend.portions import SurveyPortion, cut_survey
    from unclouded.backend.scene import open_optical, open_scene
    from unclouded.backend.survey import MaskRules, Pass

    scene = open_scene(open_optical(job.optical, None, None, None, quiet().log), None, [], None, quiet().log)
    portion = next(cut_survey(Pass(scene, MaskRules(job.mask))))
    nothing = SurveyPortion(portion.reading, (), None)
    with gathered(address, [job], quiet()) as crew:
        started = time.perf_counter()
        for _ in crew.run([nothing] * TASKS, in_order=True):
            pass
        return (time.perf_counter() - started) / TASKS


def killed(job: Any, address: str, nannies: list[subprocess.Popen[bytes]]) -> dict[str, Any]:
    """Runs a job again and again while workers are killed."""
    chance, victims, over = random.Random(1), set[int](), threading.Event()

    def kill() -> None:
        while len(victims) < KILLS and not over.wait(chance.uniform(1, 4)):
            alive = [child.pid for nanny in nannies for child in psutil.Process(nanny.pid).children()]
            workers = [pid for pid in alive if pid not in victims and "spawn_main" in " ".join(words(pid))]
            if workers:
                victim = chance.choice(workers)
                os.kill(victim, signal.SIGKILL)
                victims.add(victim)

    killer = threading.Thread(target=kill)
    killer.start()
    hashes, seconds = [], []
    try:
        while len(victims) < KILLS or not hashes:
            run = timed(job, address)
            hashes.append(run["sha256"])
            seconds.append(run["seconds"])
    finally:
        over.set()
        killer.join()
    return {"kills": len(victims), "seconds": seconds, "sha256": hashes}


def words(pid: int) -> list[str]:
    """Gives the command of a process; none if it has just ended."""
    with contextlib.suppress(psutil.Error):
        return list(psutil.Process(pid).cmdline())
    return []


def digest(path: str) -> str:
    """Gives the SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def show(figures: dict[str, Any], console: Console) -> None:
    """Prints the figures as a table."""
    table = Table("workers", "seconds", "efficiency", title=f"{figures['side_px']} x {figures['side_px']} px, 13 bands")
    for workers, run in figures["runs"].items():
        table.add_row(workers, f"{run['seconds']:.1f}", f"{figures['efficiency'][workers]:.0%}")
    console.print(table)
    kills = figures["kills"]
    console.print(f"overhead of a task: {figures['task_overhead_s'] * 1e3:.1f} ms")
    console.print(f"{kills['kills']} kills in {len(kills['sha256'])} run(s); one hash in all: {figures['one_hash']}")


if __name__ == "__main__":
    main()
