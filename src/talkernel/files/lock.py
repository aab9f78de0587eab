"""One run at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from talkernel.errors import InUseError


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder; the system lets go of it when the process ends, however it ends.

    Raises:
        InUseError: Another process holds it.
    """
    try:
        held = FileLock(folder / ".lock").acquire(blocking=False)
    except Timeout:
        raise InUseError(f"Another run is at work in {folder}.") from None
    with held:
        yield
