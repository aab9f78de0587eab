"""Many items through one function: on processes of this machine, or on Ray.

The function must be idempotent: an item whose worker was killed is done again, and work that
had finished unseen is done twice. So it leaves its result under a name of the item's own, in
one step, and looks there first; then no item is lost and none counts double.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
TRIES = 3  # of an item whose worker died


@dataclass(frozen=True)
class Lost:
    """An item that no worker survived."""

    reason: str = f"its worker was killed {TRIES} times, perhaps for want of memory"


class Executor(Protocol):
    """Runs a function over items."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """Every item once with its result, in the order in which they finish.

        Args:
            function: Defined in a module, idempotent; it raises nothing but bugs.
            items: What to give it; they travel between processes.
        """


def executor(workers: int, ray_address: str | None = None) -> Executor:
    """What to run on.

    Args:
        workers: Processes; with 1 and no Ray, the caller's own does it.
        ray_address: A Ray cluster, such as `auto` or `ray://host:10001`; `local` starts one
            here for this job, with `workers` cores.
    """
    if ray_address is not None:
        from talkernel.workers.ray import RayCluster

        return RayCluster(ray_address, workers)
    return Processes(workers) if workers > 1 else Here()


class Here:
    """One item after the other, in this process."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Executor`."""
        for item in items:
            yield item, function(item)


class Processes:
    """Processes of this machine.

    Args:
        workers: How many.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Executor`. Items whose worker died are tried again, each by itself."""
        waiting, suspects = list(items), list[Item]()
        while waiting:
            yield from self._round(function, waiting, suspects, self.workers)
        for suspect in suspects:
            yield from self._alone(function, suspect)

    def _alone(
        self, function: Callable[[Item], Result], item: Item
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """In a process of its own, so that it alone is to blame if that dies."""
        for _ in range(TRIES - 1):
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
        """Until all is done or a worker dies, which moves those under way to `died`."""
        context = multiprocessing.get_context("spawn")  # threads do not survive a fork
        pool = ProcessPoolExecutor(workers, mp_context=context)
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
