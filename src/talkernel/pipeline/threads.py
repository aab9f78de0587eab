"""Threads for pipeline stages: prefetching through a queue, and timing."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from typing import TypeVar

import cv2
from threadpoolctl import threadpool_limits

T = TypeVar("T")
POLL = 0.1  # seconds between checks whether the other side has ended


class StageClock:
    """Adds up the time spent in each named stage. A stage belongs to one thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Measure a block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - started

    def each(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """Measure how long it takes to produce each item, not to use it."""
        iterator = iter(items)
        while True:
            with self(stage):
                item = next(iterator, _END)
            if item is _END:
                return
            yield item  # type: ignore[misc]

    def mean_ms(self, frames: int) -> dict[str, float]:
        """Milliseconds per frame of each stage."""
        return {stage: 1000.0 * total / max(1, frames) for stage, total in self.seconds.items()}


_END = object()


class _OneThread:
    """Counts the users of `libraries_on_one_thread`; the last one restores what was before."""

    def __init__(self) -> None:
        self.lock, self.users, self.opencv = threading.Lock(), 0, 0
        self.blas: threadpool_limits | None = None

    def enter(self) -> None:
        with self.lock:
            self.users += 1
            if self.users == 1:
                self.opencv = cv2.getNumThreads()
                cv2.setNumThreads(1)
                self.blas = threadpool_limits(1, user_api="blas")

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users and self.blas is not None:
                cv2.setNumThreads(self.opencv)
                self.blas.restore_original_limits()


_ONE_THREAD = _OneThread()


@contextmanager
def libraries_on_one_thread() -> Iterator[None]:
    """Run OpenCV and BLAS without threads of their own while any job runs.

    The stages already keep the cores busy, and the libraries' threads would compete with them;
    those of OpenBLAS also spin while they wait. The number of threads applies to the whole
    process, so it is restored when the last job leaves.
    """
    _ONE_THREAD.enter()
    try:
        yield
    finally:
        _ONE_THREAD.leave()


class Prefetcher(Iterator[T]):
    """Iterates in a background thread, which starts at once and runs a few items ahead.

    An exception in the thread is raised in the consumer, after the items before it. A consumer
    that stops early must call `close`.

    Args:
        items: What to iterate over; its `close` method is called at the end, if it has one.
        ahead: How many finished items may wait.
    """

    def __init__(self, items: Iterable[T], ahead: int) -> None:
        self._error: BaseException | None = None
        self._queue: Queue[object] = Queue(ahead)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(items,), daemon=True)
        self._thread.start()

    def __next__(self) -> T:
        """The next item; waits until it is ready."""
        item = self._get()
        if item is not _END:
            return item  # type: ignore[return-value]
        self.close()
        raise StopIteration if self._error is None else self._error

    def close(self) -> None:
        """Stop the thread and wait until it has ended."""
        self._closed.set()
        self._thread.join()

    def _get(self) -> object:
        while True:
            try:
                return self._queue.get(timeout=POLL)
            except Empty:
                if not self._thread.is_alive() and self._queue.empty():
                    return _END

    def _work(self, items: Iterable[T]) -> None:
        try:
            for item in items:
                if not self._put(item):
                    return
        except BaseException as error:  # raised in the consumer
            self._error = error
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
            self._put(_END)

    def _put(self, item: object) -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=POLL)
                return True
            except Full:
                continue
        return False
