"""The worker process: jobs in on standard input, events out on standard output, see protocol.py."""

from __future__ import annotations

import io
import os
import queue
import shutil
import sys
import threading
import traceback
from typing import TextIO

from .errors import UncloudedError
from .memory import give_back
from .protocol import (
    JOBS,
    PROTOCOL,
    Cancel,
    Failed,
    Hello,
    Job,
    Message,
    Ping,
    Pong,
    Ready,
    decode,
    encode,
    failure,
    partial_folder,
)
from .version import VERSION

IDLE_S = 600.0
"""Time without a job after which the worker leaves, so that the GPU is free for others."""
FAREWELL_S = 0.5
"""Time that a running job gets to tidy up when standard input closes."""


class Worker:
    """Answers at once in one thread, runs jobs in another.

    Args:
        lines: Where messages come from.
        channel: Where events go.
        idle_s: Time without a job after which `serve` returns.
    """

    def __init__(self, lines: TextIO, channel: TextIO, idle_s: float = IDLE_S) -> None:
        self._lines = lines
        self._channel = channel
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._jobs: queue.Queue[Job] = queue.Queue()
        self._cancelled: set[str] = set()
        self._closing = threading.Event()
        self._idle = threading.Event()
        self._running: Job | None = None

    def serve(self) -> None:
        """Says hello, loads what jobs need, then runs jobs until it is idle for too long."""
        self._send(Hello(PROTOCOL, VERSION))
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._send(_ready())
        except (ImportError, OSError) as error:
            traceback.print_exc()
            hint = "Install the backend again; `unclouded info` in its environment shows what is missing."
            self._send(Failed("", "backend", f"The backend's libraries cannot be loaded: {error}", hint))
            return
        while True:
            self._idle.set()
            try:
                job = self._jobs.get(timeout=self._idle_s)
            except queue.Empty:
                return
            self._running = job
            self._idle.clear()
            self._send(self._run(job))
            give_back()

    def _run(self, job: Job) -> Message:
        from .jobs import run
        from .reporting import Reporter

        report = Reporter(job.id, self._send, lambda: self._closing.is_set() or job.id in self._cancelled)
        try:
            report.check_cancelled()
            return run(job, report)
        except UncloudedError as error:
            return failure(job.id, error)
        except Exception as error:  # noqa: BLE001 - the border of the process: a bug ends the job, not the worker
            traceback.print_exc()
            return Failed(
                job.id, "internal", f"Unexpected {type(error).__name__}: {error}", "Please report this, with the log."
            )

    def _listen(self) -> None:
        for line in self._lines:
            try:
                self._obey(decode(line))
            except UncloudedError as error:
                self._send(failure("", error))
        self._closing.set()
        if not self._idle.wait(FAREWELL_S) and self._running is not None:
            _tidy_up(self._running)
        os._exit(0)

    def _obey(self, message: Message) -> None:
        if isinstance(message, Cancel):
            self._cancelled.add(message.id)
        elif isinstance(message, Ping):
            self._send(Pong(message.id))
        elif isinstance(message, JOBS):
            self._jobs.put(message)

    def _send(self, message: Message) -> None:
        with self._lock:
            try:
                self._channel.write(encode(message) + "\n")
                self._channel.flush()
            except OSError:  # nobody listens any more: the running job gives up and tidies up
                self._closing.set()


def _tidy_up(job: Job) -> None:
    """Removes what a job that does not stop in time has half-written."""
    outputs = (getattr(job, name, None) for name in ("output", "mask_output", "uncertainty_output"))
    for output in filter(None, outputs):
        shutil.rmtree(partial_folder(output), ignore_errors=True)


def claim_standard_output() -> TextIO:
    """Keeps standard output for events: everything else that is printed, by C code too, goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return channel


def standard_input() -> TextIO:
    """Gives standard input as text in which bytes that are none do no harm."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    return sys.stdin


def _ready() -> Ready:
    import dataclasses

    from . import jobs  # noqa: F401 - loads what a job needs, so that the first one starts at once
    from .devices import devices
    from .installed import installed_models

    models = [{**dataclasses.asdict(card), "path": path} for card, path in installed_models()]
    return Ready(devices(), models)
