"""`talkernel prepare`: processes all videos, then decides which tracks the set keeps."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from talkernel.errors import DataError, PreparedOtherwiseError
from talkernel.files.atomic import write_text
from talkernel.files.lock import folder_lock
from talkernel.lab.prepare.corpus import remove_stored, remove_strays, write_index, write_shards
from talkernel.lab.prepare.curves import CurvesOf, curves_of
from talkernel.lab.prepare.report import PrepareReport
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.settle import read_verdicts, settle, write_verdicts
from talkernel.lab.prepare.videos import find_videos
from talkernel.lab.prepare.work import PART, VideoTask, read_result, work_on
from talkernel.lab.prepare.write_report import write_report
from talkernel.workers.choose import executor
from talkernel.workers.local import Lost

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
    """Turn raw videos into training tracks.

    A run that was killed continues when it is started again. A run without new videos changes
    nothing. New videos add tracks; earlier tracks, people and splits stay as they are.

    Args:
        videos: Video files and folders, with any frame rate and any number of people.
        out: Folder for shards, index, report and contact sheet; created if missing.
        settings: The quality gates; the defaults if omitted.
        workers: Processes.
        ray_address: See `talkernel.workers.local.executor`.
        progress: Called with the number done and the total: first of videos, then of tracks
            whose sync is measured.

    Returns:
        What was kept and dropped, over all videos in the folder.

    Raises:
        DataError: There are no videos, or no track was kept; the report says why.
        PreparedOtherwiseError: `out` was made with other settings.
        OutputError: Another run is using `out`.
    """
    found, chosen = find_videos(videos), settings or Settings()
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    with folder_lock(out):
        _same_settings(out, chosen)
        _remove_parts(work)
        tasks = [VideoTask(video, work, chosen) for video in found]
        lost = list(_process(tasks, workers, ray_address, progress))
        _remove_parts(work)
        curves = partial(
            curves_of, out, workers=workers, ray_address=ray_address, progress=progress
        )
        report = _settle_all(out, chosen, lost, curves)
    if not report.kept:
        raise DataError(
            f"None of {len(found)} videos gave a track ({out}/report.md).",
            remedy="The report says what was dropped and why; widen the gates, or add videos.",
        )
    return report


def _process(
    tasks: Sequence[VideoTask], workers: int, ray_address: str | None, progress: Progress | None
) -> Iterator[tuple[str, str]]:
    """Process every video; yields those on which the worker died each time, and why."""
    outcomes = executor(workers, ray_address).map(work_on, tasks)
    for done, (task, outcome) in enumerate(outcomes, 1):
        if progress is not None:
            progress(done, len(tasks))
        if isinstance(outcome, Lost):
            yield str(task.video), outcome.reason


def _settle_all(
    out: Path, settings: Settings, lost: list[tuple[str, str]], curves: CurvesOf
) -> PrepareReport:
    """Decide on all new tracks, then write shards, index and report."""
    keys = sorted(path.name for path in (out / "work").iterdir() if not path.name.startswith("."))
    results = [read_result(out / "work", key) for key in keys]
    earlier = read_verdicts(out)
    remove_strays(out, earlier)
    new, method = settle(out, results, earlier, settings, curves)
    verdicts = write_shards(out, results, earlier | new)
    write_verdicts(out, verdicts)
    write_index(out, results, verdicts)
    remove_stored(out, results)
    return write_report(out, results, verdicts, settings, method, lost)


def _remove_parts(work: Path) -> None:
    """Delete unfinished folders that killed workers left behind."""
    for part in work.glob(f"{PART}*"):
        shutil.rmtree(part)


def _same_settings(out: Path, settings: Settings) -> None:
    """Store the settings, or raise if the set was made with others."""
    path = out / "settings.json"
    if not path.exists():
        write_text(path, settings.to_json())
    elif path.read_text() != settings.to_json():
        raise PreparedOtherwiseError(f"{out} was prepared with other settings ({path}).")
