"""Calls in several threads that nobody has to wait for: most of their time goes by in waiting for servers."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..library.heeding import POLL_S

THREADS = 8
"""Files that are read at once."""


class Threads:
    """Takes the place of a ThreadPoolExecutor, also in odc-stac.

    The threads of concurrent.futures are waited for when they are closed and when the process ends, however silent a
    server is. These are left behind: each ends when its call does.

    Args:
        heed: Called now and then while results are awaited, with the seconds since the last one; it may raise.
    """

    def __init__(self, heed: Callable[[float], None]) -> None:
        self._heed = heed
        self._unwanted = threading.Event()

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_: object) -> None:
        self._unwanted.set()

    def map(self, call: Callable[[Any], Any], inputs: Iterable[Any]) -> Iterator[Any]:
        """Yields what a function gives for each input, in order; raises the first error of any of them at once."""
        waiting = deque(enumerate(inputs))
        came: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()

        def work() -> None:
            while waiting and not self._unwanted.is_set():
                with contextlib.suppress(IndexError):  # another thread took the last one
                    place, given = waiting.popleft()
                    came.put((place, *_made(call, given)))

        total = len(waiting)
        for _ in range(min(THREADS, total)):
            threading.Thread(target=work, daemon=True).start()
        results: dict[int, Any] = {}
        last = time.monotonic()
        for number in range(total):
            while number not in results:
                self._heed(time.monotonic() - last)
                with contextlib.suppress(queue.Empty):
                    place, result, error = came.get(timeout=POLL_S)
                    if error is not None:
                        raise error
                    results[place], last = result, time.monotonic()
            yield results.pop(number)


def _made(call: Callable[[Any], Any], given: Any) -> tuple[Any, BaseException | None]:
    try:
        return call(given), None
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits, who raises it
        return None, error
