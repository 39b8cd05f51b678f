"""The real worker as a process: what it says, when it ends, and what it leaves behind."""

from __future__ import annotations

import json
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from unclouded.backend import version
from unclouded.backend.card import read_card
from unclouded.backend.protocol import PROTOCOL, Cancel, DetectClouds, Ping, RemoveClouds, TrainGenerator, encode
from unclouded.backend.version import VERSION

ROOT = Path(version.__file__).parents[1]
START = "import sys; sys.path.append({!r}); from unclouded.backend.__main__ import main; main()"
PATIENCE_S = 300.0


class Talk:
    """A conversation with a worker.

    Args:
        plugins: The folder that holds the plugin's folder.
        script: Started instead of the worker's own command.
    """

    def __init__(self, plugins: Path, script: str | None = None) -> None:
        command = [sys.executable, "-I", "-c", script or START.format(str(plugins)), "worker"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=plugins
        )
        self.lines: list[str] = []
        self.noise: list[bytes] = []
        self._new: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._drain)]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.decode())
            self._new.put(json.loads(line))
        self._new.put(None)

    def _drain(self) -> None:
        self.noise.extend(self.process.stderr)

    def send(self, *messages: Any) -> None:
        for message in messages:
            self.write(encode(message).encode() + b"\n")

    def write(self, line: bytes) -> None:
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def next(self, *kinds: str, job: str | None = None) -> dict[str, Any]:
        """Waits for the next event of one of these types, of one job if given."""
        while True:
            event = self._new.get(timeout=PATIENCE_S)
            assert event is not None, f"the worker ended while {kinds} were awaited: {b''.join(self.noise)!r}"
            if event["type"] in kinds and job in (None, event.get("id")):
                return event

    def end(self) -> int:
        """Waits for the process to end and gives its exit status."""
        status = self.process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        return status

    def close(self) -> None:
        self.process.kill()
        self.end()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                continue


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "unclouded").symlink_to(ROOT)
    return folder


@pytest.fixture
def talk(plugins: Path) -> Iterator[Talk]:
    worker = Talk(plugins)
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def warm(plugins: Path) -> Iterator[Talk]:
    """A worker that is ready and shared by tests that leave it so."""
    worker = Talk(plugins)
    worker.next("Ready")
    yield worker
    worker.close()


def job(shop: Any, identity: str, side: int = 96, output: str = "clear.tif", **options: Any) -> RemoveClouds:
    """A job of so many pixels a side, inputs and all."""
    optical, mask = shop.folder / f"o{side}.tif", shop.folder / f"m{side}.tif"
    if not optical.exists():
        cloud = shop.disc(side, side, side / 2, side / 2, side / 3)
        shop.raster(optical.name, shop.numbers(4, side, side), tiled=True)
        shop.mask(mask.name, cloud, tiled=True)
    arguments: dict[str, Any] = {"mask": str(mask), "method": "inpaint"} | options
    return RemoveClouds(identity, str(optical), shop.path(output), **arguments)


def test_hello_comes_before_torch_is_loaded(plugins: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = f"""
import os, sys, time
class Gate:
    def find_spec(self, name, path=None, target=None):
        while name == "torch" and not os.path.exists({str(gate)!r}):
            time.sleep(0.01)
sys.meta_path.insert(0, Gate())
"""
    worker = Talk(plugins, script + START.format(str(plugins)))
    try:
        assert worker.next("Hello", "Ready") == {"type": "Hello", "protocol": PROTOCOL, "version": VERSION}
        worker.send(Ping("1"))
        assert worker.next("Pong", "Ready") == {"type": "Pong", "id": "1"}
        gate.touch()
        ready = worker.next("Ready")
    finally:
        worker.close()
    assert ready["devices"][-1]["name"] == "cpu"
    assert all({"name", "bands", "path"} <= model.keys() for model in ready["models"])


def test_a_job_is_told_from_its_start_to_its_end(warm: Talk, shop: Any) -> None:
    warm.send(job(shop, "a"))
    stages = [warm.next("Log", "Progress", "Estimate", "Done", "Failed", job="a")]
    while stages[-1]["type"] not in ("Done", "Failed"):
        stages.append(warm.next("Log", "Progress", "Estimate", "Done", "Failed", job="a"))

    assert {stage["type"] for stage in stages} == {"Log", "Progress", "Estimate", "Done"}
    assert stages[-1]["output"] == shop.path("clear.tif")
    assert shop.read("clear.tif").shape == (4, 96, 96)


def test_jobs_queue_and_a_failed_one_does_not_stop_the_next(warm: Talk, shop: Any) -> None:
    broken = RemoveClouds("b1", shop.path("missing.tif"), shop.path("x.tif"))
    warm.send(job(shop, "b0"), broken, DetectClouds("b2", job(shop, "").optical, shop.path("mask.tif")))

    ends = [warm.next("Done", "Failed") for _ in range(3)]

    assert [(end["type"], end["id"]) for end in ends] == [("Done", "b0"), ("Failed", "b1"), ("Done", "b2")]
    assert ends[1]["code"] == "unreadable"
    assert "missing.tif" in ends[1]["message"]
    assert ends[1]["hint"]


def test_a_running_and_a_queued_job_are_cancelled(warm: Talk, shop: Any) -> None:
    first, second, third = job(shop, "c0", 1600), job(shop, "c1", output="b.tif"), job(shop, "c2", output="c.tif")
    before = shop.contents()
    warm.send(first, second, third)
    warm.next("Progress", job="c0")
    warm.send(Cancel("c1"), Cancel("c0"))

    ends = [warm.next("Done", "Failed") for _ in range(3)]

    assert [end["id"] for end in ends] == ["c0", "c1", "c2"]
    assert [end.get("code") for end in ends] == ["cancelled", "cancelled", None]
    assert before.items() <= shop.contents().items()
    assert set(shop.contents()) - set(before) == {"c.tif"}


def test_a_cancelled_job_that_is_broken_too_counts_as_cancelled(warm: Talk, shop: Any) -> None:
    warm.send(job(shop, "d0", 1200), RemoveClouds("d1", shop.path("missing.tif"), shop.path("x.tif")), Cancel("d1"))
    warm.send(Cancel("d0"))

    assert [warm.next("Done", "Failed")["code"] for _ in range(2)] == ["cancelled", "cancelled"]


def test_a_ping_is_answered_during_a_job(warm: Talk, shop: Any) -> None:
    warm.send(job(shop, "e", 1600))
    warm.next("Progress", job="e")
    warm.send(Ping("e-ping"))

    assert warm.next("Pong", "Done", "Failed") == {"type": "Pong", "id": "e-ping"}
    warm.send(Cancel("e"))
    warm.next("Done", "Failed", job="e")


@pytest.mark.slow
def test_a_cancelled_training_keeps_the_best_and_the_worker_goes_on(warm: Talk, shop: Any) -> None:
    image = shop.raster("clear.tif", shop.numbers(4, 256, 1024), descriptions=("B2", "B3", "B4", "B8"))
    tiny = ["fit.epochs=10000", "fit.batch=2", "fit.precision=32", "data.samples=2", "data.validation_samples=2"]
    tiny += ["data.window_px=32", "data.windows=2", "generator.parameters={widths: [8, 8, 8], blocks: [1, 1, 1]}"]
    output = shop.path("best.safetensors")
    training = TrainGenerator("t0", "fusion", shop.path("run"), output, images=[image], settings=tiny)
    warm.send(training, job(shop, "t1", output="t1.tif"))
    losses = warm.next("Losses", "Failed", job="t0")
    warm.send(Cancel("t0"))
    end, following = warm.next("Done", "Failed"), warm.next("Done", "Failed")

    assert (losses["type"], losses["epoch"]) == ("Losses", 1)
    assert (end["id"], end["code"], end["kept"]) == ("t0", "cancelled", output)
    assert read_card(output).name == "fusion"
    assert (following["type"], following["id"]) == ("Done", "t1")


@pytest.mark.parametrize(
    "line",
    [b"nonsense\n", b"\n", b'{"type": "Fly"}\n', b"\xff\xfe\x00\n", b'{"type": "Ping"}\n', b"[" * 10_000 + b"\n"],
    ids=["words", "empty", "unknown", "no text", "field missing", "nested too deep"],
)
def test_a_line_that_is_no_message_is_answered_and_the_worker_goes_on(warm: Talk, line: bytes) -> None:
    warm.write(line)
    answer = warm.next("Failed")
    warm.send(Ping("after"))

    assert answer["code"] == "backend"
    assert f"protocol {PROTOCOL}" in answer["message"]
    assert warm.next("Pong")["id"] == "after"


def test_nothing_that_prints_disturbs_the_channel(plugins: Path) -> None:
    script = f"""
import ctypes, os, subprocess, sys
sys.path.append({str(plugins)!r})
from unclouded.backend.worker import Worker, claim_standard_output, standard_input
channel = claim_standard_output()
libc = ctypes.CDLL(None)
def shout():
    print("python")
    os.write(1, b"descriptor\\n")
    libc.puts(b"library")
    libc.fflush(None)
    subprocess.run([sys.executable, "-c", "print('child')"])
shout()
class Loud(Worker):
    def _obey(self, message):
        shout()
        super()._obey(message)
Loud(standard_input(), channel).serve()
"""
    worker = Talk(plugins, script)
    try:
        worker.send(Ping("1"))
        worker.next("Pong")
        worker.process.stdin.close()
        worker.end()
        assert all(json.loads(line)["type"] in ("Hello", "Pong", "Ready") for line in worker.lines)
        noise = b"".join(worker.noise).decode()
        assert all(word in noise for word in ("python", "descriptor", "library", "child"))
    finally:
        worker.close()


def test_a_worker_that_is_left_alone_ends_and_tidies_up(talk: Talk, shop: Any) -> None:
    running = job(shop, "1", 1600)
    before = shop.contents()
    talk.send(running, job(shop, "2", 1600, "second.tif"))
    talk.next("Progress", job="1")
    talk.process.stdin.close()

    assert talk.end() == 0
    assert shop.contents() == before


def test_a_worker_whose_job_does_not_stop_in_time_tidies_up_too(plugins: Path, shop: Any) -> None:
    script = f"""
import sys, time
sys.path.append({str(plugins)!r})
from unclouded.backend import worker
from unclouded.backend.methods import Untrained
def dawdle(self, observations):
    time.sleep(60)
Untrained.__call__ = dawdle
worker.Worker(worker.standard_input(), worker.claim_standard_output()).serve()
"""
    task = job(shop, "1", mask_output=shop.path("mask.tif"))
    before = shop.contents()
    talk = Talk(plugins, script)
    try:
        talk.send(task)
        while talk.next("Progress")["fraction"] < 0.2:
            continue
        assert set(shop.contents()) > set(before)
        talk.process.stdin.close()
        assert talk.end() == 0
    finally:
        talk.close()

    assert shop.contents() == before


def test_a_worker_whose_reader_vanished_ends_and_tidies_up(plugins: Path, shop: Any) -> None:
    """As after a crash of QGIS: both pipes break at once."""
    running = job(shop, "1", 1600)
    before = shop.contents()
    script = START.format(str(plugins))
    with subprocess.Popen(
        [sys.executable, "-I", "-c", script, "worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        process.stdin.write(encode(running).encode() + b"\n")
        process.stdin.flush()
        while b'"Progress"' not in process.stdout.readline():
            continue
        process.stdout.close()
        process.stdin.close()
        process.wait(PATIENCE_S)

    assert shop.contents() == before


def test_a_worker_without_work_leaves(plugins: Path, shop: Any) -> None:
    script = f"""
import sys
sys.path.append({str(plugins)!r})
from unclouded.backend.worker import Worker, claim_standard_output, standard_input
Worker(standard_input(), claim_standard_output(), idle_s=0.7).serve()
"""
    worker = Talk(plugins, script)
    try:
        worker.next("Ready")
        worker.send(job(shop, "1"))
        worker.next("Done")
        assert worker.end() == 0
        assert not [line for line in worker.noise if b"Fatal" in line or b"Traceback" in line]
    finally:
        worker.close()


@pytest.mark.slow
def test_a_killed_worker_leaves_no_output_or_a_whole_one(plugins: Path, shop: Any) -> None:
    dice = random.Random(0)
    task = job(shop, "1", 1300, output="reference.tif")
    inputs = shop.contents()
    whole = 0.0
    for attempt in range(11):
        worker = Talk(plugins)
        try:
            worker.next("Ready")
            begun = time.monotonic()
            if attempt == 0:
                worker.send(task)
                worker.next("Done")
                whole = time.monotonic() - begun
                reference = shop.read("reference.tif")
                digest = shop.contents()["reference.tif"]
                continue
            worker.send(job(shop, "1", 1300, output="clear.tif", overwrite=True))
            time.sleep(dice.uniform(0, 1.1 * whole))
            worker.process.send_signal(signal.SIGKILL)
            worker.end()
        finally:
            worker.close()
        files = shop.contents()
        assert inputs.items() <= files.items()
        if "clear.tif" in files:
            assert files["clear.tif"] == digest
            with rasterio.open(shop.path("clear.tif")) as dataset:
                np.testing.assert_array_equal(dataset.read(), reference)
            (shop.folder / "clear.tif").unlink()
        visible = {name for name in files if not name.startswith(".")}
        assert visible <= {*inputs, "reference.tif", "clear.tif"}
    shop.run(job(shop, "1", 1300, output="clear.tif"))
    assert set(shop.contents()) == {*inputs, "reference.tif", "clear.tif"}
