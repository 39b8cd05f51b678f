"""Threads that wait for a server keep nobody waiting."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from unclouded.backend.catalogue.threads import THREADS, Threads

NEVER_ENDING = """
import sys, threading
from unclouded.backend.catalogue.threads import Threads

def heed(silent_s):
    if silent_s > 0.2:
        sys.exit(7)

with Threads(heed) as threads:
    list(threads.map(lambda _: threading.Event().wait(), range(20)))
"""


def test_results_come_in_order_whichever_is_first() -> None:
    first = threading.Event()

    def call(number: int) -> int:
        if number == 0:
            first.wait()
        if number == 1:
            first.set()
        return number * number

    with Threads(lambda _: None) as threads:
        assert list(threads.map(call, range(100))) == [number * number for number in range(100)]
        assert list(threads.map(call, [])) == []


def test_as_many_are_called_at_once_as_there_are_threads() -> None:
    together, running, most = threading.Barrier(THREADS), [], []

    def call(number: int) -> None:
        running.append(number)
        together.wait()
        most.append(len(running))
        together.wait()
        running.remove(number)

    with Threads(lambda _: None) as threads:
        list(threads.map(call, range(3 * THREADS)))
    assert max(most) == THREADS


def test_an_error_comes_before_others_have_ended() -> None:
    never = threading.Event()

    def call(number: int) -> None:
        if number == 5:
            raise ValueError("five")
        never.wait()

    with pytest.raises(ValueError, match="five"), Threads(lambda _: None) as threads:
        list(threads.map(call, range(6)))
    never.set()


def test_a_process_ends_while_its_calls_never_do() -> None:
    done = subprocess.run([sys.executable, "-I", "-c", NEVER_ENDING], timeout=120, check=False)
    assert done.returncode == 7
