"""Prefetching threads, the clock, and OpenCV's number of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from talkernel.media import PixelLayout
from talkernel.media.photo import PhotoSource
from talkernel.pipeline.job import queue_length
from talkernel.pipeline.threads import Prefetcher, StageClock, libraries_on_one_thread


def test_items_come_in_order() -> None:
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


def test_closing_early_ends_the_thread_and_closes_the_source() -> None:
    closed = threading.Event()
    workers: list[threading.Thread] = []

    def items() -> Iterator[int]:
        workers.append(threading.current_thread())
        try:
            yield from range(10**9)
        finally:
            closed.set()

    for item in (prefetched := Prefetcher(items(), 2)):
        if item == 3:
            break
    prefetched.close()
    assert closed.is_set() and not workers[0].is_alive()


def test_a_producer_waits_for_a_slow_consumer() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            yield i

    prefetched = Prefetcher(items(), 2)
    next(prefetched)
    time.sleep(0.3)
    assert len(made) <= 5
    assert list(prefetched) == list(range(1, 50))


def test_the_first_items_are_produced_before_they_are_requested() -> None:
    made = threading.Event()
    prefetched = Prefetcher((made.set() for _ in range(3)), 1)
    assert made.wait(2.0) and list(prefetched) == [None] * 3 and list(prefetched) == []


def test_the_clock_measures_production_not_use() -> None:
    clock = StageClock()
    for _ in clock.each("make", range(5)):
        time.sleep(0.02)
    with clock("block"):
        time.sleep(0.05)
    per_frame = clock.mean_ms(5)
    assert per_frame["make"] < 4.0 and per_frame["block"] >= 9.0


def test_opencv_has_its_threads_back_after_an_error() -> None:
    cv2.setNumThreads(2)
    with pytest.raises(ZeroDivisionError), libraries_on_one_thread():
        assert cv2.getNumThreads() == 1
        1 / 0  # noqa: B018
    assert cv2.getNumThreads() == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_last_of_two_overlapping_users_restores_opencvs_threads(order: tuple[int, int]) -> None:
    cv2.setNumThreads(2)
    users = libraries_on_one_thread(), libraries_on_one_thread()
    for user in users:
        user.__enter__()
    for number, expected in zip(order, (1, 2), strict=True):
        users[number].__exit__(None, None, None)
        assert cv2.getNumThreads() == expected


def test_blas_computes_on_one_thread_while_a_job_runs() -> None:
    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    before = threads()
    assert before
    with libraries_on_one_thread():
        assert threads() == {1}
    assert threads() == before


@pytest.mark.parametrize(
    ("size", "frames"), [((1280, 720), 8), ((1920, 1080), 5), ((3840, 2160), 2)]
)
def test_queues_of_large_frames_are_short(size: tuple[int, int], frames: int) -> None:
    rgb = np.zeros((*size[::-1], 3), np.uint8)
    source = PhotoSource("face.png", rgb, Fraction(25))
    source.layout = PixelLayout("yuv420p")
    assert queue_length(source) == frames
