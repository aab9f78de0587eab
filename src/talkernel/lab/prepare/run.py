"""`talkernel prepare`, from start to end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from talkernel.errors import NoTracksError, PreparedOtherwiseError
from talkernel.files.atomic import write_text
from talkernel.files.lock import folder_lock
from talkernel.lab.prepare.corpus import remove_stored, remove_strays, write_index, write_shards
from talkernel.lab.prepare.curves import Listen, curves_of
from talkernel.lab.prepare.report import PrepareReport
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.settle import read_verdicts, settle, write_verdicts
from talkernel.lab.prepare.videos import find_videos
from talkernel.lab.prepare.work import PART, VideoTask, read_result, work_on
from talkernel.lab.prepare.write_report import write_report
from talkernel.workers.executor import Lost, executor

Progress = Callable[[int, int], None]


def prepare(
    videos: Sequence[Path],
    out: Path,
    settings: Settings | None = None,
    *,
    workers: int = 1,
    ray_address: str | None = None,
    progress: Progress | None = None,
) -> PrepareReport:
    """Make training tracks of raw videos.

    Killed at any moment and started again, it goes on; with nothing new it changes nothing;
    with more videos it adds theirs, and leaves earlier tracks and people where they are.

    Args:
        videos: Files and folders of files, of any kind, rate and number of people.
        out: Folder for shards, index, report and contact sheet, made if need be.
        settings: The quality gates; the defaults when omitted.
        workers: Processes.
        ray_address: See `talkernel.workers.executor.executor`.
        progress: Called with what is done and in all: videos, and then tracks that are listened to.

    Returns:
        What was kept and dropped, of all videos in the folder.

    Raises:
        NoVideosError: Nothing to look at.
        NoTracksError: Nothing was kept; the report says why.
        PreparedOtherwiseError: `out` was made with other settings.
        InUseError: Another run is at it.
    """
    found, chosen = find_videos(videos), settings or Settings()
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    with folder_lock(out):
        _same_settings(out, chosen)
        _remove_parts(work)
        tasks = [VideoTask(video, work, chosen) for video in found]
        lost = list(_look_at(tasks, workers, ray_address, progress))
        _remove_parts(work)
        listen = partial(
            curves_of, out, workers=workers, ray_address=ray_address, progress=progress
        )
        report = _settle_all(out, chosen, lost, listen)
    if not report.kept:
        raise NoTracksError(f"None of {len(found)} videos gave a track ({out}/report.md).")
    return report


def _look_at(
    tasks: Sequence[VideoTask], workers: int, ray_address: str | None, progress: Progress | None
) -> Iterator[tuple[str, str]]:
    """Look at every video; yields those that no worker survived, and why."""
    outcomes = executor(workers, ray_address).map(work_on, tasks)
    for done, (task, outcome) in enumerate(outcomes, 1):
        if progress is not None:
            progress(done, len(tasks))
        if isinstance(outcome, Lost):
            yield str(task.video), outcome.reason


def _settle_all(
    out: Path, settings: Settings, lost: list[tuple[str, str]], listen: Listen
) -> PrepareReport:
    keys = sorted(path.name for path in (out / "work").iterdir() if not path.name.startswith("."))
    results = [read_result(out / "work", key) for key in keys]
    earlier = read_verdicts(out)
    remove_strays(out, earlier)
    new, method = settle(out, results, earlier, settings, listen)
    verdicts = write_shards(out, results, earlier | new)
    write_verdicts(out, verdicts)
    write_index(out, results, verdicts)
    remove_stored(out, results)
    return write_report(out, results, verdicts, settings, method, lost)


def _remove_parts(work: Path) -> None:
    """Delete what killed workers left half done."""
    for part in work.glob(f"{PART}*"):
        shutil.rmtree(part)


def _same_settings(out: Path, settings: Settings) -> None:
    path = out / "settings.json"
    if not path.exists():
        write_text(path, settings.to_json())
    elif path.read_text() != settings.to_json():
        raise PreparedOtherwiseError(f"{out} was prepared with other settings ({path}).")
