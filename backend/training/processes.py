"""The processes that train together: the first of a machine starts the others, and none of them outlives it."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from types import TracebackType

import lightning as L
import torch.distributed
from lightning.pytorch.strategies import ParallelStrategy
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # it is public all the same

from ..errors import BackendError, UncloudedError, UsageError
from ..memory import keep_freed
from ..protocol import Done, TrainGenerator
from ..reporting import Reporter
from .loaders import end_with_parent, without_interrupts

Train = Callable[[TrainGenerator, Reporter], Done]

TIMEOUT = timedelta(minutes=5)
"""How long processes wait for each other amid their work; one that has ended is noticed at once."""
LOOK_S = 0.2
LEAVING_S = 60.0
"""How long the others may take to end by themselves when the first is done."""
NOTICE_S = 60.0
"""How long the reason of a lost connection may take to show."""
STUCK_S = 120.0
"""After which the first process is ended if it has not noticed that another one has: CUDA may wait for it for ever."""
HINT = (
    "If it was killed, the memory may not have sufficed: lower fit.batch, data.windows or --workers, or train on fewer "
    "devices; what it has printed may tell more. Then go on with --resume."
)


class ProcessLost(BackendError):
    """One of the processes that train together has ended, or stands still."""


@contextlib.contextmanager
def all_processes(trainer: L.Trainer, train: Train, job: TrainGenerator, report: Reporter) -> Iterator[None]:
    """Lets all processes of a training begin at the same time, and end together.

    The first of a machine starts the others, unless torchrun or srun has started all of them.

    Args:
        trainer: Of this process.
        train: Runs the job; the others call it too.
        job: What is trained.
        report: Of this process.

    Raises:
        UsageError: Several machines are to train, and nobody has started their processes.
        UncloudedError: That of another process.
        ProcessLost: Another process has ended without one, or stands still.
        Cancelled: The job was given up before all were ready.
    """
    strategy = trainer.strategy
    environment = strategy.cluster_environment if isinstance(strategy, ParallelStrategy) else None
    if environment is None:
        yield
    elif environment.creates_processes_externally:
        if multiprocessing.parent_process() is not None:
            _store().set(_ready(os.environ["LOCAL_RANK"]), "")
        try:
            with _worded():
                yield
        finally:
            _leave()
    elif trainer.num_nodes > 1:
        raise UsageError(
            f"Nobody has started the processes that train on {trainer.num_nodes} machines (fit.nodes).",
            "Start the command by torchrun or srun.",
        )
    else:
        with Others(trainer.world_size, train, job, report), _worded():
            yield


class Others:
    """The processes that the first one starts.

    Args:
        count: Of all processes.
        train: Runs the job.
        job: What is trained.
        report: Of the first process.
    """

    def __init__(self, count: int, train: Train, job: TrainGenerator, report: Reporter) -> None:
        self._count, self._train, self._job, self._report = count, train, job, report
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._errors: list[Connection] = []
        # It has a port of its own from now on: two trainings can never meet at one.
        self._store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> None:
        """Starts them and waits until they are ready to train."""
        self._stack.enter_context(_environment(self._store.port, self._count))
        try:
            for rank in range(1, self._count):
                self._start(rank)
            while not self._store.check([_ready(process.name) for process in self._processes]):
                if self._ended(LOOK_S):
                    raise self._reason()
                self._report.check_cancelled()
        except BaseException:
            self._end()
            raise
        self._watcher.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Ends them: after an error at once, for nobody but the first writes anything."""
        self._over.set()
        self._watcher.join()
        try:
            if isinstance(error, ProcessLost):
                self._report.check_cancelled()
                if self._ended(NOTICE_S):
                    raise self._reason() from error.__cause__
            elif error is None:
                _leave()
                until = time.monotonic() + LEAVING_S
                for process in self._processes:
                    process.join(max(until - time.monotonic(), 0))
        finally:
            self._end()
            _leave()

    def _start(self, rank: int) -> None:
        context = multiprocessing.get_context("spawn")
        errors, theirs = context.Pipe(duplex=False)
        os.environ["LOCAL_RANK"] = str(rank)
        process = context.Process(target=_follow, args=(self._train, self._job, theirs), name=str(rank))
        try:
            with without_interrupts():
                process.start()
        finally:
            os.environ["LOCAL_RANK"] = "0"
            theirs.close()
        self._processes.append(process)
        self._errors.append(errors)

    def _ended(self, within_s: float) -> bool:
        return bool(wait([process.sentinel for process in self._processes], within_s))

    def _reason(self) -> UncloudedError:
        """Says why the others have ended."""
        for errors in self._errors:
            with contextlib.suppress(EOFError):
                if errors.poll():
                    error: UncloudedError = errors.recv()
                    return error
        for process in self._processes:
            process.join(LOOK_S)
        codes = {process.name: process.exitcode for process in self._processes if process.exitcode}
        name, code = min(codes.items(), key=lambda item: item[1], default=("1", 0))  # a signal is a negative code
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return ProcessLost(f"Of the {self._count} processes that trained together, number {name} {how}.", HINT)

    def _watch(self) -> None:
        """Ends this process where it waits for another one that has ended, and nothing wakes it."""
        while not self._over.wait(1.0):
            if any(process.exitcode for process in self._processes) and not self._over.wait(STUCK_S):
                self._report.log("warning", str(self._reason()))
                self._kill()
                os._exit(ProcessLost.exit_code)

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()

    def _end(self) -> None:
        self._kill()
        for process, errors in zip(self._processes, self._errors, strict=True):
            process.join()
            process.close()
            errors.close()
        self._stack.close()


def _follow(train: Train, job: TrainGenerator, errors: Connection) -> None:
    """Runs the job in another process than the first, which alone speaks and is told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # a batch job's end, which all are told of
    logging.getLogger(__package__.rpartition(".")[0]).addHandler(logging.NullHandler())
    name = multiprocessing.current_process().name
    end_with_parent(f"The first of the processes that trained together has ended; so does number {name}.\n")
    keep_freed()
    try:
        train(job, Reporter(job.id, lambda _: None))
    except ProcessLost:
        threading.Event().wait(NOTICE_S + STUCK_S)  # the first finds who was lost, and ends this one
        sys.exit(ProcessLost.exit_code)
    except UncloudedError as error:
        errors.send(error)
        sys.exit(error.exit_code)


@contextlib.contextmanager
def _environment(port: int, count: int) -> Iterator[None]:
    """Says where the processes meet, as torchrun does."""
    wanted = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count),
        "NODE_RANK": "0",
        "LOCAL_RANK": "0",
        "TORCHELASTIC_USE_AGENT_STORE": str(True),
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _store() -> TCPStore:
    """Gives the store at which the processes meet."""
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return TCPStore(address, port, is_master=False, wait_for_workers=False)


def _ready(name: str) -> str:
    return f"ready/{name}"


def _leave() -> None:
    """Leaves the group of processes: a later training of this process makes another one."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextlib.contextmanager
def _worded() -> Iterator[None]:
    """Puts a lost connection into words."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.distributed.DistError) and "gloo" not in str(error):
            raise
        raise ProcessLost(
            f"Another of the processes that train together has ended, or has stood still for {TIMEOUT.seconds} s: "
            f"{' '.join(str(error).split()).rstrip('.')}.",
            HINT,
        ) from error
