"""Many items through one function: on processes of this machine, or on Ray.

The function must be idempotent: an item whose worker was killed is done again, and work that
had finished unseen is done twice. So it leaves its result under a name of the item's own, in
one step, and looks there first; then no item is lost and none counts double.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
TRIES = 3  # of an item whose worker died
AHEAD = 2  # items handed to Ray per core, so that none waits for the next


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
                    item = waiting.pop(0)
                    running[pool.submit(function, item)] = item
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    result = future.result()
                    yield running.pop(future), result
        except BrokenProcessPool:
            died.extend(running.values())
        finally:
            pool.shutdown(cancel_futures=True)


class RayCluster:
    """A Ray cluster; its machines have Talkernel installed and see the same files.

    Args:
        address: See `executor`.
        workers: Cores of a cluster started here.
    """

    def __init__(self, address: str, workers: int) -> None:
        self.address, self.workers = address, workers

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Executor`. Ray itself does an item again whose worker or machine died."""
        import ray

        started_here = not ray.is_initialized() and self._start()
        try:
            yield from _on_ray(function, list(items))
        finally:
            if started_here:
                ray.shutdown()

    def _start(self) -> bool:
        import ray

        if self.address == "local":
            ray.init(num_cpus=self.workers, include_dashboard=False, logging_level=logging.WARNING,
                     object_store_memory=100_000_000)  # fmt: skip
        else:
            ray.init(address=self.address, logging_level=logging.WARNING)
        return True


def _on_ray(
    function: Callable[[Item], Result], waiting: list[Item]
) -> Iterator[tuple[Item, Result | Lost]]:
    import ray

    remote = ray.remote(num_cpus=1, max_retries=TRIES - 1)(function)
    room = AHEAD * max(1, int(_resources().get("CPU", 1)))
    running: dict[Any, Item] = {}
    while waiting or running:
        while waiting and len(running) < room:
            item = waiting.pop(0)
            running[remote.remote(item)] = item
        for reference in ray.wait(list(running))[0]:
            try:
                result: Result | Lost = ray.get(reference)
            except _deaths():
                result = Lost()
            yield running.pop(reference), result


def _resources() -> dict[str, float]:
    import ray

    known: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return known


def _deaths() -> tuple[type[Exception], ...]:
    """What Ray raises when an item's last worker is gone."""
    from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError

    return NodeDiedError, OutOfMemoryError, WorkerCrashedError
