"""Files that bear their names only once they are complete, whatever stops the writer."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Lend a name beside `path` to write to; what is there at the end replaces `path`.

    An exception leaves `path` as it was and nothing else; a killed writer leaves a hidden file
    that the next one overwrites. Two writers at a time need names of their own.

    Args:
        path: The file to be; its folder is there.

    Yields:
        The name lent, with the same ending: libraries choose the format by it.
    """
    partial = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text, UTF-8, all of it or nothing."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_text_apart(path: Path, text: str) -> None:
    """Likewise where another process may be writing the same: each under a name of its own."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
