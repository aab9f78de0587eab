"""How many CPU threads one process may use.

Several workers on one machine would otherwise each start a thread per core, and slow each other
down. The limit travels in the environment variable TALKERNEL_THREADS, which users may set too.
"""

from __future__ import annotations

import os

from talkernel.errors import OptionError

VARIABLE = "TALKERNEL_THREADS"
MOST_THREADS = 1024  # FFmpeg refuses absurd numbers with a misleading message
# Read when each library is loaded: BLAS and OpenMP pools, then OpenCV's.
_POOLS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)


def thread_limit() -> int | None:
    """Threads that each library in this process may use; None: no limit.

    Raises:
        OptionError: TALKERNEL_THREADS is not a whole number above zero.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    digits = text.isascii() and text.isdigit() and len(text) < 6
    if not (digits and 0 < int(text) <= MOST_THREADS):
        raise OptionError(
            f"The environment variable {VARIABLE} is {text!r}, not a number of threads.",
            remedy=f"Set it to a whole number from 1 to {MOST_THREADS}, or unset it.",
        )
    return int(text)


def available_cores() -> int:
    """CPU cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_per_worker(workers: int) -> int:
    """Threads for each of several workers: the user's limit, or an equal part of the cores.

    Raises:
        OptionError: TALKERNEL_THREADS is not a whole number above zero.
    """
    return thread_limit() or max(1, available_cores() // workers)


def worker_environment(threads: int) -> dict[str, str]:
    """Environment variables that limit a worker process.

    Args:
        threads: The limit of each library. Pools that the user has limited already keep their own.
    """
    pools = {name: os.environ.get(name, str(threads)) for name in _POOLS}
    return pools | {VARIABLE: str(threads)}


def limit_worker(threads: int) -> None:
    """Limit this process. Call it before any numeric library is loaded."""
    os.environ.update(worker_environment(threads))
