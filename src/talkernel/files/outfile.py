"""A file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from talkernel.errors import OutputExistsError, OutputNotWritableError


class OutFile:
    """Writes to a hidden file beside the target and moves it there at the end.

    Args:
        target: Where the file is to appear.
        overwrite: Whether an existing file may be replaced.

    Attributes:
        temporary: The file to write to; its name is this object's own.

    Raises:
        OutputExistsError: `target` exists and may not be replaced.
        OutputNotWritableError: No such folder, or no permission.
    """

    def __init__(self, target: str | os.PathLike[str], *, overwrite: bool) -> None:
        self._target = Path(os.path.abspath(target))
        self._name = os.fspath(target)
        self._overwrite = overwrite
        token = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.temporary = self._target.with_name(f".talkernel-{token}{self._target.suffix}")
        self._check()

    def publish(self) -> None:
        """Moves the finished file to its place in one step.

        Raises:
            OutputExistsError: A file of that name appeared in the meantime.
            OutputNotWritableError: The folder has become unwritable.
        """
        try:
            if not self._overwrite:
                # Claiming the name first is what keeps another job's file safe.
                self._target.open("xb").close()
            os.replace(self.temporary, self._target)
        except FileExistsError as error:
            raise self._exists() from error
        except OSError as error:
            raise OutputNotWritableError(f"{self._name} cannot be written: {error}.") from error

    def discard(self) -> None:
        """Deletes what was written so far."""
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)

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
