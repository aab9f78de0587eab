"""One run at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talkernel.errors import InUseError


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder; the system lets go of it when the process ends, however it ends.

    Raises:
        InUseError: Another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows: the user keeps runs apart
        yield
        return
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(f"Another run is at work in {folder}.") from None
        yield
