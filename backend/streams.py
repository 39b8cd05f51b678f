"""Reading ahead and writing behind: threads on both sides of the computation, with bounded queues between."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K")
DEPTH = 2


def ahead(items: Callable[[], Iterable[T]]) -> Iterator[T]:
    """Yields the items in order while a thread makes the next ones.

    Args:
        items: Called in the thread, so that whatever it opens belongs to it.
    """
    maker = _Maker(items)
    maker.thread.start()
    try:
        yield from maker.taken()
    finally:
        maker.stop.set()
        maker.thread.join()


def side_by_side(items: Iterable[K], work: Callable[[K], T], threads: int) -> Iterator[T]:
    """Yields what becomes of the items, in order, while several threads work on the next ones.

    Args:
        items: Made in the calling thread, at most one more than there are threads before the first is done.
        work: Called in any of the threads.
        threads: How many work at a time.
    """
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class _Maker(Generic[T]):
    def __init__(self, items: Callable[[], Iterable[T]]) -> None:
        self._items = items
        self._made: queue.Queue[T | _End] = queue.Queue(DEPTH)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def taken(self) -> Iterator[T]:
        while not isinstance(item := self._made.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def _run(self) -> None:
        try:
            for item in self._items():
                self._put(item)
                if self.stop.is_set():
                    return
            self._put(_End(None))
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, which raises it
            self._put(_End(error))

    def _put(self, item: T | _End) -> None:
        while not self.stop.is_set():
            try:
                self._made.put(item, timeout=0.1)
                return
            except queue.Full:
                continue


@dataclass(frozen=True)
class _End:
    error: BaseException | None


class Behind(Generic[T]):
    """Hands items in order to a function that runs in a thread.

    An error in the thread is raised by the next `put`, or on leaving the context.
    """

    def __init__(self, consume: Callable[[T], None]) -> None:
        self._consume = consume
        self._waiting: queue.Queue[T | None] = queue.Queue(DEPTH)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Behind[T]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def put(self, item: T) -> None:
        """Hands over an item; waits while too many are waiting."""
        if self._error is not None:
            raise self._error
        self._waiting.put(item)

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            if self._error is None:
                try:
                    self._consume(item)
                except BaseException as error:  # noqa: BLE001 - raised in the producer's thread
                    self._error = error
