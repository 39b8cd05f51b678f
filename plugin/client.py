"""The conversation with the backend: run jobs, cancel them, survive the worker's death. Standard library only."""

from __future__ import annotations

import shutil
import threading
import uuid
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from queue import Empty
from typing import Dict, Iterator, List, Optional, Set, Union

from ..backend.errors import BackendError, Cancelled
from ..backend.model_jobs import Checkpoint, Models
from ..backend.protocol import (
    Done,
    Estimate,
    Failed,
    Hello,
    Job,
    Log,
    Losses,
    Progress,
    Ready,
    TrainGenerator,
    failure,
    partial_folder,
)
from .worker import Inbox, Worker, WorkerEnded

HELLO_TIMEOUT_S = 60.0
SILENCE_S = 60.0
"""A running job that says nothing for so long is asked whether it lives, and has as long to answer."""
KILL_AFTER_S = 0.7
"""Time that a cancelled job has to end by itself."""
KILL_TRAINING_AFTER_S = 60.0
"""The same for a training, which ends its step and writes the best generator so far."""
LIVES = 3
"""Workers that a job may see die for reasons that are not its own."""

Event = Union[Estimate, Progress, Log, Losses, Models, Checkpoint, Done, Failed]


class _Interrupted(Exception):
    """The worker went for a reason that is not this job's: another job's cancel, or its idle time."""

    def __init__(self, end: WorkerEnded) -> None:
        super().__init__(end.message)
        self.end = end


class Client:
    """One backend at a time, started when it is needed. All methods may be called from any thread.

    Args:
        python: The backend's interpreter.
        command: What to start instead of the backend; for tests.
    """

    def __init__(self, python: Path, command: Optional[List[str]] = None) -> None:
        self.python = python
        self._command = command
        self._lock = threading.Lock()
        self._worker: Optional[Worker] = None
        self._running: Dict[str, Job] = {}
        self._cancelled: Set[str] = set()

    def start(self) -> Hello:
        """Starts the worker, unless it runs, and shakes hands.

        Raises:
            BackendError: It cannot be started, says nothing, or speaks another protocol.
        """
        return _handshake(self._living_worker())

    def wait_ready(self, timeout_s: float = 300.0) -> Ready:
        """Waits until the worker has loaded its libraries and knows its devices and models.

        Raises:
            BackendError: It died, or did not get there in time.
        """
        while True:
            worker = self._living_worker()
            try:
                _handshake(worker)
                return worker.ready.result(timeout_s)
            except FutureTimeout:
                raise BackendError(
                    f"The backend did not finish loading its libraries in {timeout_s:g} s.",
                    "Try again; on the first start an antivirus program may be reading them.",
                ) from None
            except WorkerEnded:
                if worker.killed_for is None:
                    raise

    def run(self, job: Job) -> Iterator[Event]:
        """Runs a job and yields its events, `Done` or `Failed` last. Iterate to the end.

        Raises:
            BackendError: The worker cannot be started, or died. What it left beside the outputs is removed.
        """
        self._running[job.id] = job
        try:
            yield from self._run(job)
        except BackendError:
            remove_leftovers(job)
            if job.id not in self._cancelled:
                raise
            yield _cancelled(job.id)
        finally:
            self._running.pop(job.id, None)
            self._cancelled.discard(job.id)

    def cancel(self, job_id: str) -> None:
        """Asks the worker to give up a job; if the job does not end in time, the worker is killed."""
        self._cancelled.add(job_id)
        worker = self._worker
        if worker is not None:
            worker.cancel(job_id)
            training = isinstance(self._running.get(job_id), TrainGenerator)
            patience_s = KILL_TRAINING_AFTER_S if training else KILL_AFTER_S
            timer = threading.Timer(patience_s, _give_up, [worker, job_id])
            timer.daemon = True
            timer.start()

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return bool(self._running)

    @property
    def details(self) -> List[str]:
        """The last lines that the worker wrote to its standard error."""
        worker = self._worker
        return worker.details if worker is not None else []

    def close(self) -> None:
        """Ends the worker; a later job starts another one."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _living_worker(self) -> Worker:
        with self._lock:
            if self._worker is None or self._worker.ended.is_set():
                self._worker = Worker(self.python, self._command)
            return self._worker

    def _run(self, job: Job) -> Iterator[Event]:
        end: Optional[WorkerEnded] = None
        for _ in range(LIVES):
            if job.id in self._cancelled:
                yield _cancelled(job.id)
                return
            try:
                yield from self._converse(self._living_worker(), job)
                return
            except _Interrupted as interrupted:
                end = interrupted.end
                remove_leftovers(job)
        if end is not None:
            raise end

    def _converse(self, worker: Worker, job: Job) -> Iterator[Event]:
        inbox = worker.open(job.id)
        heard = False
        try:
            _handshake(worker)
            if job.id in self._cancelled:
                yield _cancelled(job.id)
                return
            worker.send(job)
            for event in _events(worker, inbox):
                heard = True
                yield event
        except WorkerEnded as end:
            idle = end.exit_code == 0 and worker.was_ready and not heard
            if idle or worker.killed_for not in (None, job.id):
                raise _Interrupted(end) from end
            raise
        finally:
            worker.shut(job.id)


def new_job_id() -> str:
    """Gives an id that no other job of this QGIS has."""
    return uuid.uuid4().hex[:8]


def remove_leftovers(job: Job) -> None:
    """Removes what a killed worker may have left: the hidden folder beside each output."""
    for name in ("output", "mask_output", "uncertainty_output", "error_output"):
        output = getattr(job, name, None)
        if output:
            shutil.rmtree(partial_folder(output), ignore_errors=True)


def _handshake(worker: Worker) -> Hello:
    try:
        return worker.hello.result(HELLO_TIMEOUT_S)
    except FutureTimeout:
        worker.kill()
        raise BackendError(
            f"The backend did not answer within {HELLO_TIMEOUT_S:g} s.",
            "Try again, or choose another Python in the settings of Unclouded.",
        ) from None


def _events(worker: Worker, inbox: Inbox) -> Iterator[Event]:
    while True:
        try:
            item = inbox.get(timeout=SILENCE_S)
        except Empty:
            if not worker.answers(SILENCE_S):
                worker.kill()
                raise BackendError(
                    f"The backend has not answered for {2 * SILENCE_S:g} s and was stopped.", "Try again."
                ) from None
            continue
        if isinstance(item, BackendError):
            raise item
        yield item
        if isinstance(item, (Done, Failed)):
            return


def _give_up(worker: Worker, job_id: str) -> None:
    queue = worker.queue()
    if queue[:1] == [job_id]:
        worker.kill(job_id)
    elif job_id in queue:
        worker.deliver(job_id, _cancelled(job_id))


def _cancelled(job_id: str) -> Failed:
    return failure(job_id, Cancelled())
