"""Chooses where many items run: in this process, in others, or on Ray."""

from __future__ import annotations

from talkernel.workers.local import Executor, InProcess, Processes


def executor(workers: int, ray_address: str | None = None) -> Executor:
    """The executor for a number of workers.

    Args:
        workers: Number of processes; 1 without Ray: run in the calling process.
        ray_address: A Ray cluster, such as `auto` or `ray://host:10001`; `local` starts one
            on this machine for this job, with `workers` cores.

    Raises:
        OptionError: TALKERNEL_THREADS is not a whole number above zero.
    """
    if ray_address is not None:
        from talkernel.workers.ray import RayCluster

        return RayCluster(ray_address, workers)
    return Processes(workers) if workers > 1 else InProcess()
