"""Clusters for tests: a scheduler and workers as processes of their own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil


@dataclasses.dataclass
class Cluster:
    """A scheduler and workers as processes of their own, started as by hand."""

    folder: Path
    address: str = ""
    processes: list[subprocess.Popen[bytes]] = dataclasses.field(default_factory=list)

    def start(self, program: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Starts `dask-scheduler` or `dask-worker`."""
        log = self.folder / f"{program}{len(self.processes)}.log"
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments]
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | environment, cwd=self.folder)
        self.processes.append(process)
        return process

    def worker(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Starts a worker with its nanny."""
        options = ["--nthreads", "1", "--no-dashboard", "--name", name, "--local-directory", str(self.folder)]
        return self.start("worker", self.address, *options, *arguments, **environment)

    def pids(self) -> list[int]:
        """Gives the processes that do the work, below their nannies."""
        nannies = [psutil.Process(process.pid) for process in self.processes[1:] if process.poll() is None]
        return [
            child.pid for nanny in nannies for child in nanny.children() if "spawn_main" in " ".join(child.cmdline())
        ]

    def wait(self, workers: int) -> None:
        """Waits until so many workers have come."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)


@contextlib.contextmanager
def scheduler(folder: Path) -> Iterator[Cluster]:
    """A scheduler; whoever joined it ends with it."""
    found = Cluster(folder)
    file = folder / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
    found.start("scheduler", *options, "--scheduler-file", str(file))
    try:
        until(file.exists)
        until(lambda: file.read_text().strip().endswith("}"))
        found.address = json.loads(file.read_text())["address"]
        yield found
    finally:
        first, *workers = found.processes
        for group in (workers, [first]):  # a worker that is told by its scheduler, too, may never end
            for process in group:
                process.terminate()
            for process in group:
                process.wait(60)


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
