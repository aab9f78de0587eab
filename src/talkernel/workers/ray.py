"""Runs a function over many items on Ray, on one machine or a cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from talkernel.threads import thread_limit, threads_per_worker, worker_environment
from talkernel.workers.local import ATTEMPTS, Item, Lost, Result

QUEUED_PER_CORE = 2  # items submitted per core, so that no core waits for its next item


class RayCluster:
    """A Ray cluster. Its machines need Talkernel, and the files under the same paths.

    Args:
        address: See `executor`.
        workers: Cores of a cluster that is started on this machine.

    Raises:
        OptionError: TALKERNEL_THREADS is not a whole number above zero.
    """

    def __init__(self, address: str, workers: int) -> None:
        self.address, self.workers = address, workers
        # A cluster runs one item per core; a local one has `workers` items for all cores.
        self.threads = threads_per_worker(workers) if address == "local" else thread_limit() or 1

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Executor`. Ray itself repeats an item whose worker or machine died."""
        import ray

        started_here = not ray.is_initialized() and self._start()
        try:
            yield from _on_ray(function, list(items), self.threads)
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
    function: Callable[[Item], Result], waiting: list[Item], threads: int
) -> Iterator[tuple[Item, Result | Lost]]:
    import ray

    remote = ray.remote(
        num_cpus=1, max_retries=ATTEMPTS - 1, runtime_env={"env_vars": worker_environment(threads)}
    )(function)
    most = QUEUED_PER_CORE * max(1, int(_resources().get("CPU", 1)))
    running: dict[Any, Item] = {}
    while waiting or running:
        while waiting and len(running) < most:
            reference = remote.remote(waiting[0])
            running[reference] = waiting.pop(0)
        for reference in ray.wait(list(running))[0]:
            try:
                result: Result | Lost = ray.get(reference)
            except _death_errors():
                result = Lost()
            yield running.pop(reference), result


def _resources() -> dict[str, float]:
    import ray

    known: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return known


def _death_errors() -> tuple[type[Exception], ...]:
    """What Ray raises when an item's worker died at the last attempt."""
    from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError

    return NodeDiedError, OutOfMemoryError, WorkerCrashedError
