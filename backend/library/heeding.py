"""Waiting for a network without being deaf: a thread waits, and the job hears at once that it was given up."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic, TypeVar

from ..reporting import Reporter

T = TypeVar("T")
POLL_S = 0.1
DEPTH = 4


def heeding(items: Callable[[], Iterable[T]], report: Reporter) -> Generator[T, None, None]:
    """Yields what a thread gets, in order; an error of the thread is raised here. To be closed.

    A thread that waits when nobody wants its items any more is left behind: it ends when its own time is out.

    Args:
        items: Called in the thread; a generator is closed there.
        report: Of the job.

    Raises:
        Cancelled: The job was given up.
    """
    getter = _Getter(items)
    threading.Thread(target=getter.run, daemon=True).start()
    try:
        yield from getter.taken(report)
    finally:
        getter.unwanted.set()


def pause(seconds: float, report: Reporter) -> None:
    """Waits; raises Cancelled if the job was given up meanwhile."""
    end = time.monotonic() + seconds
    while (left_s := end - time.monotonic()) > 0:
        report.check_cancelled()
        time.sleep(min(left_s, POLL_S))


class _Getter(Generic[T]):
    def __init__(self, items: Callable[[], Iterable[T]]) -> None:
        self._items = items
        self._got: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(DEPTH)
        self.unwanted = threading.Event()

    def taken(self, report: Reporter) -> Iterator[T]:
        while True:
            report.check_cancelled()
            try:
                got = self._got.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if got is None:
                return
            if isinstance(got, BaseException):
                raise got
            yield got[0]

    def run(self) -> None:
        try:
            for item in self._items():
                self._put((item,))
                if self.unwanted.is_set():
                    return
            self._put(None)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits, who raises it
            self._put(error)

    def _put(self, got: tuple[T] | BaseException | None) -> None:
        while not self.unwanted.is_set():
            try:
                self._got.put(got, timeout=POLL_S)
                return
            except queue.Full:
                continue
