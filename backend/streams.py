"""Reading ahead and writing behind: threads on both sides of the computation, with bounded queues between."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
DEPTH = 2


def ahead(items: Callable[[], Iterable[T]]) -> Iterator[T]:
    """Yields the items in order while a thread makes the next ones.

    Args:
        items: Called in the thread, so that whatever it opens belongs to it.
    """
    made: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(DEPTH)
    stop = threading.Event()

    def put(entry: tuple[bool, T | BaseException | None]) -> bool:
        while not stop.is_set():
            try:
                made.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def run() -> None:
        try:
            for item in items():
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, which raises it
            put((False, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while True:
            more, item = made.get()
            if more:
                yield item  # type: ignore[misc]
            elif isinstance(item, BaseException):
                raise item
            else:
                return
    finally:
        stop.set()
        thread.join()


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

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
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
