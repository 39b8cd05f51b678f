"""Loaders of samples: whoever draws them is started once, and lives as long as the training."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.context import BaseContext
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ..errors import BackendError

PRELOADED = ("torch", f"{__package__}.data", f"{__package__}.labelled")
"""What processes that draw samples need: the server from which they are forked has it already."""


class Epochs(Dataset[Any]):
    """Items of all epochs, by epoch and place in it.

    Args:
        begin: Gives the items of an epoch; goes to other processes.
    """

    def __init__(self, begin: Callable[[int], Dataset[Any]]) -> None:
        self._begin = begin
        self._epoch: int | None = None
        self._items: Dataset[Any]

    def __getitem__(self, key: tuple[int, int]) -> Any:
        epoch, item = key
        if epoch != self._epoch:
            self._items, self._epoch = self._begin(epoch), epoch
        return self._items[item]


class Turns(Sampler[tuple[int, int]]):
    """The items of an epoch in their order; of several processes, each takes every so-manieth.

    Args:
        count: How many an epoch has. Those that do not divide evenly among the processes are left out.
        epoch: Tells which is to come.
        process: Which of several.
        processes: How many there are.
    """

    def __init__(self, count: int, epoch: Callable[[], int], process: int = 0, processes: int = 1) -> None:
        self._items = range(process, count // processes * processes, processes)
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self._epoch()
        return ((epoch, item) for item in self._items)


def load(begin: Callable[[int], Dataset[Any]], turns: Turns, workers: int, **options: Any) -> DataLoader[Any]:
    """Makes the loader of a run.

    Args:
        begin: Gives the items of an epoch; goes to other processes.
        turns: Which of them are loaded.
        workers: Processes that draw samples; 0: none beside the training.
        options: Of the loader: batch_size, drop_last, collate_fn.
    """
    return DataLoader(
        Epochs(begin),
        sampler=turns,
        num_workers=workers,
        multiprocessing_context=starter(workers),
        persistent_workers=workers > 0,
        worker_init_fn=_begin,
        generator=torch.Generator(),  # torch's own would be drawn from, in a resumed run at another time
        pin_memory=torch.cuda.is_available(),
        **options,
    )


def starter(workers: int) -> BaseContext | None:
    """Says how processes are started: not as forks of this one, whose other threads may hold locks at that moment.

    Such a fork waits for them for ever, and with it all processes that train together. The server from which they are
    forked instead takes seconds to begin: asked for early, it does so beside other work.

    Args:
        workers: How many there will be.
    """
    if not workers:
        return None
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    with without_interrupts():
        forkserver.ensure_running()
    return context


@contextlib.contextmanager
def without_interrupts() -> Iterator[None]:
    """Lets processes be started to which Ctrl+C, which reaches all of a terminal, does nothing."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent(words: str = "") -> None:
    """Lets this process end when the one that has started it does, however that ends.

    Args:
        words: Are printed then.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            multiprocessing.connection.wait([parent.sentinel])
            sys.stderr.write(words)
            sys.stderr.flush()
            os._exit(BackendError.exit_code)

    threading.Thread(target=watch, daemon=True).start()


def _begin(worker: int) -> None:
    """Leaves Ctrl+C to the process that trains, also where it cannot be blocked, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
