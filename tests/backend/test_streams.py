"""Threads keep the order, stay near their consumer, hand on errors, and end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from unclouded.backend.streams import DEPTH, Behind, ahead, side_by_side


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 100
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


def test_items_come_in_order_from_another_thread() -> None:
    makers: set[threading.Thread] = set()

    def items() -> Iterator[int]:
        for number in range(50):
            makers.add(threading.current_thread())
            yield number

    assert list(ahead(items)) == list(range(50))
    assert makers
    assert threading.current_thread() not in makers


def test_reading_does_not_run_far_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    stream = ahead(items)
    next(stream)
    time.sleep(0.3)
    assert len(made) <= DEPTH + 2
    stream.close()


def test_an_error_of_the_maker_reaches_the_consumer_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    stream = ahead(items)
    assert next(stream) == 1
    with pytest.raises(KeyError, match="broken"):
        next(stream)


def test_leaving_early_ends_the_maker_and_closes_what_it_opened() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    for _ in ahead(items):
        break

    assert closed.wait(5)


def test_several_threads_work_at_a_time_and_their_results_come_in_order() -> None:
    together = threading.Barrier(3, timeout=100)

    def work(number: int) -> int:
        together.wait()
        time.sleep(0.01 * (number % 3 == 0))
        return number * number

    assert list(side_by_side(range(9), work, 3)) == [number * number for number in range(9)]


def test_items_are_made_as_they_are_worked_on() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    stream = side_by_side(items(), lambda number: number, 2)
    next(stream)
    assert len(made) == 3
    stream.close()


def test_an_error_in_one_of_several_threads_comes_where_its_result_would() -> None:
    stream = side_by_side([4, 2, 0, 1], lambda number: 8 // number, 2)
    assert [next(stream), next(stream)] == [2, 4]
    with pytest.raises(ZeroDivisionError):
        next(stream)


def test_consumed_in_order_before_the_context_ends() -> None:
    got: list[int] = []
    with Behind(got.append) as behind:
        for number in range(20):
            behind.put(number)

    assert got == list(range(20))


def test_an_error_of_the_consumer_reaches_the_producer() -> None:
    def consume(_: int) -> None:
        raise OSError("disk full")

    def produce() -> None:
        with Behind(consume) as behind:
            for number in range(100):
                behind.put(number)

    with pytest.raises(OSError, match="disk full"):
        produce()


def test_an_error_at_the_last_item_is_not_lost() -> None:
    def consume(number: int) -> None:
        if number == 3:
            raise OSError("disk full")

    def produce() -> None:
        with Behind(consume) as behind:
            for number in range(4):
                behind.put(number)

    with pytest.raises(OSError, match="disk full"):
        produce()


def test_an_error_of_the_producer_is_not_hidden() -> None:
    def produce() -> None:
        with Behind(lambda _: None) as behind:
            behind.put(1)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        produce()
