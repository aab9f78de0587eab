"""Threads between stages: order, errors, early ends, and the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import cv2
import pytest

from talkernel.pipeline.threads import Prefetcher, StageClock, opencv_on_one_thread


def test_items_come_in_order_and_ahead() -> None:
    assert list(Prefetcher(range(100), 3)) == list(range(100))


def test_an_error_reaches_the_consumer_after_the_items_before_it() -> None:
    workers: list[threading.Thread] = []

    def items() -> Iterator[int]:
        workers.append(threading.current_thread())
        yield 1
        raise ValueError("broken")

    got: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        for item in Prefetcher(items(), 2):
            got.append(item)
    assert got == [1]
    assert workers[0] is not threading.current_thread() and not workers[0].is_alive()


def test_a_consumer_that_leaves_ends_the_thread_and_closes_the_source() -> None:
    closed = threading.Event()
    workers: list[threading.Thread] = []

    def items() -> Iterator[int]:
        workers.append(threading.current_thread())
        try:
            yield from range(10**9)
        finally:
            closed.set()

    for item in (staged := Prefetcher(items(), 2)):
        if item == 3:
            break
    staged.close()
    assert closed.is_set() and not workers[0].is_alive()


def test_a_producer_waits_for_a_slow_consumer() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            yield i

    staged = Prefetcher(items(), 2)
    next(staged)
    time.sleep(0.3)
    assert len(made) <= 5
    assert list(staged) == list(range(1, 50))


def test_the_first_items_are_made_before_anybody_asks() -> None:
    made = threading.Event()
    staged = Prefetcher((made.set() for _ in range(3)), 1)
    assert made.wait(2.0) and list(staged) == [None] * 3 and list(staged) == []


def test_clock_times_the_making_not_the_use() -> None:
    clock = StageClock()
    for _ in clock.each("make", range(5)):
        time.sleep(0.02)
    with clock("block"):
        time.sleep(0.05)
    per_frame = clock.mean_ms(5)
    assert per_frame["make"] < 4.0 and per_frame["block"] >= 9.0


def test_opencv_has_its_threads_back_when_a_job_is_over() -> None:
    cv2.setNumThreads(2)
    with pytest.raises(ZeroDivisionError), opencv_on_one_thread():
        assert cv2.getNumThreads() == 1
        1 / 0  # noqa: B018
    assert cv2.getNumThreads() == 2
