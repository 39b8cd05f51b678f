"""What the measurements share: the parts of a job timed alone, a command in a process of its own, the machine."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unclouded.backend.__main__ import LIBRARY_OPTIONS
from unclouded.backend.memory import keep_freed

if TYPE_CHECKING:
    from unclouded.backend.protocol import RemoveClouds


def prepare() -> None:
    """Gives the libraries the options that the command line gives them; called before they are loaded."""
    os.environ.update(LIBRARY_OPTIONS)
    keep_freed()


def run_command(words: Sequence[str]) -> dict[str, float]:
    """Runs a command in a process of its own.

    Returns:
        Seconds by the clock, of the processor in the program and in the system; the peak of its resident memory.
    """
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}.")
    return {
        "seconds": seconds,
        "user_s": usage.ru_utime,
        "system_s": usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def time_parts(job: RemoveClouds) -> dict[str, Any]:
    """Does a job with nothing overlapping, each part timed alone."""
    from unclouded.backend.findings import findings_of
    from unclouded.backend.inference import load_generator
    from unclouded.backend.outputs import Outputs
    from unclouded.backend.reconstruction import in_parts, plan_of, rules_of
    from unclouded.backend.results import Inspection, Rendered, Result, ResultWriter
    from unclouded.backend.scene import open_optical, open_scene
    from unclouded.backend.survey import survey

    seconds: dict[str, float] = {}
    report = quiet()

    def timed(part: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - started
        return result

    generator = timed("loading", lambda: load_generator(job.model, job.device))
    scene = open_scene(open_optical(job.optical, None, None, None, report.log), None, [], None, report.log)
    rules = rules_of(job)
    windows, busy_px = 0, 0
    with Outputs([job.output], [], True) as outputs, contextlib.ExitStack() as stack:
        found = timed("reading, mask and statistics", lambda: survey(scene, rules, outputs.scratch, report, 0.2))
        prior = np.array([generator.card.prior[band] for band in scene.optical.bands], np.float32)
        plan = plan_of(job, scene, findings_of(found, prior), generator)
        writer = ResultWriter(stack, job, scene, {}, outputs)
        inspection = Inspection(stack, plan)

        def write(result: Result) -> Rendered:
            made = result.render(scene.optical, False)
            writer.write(made)
            return made

        tiles = plan.read()
        while (tile := timed("reading tiles", lambda: next(tiles, None))) is not None:
            result = timed("network", lambda t=tile: in_parts([t], generator)[0])
            windows += len(tile.parts)
            busy_px += sum(part.observation.valid.size for part in tile.parts)
            rendered = timed("compositing and writing", lambda r=result: write(r))
            timed("figures of quality", lambda r=rendered: inspection.look(r))
        timed("overviews", writer.finish)
    return {
        "seconds": seconds,
        "tiles": len(plan.windows()),
        "windows": windows,
        "network_px": busy_px,
        **network_share(generator, seconds.get("network", 0.0), busy_px),
    }


def network_share(generator: Any, seconds: float, pixels: int) -> dict[str, float]:
    """Floating-point operations of the network, and the share of the device's measured bf16 matrix peak."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from unclouded.backend.installed import find_model
    from unclouded.backend.models import weights

    network = weights.load(find_model("default"))[1]
    channels = next(network.parameters()).shape[1]
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, channels, 256, 256))
    gflop_per_tile = counter.get_total_flops() / 1e9
    achieved = gflop_per_tile * pixels / 256**2 / seconds if pixels else 0.0
    peak = matrix_peak_gflops(generator.device)
    return {
        "gflop_per_256_px_tile": gflop_per_tile,
        "achieved_gflops": achieved,
        "peak_gflops": peak,
        "share_of_peak": achieved / peak,
    }


def matrix_peak_gflops(device: Any) -> float:
    """Speed of a large bfloat16 matrix product."""
    import torch

    side = 8192 if device.type == "cuda" else 2048
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(5):
        _wait(device)
        started = time.perf_counter()
        a @ a
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return float(2 * side**3 / best / 1e9)


def _wait(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize()


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import torch

    from unclouded.backend.devices import devices

    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "devices": devices(),
        "torch": torch.__version__,
        "system": platform.platform(),
    }


def quiet() -> Any:
    """A reporter that nobody hears."""
    from unclouded.backend.reporting import Reporter

    return Reporter("bench", lambda event: None)
