"""Runs a function over many items on this machine, in this process or in several.

The function must be idempotent. An item whose worker was killed is run again, and an item that
finished just before its worker was killed runs twice. So the function should first look for the
item's result, and publish the result by a single rename.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Protocol, TypeVar

from talkernel.threads import limit_worker, threads_per_worker

Item = TypeVar("Item")
Result = TypeVar("Result")
ATTEMPTS = 3  # at an item whose worker dies


@dataclass(frozen=True)
class Lost:
    """The outcome of an item that was given up: its worker died at every attempt."""

    reason: str = f"its worker was killed {ATTEMPTS} times, perhaps because memory ran out"


class Executor(Protocol):
    """Runs a function over items."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """Run the function over all items.

        Args:
            function: Idempotent, and defined at the top level of a module. An exception that it
                raises ends the run.
            items: Its arguments; they are pickled.

        Yields:
            Every item once with its result, in the order in which they finish.
        """


class InProcess:
    """Runs one item after the other, in the calling process."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Executor`."""
        for item in items:
            yield item, function(item)


class Processes:
    """Runs items in processes of this machine, which share its cores.

    Args:
        workers: Number of processes.

    Raises:
        OptionError: TALKERNEL_THREADS is not a whole number above zero.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.threads = threads_per_worker(workers)

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Executor`. Items whose worker died run again, each in a pool of its own."""
        waiting, suspects = list(items), list[Item]()
        while waiting:
            yield from self._round(function, waiting, suspects, self.workers)
        for suspect in suspects:
            yield from self._alone(function, suspect)

    def _alone(
        self, function: Callable[[Item], Result], item: Item
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """Run one item in its own process: if that dies, this item is the cause."""
        for _ in range(ATTEMPTS - 1):
            died: list[Item] = []
            yield from self._round(function, [item], died, 1)
            if not died:
                return
        yield item, Lost()

    def _round(
        self,
        function: Callable[[Item], Result],
        waiting: list[Item],
        died: list[Item],
        workers: int,
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """Run items until all are done or a worker dies; then move the running ones to `died`."""
        context = multiprocessing.get_context(
            "spawn"
        )  # forking a process with threads can deadlock
        pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=limit_worker, initargs=(self.threads,)
        )
        running: dict[Future[Result], Item] = {}
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    future = pool.submit(function, waiting[0])  # raises if a worker has died
                    running[future] = waiting.pop(0)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    result = future.result()
                    yield running.pop(future), result
        except BrokenProcessPool:
            died.extend(running.values())
        finally:
            pool.shutdown(cancel_futures=True)
