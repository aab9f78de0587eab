"""`talkernel study new`: creates a study's folder, completely or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

from talkernel.errors import (
    MissingFileError,
    OptionError,
    OutputExistsError,
    OutputNotWritableError,
    TalkernelError,
)
from talkernel.lab.study.browser_video import check
from talkernel.lab.study.database import create_database
from talkernel.lab.study.fill import REAL, Design, Filler, Inputs
from talkernel.lab.study.find import match_videos, refuse
from talkernel.lab.study.manifest import Manifest
from talkernel.lab.study.questions import CONSENT

Progress = Callable[[int, int], None]


def new_study(
    out: Path,
    systems: Mapping[str, Path],
    design: Design,
    *,
    real: Path | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Create a study's folder: manifest, videos under random names, database.

    Args:
        out: The folder; it must not exist, or be empty.
        systems: Each system's folder of videos.
        design: See `Design`.
        real: Folder of the real videos, shown as one more system.
        progress: Called with the number of videos read and the total.

    Raises:
        OptionError: Fewer than two videos to choose from, or a system is called `real`.
        OutputExistsError: The folder is not empty.
        DataError: Videos are missing or damaged.
    """
    folders = _folders(systems, real)
    _refuse_existing(out)
    inputs = _check_all(match_videos(folders), progress)
    with _appearing(out) as partial:
        manifest = Filler(partial, Random(design.seed)).fill(list(folders), inputs, design)
        manifest.write(partial)
        create_database(partial)
    return manifest


def read_consent(path: Path | None) -> str:
    """The text that raters agree to; the default where no file is given.

    Raises:
        MissingFileError: The file cannot be read, or is not UTF-8 text.
        OptionError: It is empty.
    """
    if path is None:
        return CONSENT
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MissingFileError(f"{path} cannot be read: {error}.") from None
    if not text:
        raise OptionError(f"{path} is empty.", remedy="Write into it what raters agree to.")
    return text


def _folders(systems: Mapping[str, Path], real: Path | None) -> dict[str, Path]:
    if REAL in systems:
        raise OptionError(f"No system may be called {REAL}.", remedy="Give the folder as --real.")
    folders = {**systems, **({REAL: real} if real else {})}
    if len(folders) < 2:
        remedy = "Give --system at least twice, or --real with it."
        raise OptionError("There is only one system: nothing to choose from.", remedy=remedy)
    return folders


def _check_all(matched: dict[str, dict[str, Path]], progress: Progress | None) -> Inputs:
    """Decode every video, so that no rater gets a damaged one."""
    inputs: Inputs = {name: {} for name in matched}
    faults, total = [], sum(len(files) for files in matched.values())
    every = [(name, one, path) for name, files in matched.items() for one, path in files.items()]
    for number, (name, system, path) in enumerate(every):
        try:
            inputs[name][system] = check(path)
        except TalkernelError as error:
            faults.append(str(error).removesuffix("."))
        if progress is not None:
            progress(number + 1, total)
    refuse(faults)
    return inputs


def _refuse_existing(out: Path) -> None:
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        remedy = "Give another folder; what is there is never overwritten."
        raise OutputExistsError(f"{out} already exists.", remedy=remedy)


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out`, renamed to it on success and deleted on failure."""
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.absolute().parent))
    except OSError as error:
        raise OutputNotWritableError(f"{out} cannot be made: {error}.") from None
    try:
        yield partial
        _refuse_existing(out)
        partial.chmod(0o755)
        os.rename(partial, out.absolute())
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
