"""Many items through one function on Ray: the same code on a laptop and a cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from talkernel.workers.executor import TRIES, Item, Lost, Result

AHEAD = 2  # items handed to Ray per core, so that none waits for the next


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
            ray.init(
                num_cpus=self.workers,
                include_dashboard=False,
                logging_level=logging.WARNING,
                object_store_memory=100_000_000,
            )
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
            reference = remote.remote(waiting[0])
            running[reference] = waiting.pop(0)
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
