"""Files that appear under their names only when they are complete."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from talkernel.errors import OutputExistsError, OutputNotWritableError

PART = ".part"  # stands in every temporary file's name
STEM = 40  # characters of the target's name in it; all of them might be too many


class AtomicFile:
    """Writes to a hidden file beside the target and moves it there at the end.

    Whatever stops the writer, the target is the old file, the whole new one, or absent.

    Args:
        target: Where the file is to appear.
        overwrite: Whether an existing file may be replaced.

    Attributes:
        temporary: The file to write to. Its name is this object's own and has the target's
            ending, because libraries choose the format by it.

    Raises:
        OutputExistsError: `target` exists and may not be replaced.
        OutputNotWritableError: No such folder, or no permission.
    """

    def __init__(self, target: str | os.PathLike[str], *, overwrite: bool) -> None:
        self._target = Path(os.path.abspath(target))
        self._name = os.fspath(target)
        self._overwrite = overwrite
        stem, suffix = self._target.stem[:STEM], self._target.suffix
        writer = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.temporary = self._target.with_name(f".{stem}.{writer}{PART}{suffix}")
        self._check()

    def publish(self) -> None:
        """Moves the finished file to its place in one step.

        Raises:
            OutputExistsError: A file of that name appeared in the meantime.
            OutputNotWritableError: The folder has become unwritable.
        """
        try:
            if self._overwrite:
                os.replace(self.temporary, self._target)
            else:
                self._publish_new()
        except FileExistsError as error:
            raise self._exists() from error
        except OSError as error:
            raise OutputNotWritableError(f"{self._name} cannot be written: {error}.") from error

    def discard(self) -> None:
        """Deletes what was written so far."""
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)

    def _publish_new(self) -> None:
        """A hard link fails if the name is taken, and makes the whole file appear at once."""
        try:
            os.link(self.temporary, self._target)
        except FileExistsError:
            raise
        except OSError:  # the file system has no hard links: FAT, some network folders
            self._claim_and_replace()
        else:
            self.discard()

    def _claim_and_replace(self) -> None:
        """Claim the name with an empty file. Killed right after that, the empty file remains."""
        self._target.open("xb").close()
        try:
            os.replace(self.temporary, self._target)
        except OSError:
            self._target.unlink()
            raise

    def _check(self) -> None:
        folder = self._target.parent
        if not folder.is_dir():
            raise OutputNotWritableError(f"{self._name}: there is no folder {folder}.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputNotWritableError(f"{self._name}: the folder {folder} is not writable.")
        if self._target.exists() and not self._target.is_file():
            raise OutputNotWritableError(f"{self._name} is not a regular file.")
        if os.path.lexists(self._target) and not self._overwrite:
            raise self._exists()

    def _exists(self) -> OutputExistsError:
        return OutputExistsError(f"{self._name} already exists.")


@contextmanager
def atomic_write(target: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[Path]:
    """Lend a temporary file to write to; it becomes `target` at the end.

    An exception leaves `target` as it was and deletes the temporary file.

    Args:
        target: The file to be; its folder exists.
        overwrite: Whether an existing file may be replaced.

    Yields:
        The temporary file; see `AtomicFile.temporary`.

    Raises:
        OutputExistsError: See `AtomicFile`.
        OutputNotWritableError: See `AtomicFile`.
    """
    file = AtomicFile(target, overwrite=overwrite)
    try:
        yield file.temporary
        file.publish()
    finally:
        file.discard()


def write_text(target: str | os.PathLike[str], text: str, *, overwrite: bool = True) -> None:
    """Write a text in UTF-8; see `atomic_write`."""
    with atomic_write(target, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_partials(folder: Path, pattern: str) -> None:
    """Delete temporary files that killed writers left; none may be writing now.

    Args:
        folder: Where the targets are.
        pattern: Glob pattern of the targets' stems, such as `train-*`.
    """
    for path in folder.glob(f".{pattern}.*{PART}*"):
        path.unlink(missing_ok=True)
