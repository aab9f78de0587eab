"""Stages on threads of their own, joined by short queues, each on the clock."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from typing import TypeVar

import cv2

T = TypeVar("T")
POLL = 0.1  # seconds between looks whether the other side has gone


class StageClock:
    """Adds up the time spent in each named stage; a stage belongs to one thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time a block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - started

    def each(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """Time the making of each item, not its use."""
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
    """How many jobs want OpenCV on one thread, and what it had before the first."""

    def __init__(self) -> None:
        self.lock, self.users, self.before = threading.Lock(), 0, 0

    def enter(self) -> None:
        with self.lock:
            self.users += 1
            if self.users == 1:
                self.before = cv2.getNumThreads()
                cv2.setNumThreads(1)

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                cv2.setNumThreads(self.before)


_ONE_THREAD = _OneThread()


@contextmanager
def opencv_on_one_thread() -> Iterator[None]:
    """Let OpenCV compute in the thread that calls it, while any job runs.

    The stages keep the cores busy, and its own threads would vie with them. The number of
    threads is the process's own: the last of several jobs gives it back.
    """
    _ONE_THREAD.enter()
    try:
        yield
    finally:
        _ONE_THREAD.leave()


class Prefetcher(Iterator[T]):
    """Items made in a thread of its own, which begins at once, a few ahead of the consumer.

    An exception in the thread is raised in the consumer, after the items before it. A consumer
    that leaves early says so by `close`.

    Args:
        items: What to iterate over; closed at the end where it can be.
        ahead: How many finished items may wait.
    """

    def __init__(self, items: Iterable[T], ahead: int) -> None:
        self._error: BaseException | None = None
        self._queue: Queue[object] = Queue(ahead)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(items,), daemon=True)
        self._thread.start()

    def __next__(self) -> T:
        """The next item, as soon as it is there."""
        item = self._take()
        if item is not _END:
            return item  # type: ignore[return-value]
        self.close()
        raise StopIteration if self._error is None else self._error

    def close(self) -> None:
        """Tell the thread to end, and wait for it."""
        self._left.set()
        self._thread.join()

    def _take(self) -> object:
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
        except BaseException as error:  # handed to the consumer, not lost
            self._error = error
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
            self._put(_END)

    def _put(self, item: object) -> bool:
        while not self._left.is_set():
            try:
                self._queue.put(item, timeout=POLL)
                return True
            except Full:
                continue
        return False
