"""One run at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from talkernel.errors import OutputError


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder; the system lets go of it when the process ends, however it ends.

    Raises:
        OutputError: Another process holds it.
    """
    try:
        held = FileLock(folder / ".lock").acquire(blocking=False)
    except Timeout:
        raise OutputError(
            f"Another run is at work in {folder}.",
            remedy="Wait for it to end, or give another --out.",
        ) from None
    with held:
        yield
