"""`talkernel study new`: a study's folder, whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from talkernel.errors import (
    MissingFileError,
    OptionError,
    OutputExistsError,
    OutputNotWritableError,
    TalkernelError,
)
from talkernel.study.attention import break_video
from talkernel.study.browser_video import Checked, check, publish
from talkernel.study.database import create_database
from talkernel.study.find import match_videos, refuse
from talkernel.study.manifest import BROKEN, PROPER, VIDEOS, Group, Manifest
from talkernel.study.questions import CONSENT

REAL = "real"
UNEQUAL = 0.2  # seconds of difference that are worth a word
Progress = Callable[[int, int], None]
Inputs = dict[str, dict[str, Checked]]  # by input and system


@dataclass(frozen=True)
class Design:
    """What the maker of a study decides.

    Attributes:
        groups_per_rater: As many as there are when fewer.
        checks: Attention checks that each rater sees.
        seed: Of all that is drawn, but for the videos' names.
        consent: What raters agree to.
    """

    groups_per_rater: int = 20
    checks: int = 2
    seed: int = 0
    consent: str = CONSENT


def new_study(
    out: Path,
    systems: Mapping[str, Path],
    design: Design,
    *,
    real: Path | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Make a study's folder: manifest, videos under names that tell nothing, database.

    Args:
        out: The folder; it must not exist, or be empty.
        systems: Each system's folder of videos.
        design: See `Design`.
        real: Folder of the real videos, shown among the systems' as one more.
        progress: Called with videos read and in all.

    Raises:
        OptionError: Fewer than two videos to choose from, or a system is called `real`.
        OutputExistsError: The folder holds something.
        StudyVideosError: Videos are missing or damaged.
    """
    folders = _folders(systems, real)
    _refuse_existing(out)
    inputs = _check_all(match_videos(folders), progress)
    with _appearing(out) as partial:
        manifest = _Maker(partial, Random(design.seed)).make(list(folders), inputs, design)
        manifest.write(partial)
        create_database(partial)
    return manifest


def read_consent(path: Path | None) -> str:
    """The text that raters agree to; ours where no file is given.

    Raises:
        MissingFileError: The file cannot be read, or is no text in UTF-8.
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
    """Decode everything, so that no rater is the first to meet a damaged video."""
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


class _Maker:
    """Fills a study's folder.

    Args:
        folder: The folder.
        rng: Draws what the checks are made of.
    """

    def __init__(self, folder: Path, rng: Random) -> None:
        self._videos, self._rng = folder / VIDEOS, rng
        self._videos.mkdir()

    def make(self, systems: list[str], inputs: Inputs, design: Design) -> Manifest:
        """Publish all videos and make the checks."""
        groups = [self._group(name, videos) for name, videos in inputs.items()]
        checks = [self._check(groups, inputs, systems) for _ in range(design.checks)]
        every = [video for videos in inputs.values() for video in videos.values()]
        return Manifest(
            systems=systems,
            groups=groups + checks,
            groups_per_rater=min(design.groups_per_rater, len(groups)),
            seed=design.seed,
            consent=design.consent,
            encoded=[str(video.path) for video in every if not video.plays],
            unequal=[name for name, videos in inputs.items() if _unequal(videos.values())],
        )

    def _group(self, name: str, videos: Mapping[str, Checked]) -> Group:
        return Group(_token(), name, {self._publish(v): system for system, v in videos.items()})

    def _check(self, groups: Sequence[Group], inputs: Inputs, systems: list[str]) -> Group:
        """One video, real if there are real ones, beside broken copies of itself."""
        group = self._rng.choice(groups)
        system = REAL if REAL in systems else self._rng.choice(systems)
        good = inputs[group.source][system]
        shown = {self._publish(good): PROPER}
        for _ in systems[1:]:
            shown[self._broken(good, self._videos / next(iter(shown)))] = BROKEN
        return Group(_token(), group.source, shown, is_check=True)

    def _broken(self, good: Checked, published: Path) -> str:
        between = self._videos / "broken.mp4"
        break_video(published, between, good.frames, self._rng)
        name = self._publish(Checked(between, good.frames, good.seconds))
        between.unlink()
        return name

    def _publish(self, video: Checked) -> str:
        name = f"{_token()}.mp4"
        publish(video, self._videos / name)
        return name


def _token() -> str:
    return secrets.token_hex(16)  # not from the seed, which is no secret


def _unequal(videos: Iterable[Checked]) -> bool:
    seconds = [video.seconds for video in videos]
    return max(seconds) - min(seconds) > UNEQUAL


def _refuse_existing(out: Path) -> None:
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        remedy = "Give another folder; what is there is never overwritten."
        raise OutputExistsError(f"{out} already exists.", remedy=remedy)


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its name when all went well, else is deleted."""
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
