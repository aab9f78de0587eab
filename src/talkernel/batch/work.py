"""One job of a batch. It may be killed at any moment and run again, perhaps on another machine.

The video is written into a folder of this attempt and then moved to the outfile by one rename. A
record is written last. When the job runs again, it returns the record, or finds that the video was
moved, or starts from the beginning.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from talkernel.batch.jobs import SpeakJob
from talkernel.errors import OutputExistsError, TalkernelError
from talkernel.files.atomic import write_text
from talkernel.pipeline.options import Options

WORK = ".batch"


@dataclass(frozen=True)
class JobTask:
    """The input of a worker.

    Attributes:
        job: The job.
        out: The batch's folder.
        overwrite: Whether a file that this job did not make may be replaced.
    """

    job: SpeakJob
    out: Path
    overwrite: bool


@dataclass(frozen=True)
class JobOutcome:
    """The outcome of a job.

    Attributes:
        status: Whether the video exists.
        seconds: Time spent; in a second run, that of the first.
        frames: Number of frames of the video.
        untouched: How many of these passed through unedited.
        warnings: What the user should know, on one line.
        error: Why the job failed; empty if it did not.
        fresh: Whether the video was made in this run.
    """

    status: Literal["done", "failed"]
    seconds: float
    frames: int = 0
    untouched: int = 0
    warnings: str = ""
    error: str = ""
    fresh: bool = True


def work_on(task: JobTask) -> JobOutcome:
    """Make one job's video unless it exists."""
    record = task.out / WORK / f"{task.job.key}.json"
    if (known := read_record(task)) is not None:
        return known
    started = time.monotonic()
    try:
        facts = _make(task)
    except Exception as error:
        return JobOutcome("failed", _since(started), error=_message(error))
    outcome = JobOutcome("done", _since(started), **facts)
    write_text(record, json.dumps(asdict(outcome)))
    return outcome


def read_record(task: JobTask) -> JobOutcome | None:
    """The outcome of a finished job whose video still exists; None if there is none."""
    record, outfile = task.out / WORK / f"{task.job.key}.json", task.out / task.job.outfile
    if not (record.exists() and outfile.exists()):
        return None
    return JobOutcome(**json.loads(record.read_text()) | {"fresh": False})


def _make(task: JobTask) -> dict[str, Any]:
    """Generate into a folder of this attempt, then move; returns fields of `JobOutcome`."""
    from talkernel.pipeline.generate import generate

    outfile = task.out / task.job.outfile
    moving = task.out / WORK / f"{task.job.key}.moving"
    if moving.exists() and outfile.exists():
        known: dict[str, Any] = json.loads(moving.read_text())
        return known  # killed between moving the video and recording it
    if outfile.exists() and not task.overwrite:
        raise OutputExistsError(f"{outfile} already exists, and this job did not make it.")
    attempt = task.out / WORK / f"{task.job.key}-{secrets.token_hex(4)}"
    attempt.mkdir(parents=True)
    try:
        made = attempt / f"video{outfile.suffix}"
        options = Options.read(task.job.options)
        report = generate(task.job.face, task.job.audio, made, options)
        facts = {
            "frames": report.frames,
            "untouched": report.untouched,
            "warnings": " ".join(report.warnings),
        }
        outfile.parent.mkdir(parents=True, exist_ok=True)
        write_text(moving, json.dumps(facts))
        os.replace(made, outfile)
        return facts
    finally:
        shutil.rmtree(attempt, ignore_errors=True)


def _message(error: Exception) -> str:
    if isinstance(error, TalkernelError):
        return error.one_line()
    return f"{type(error).__name__}: {error}"


def _since(started: float) -> float:
    return round(time.monotonic() - started, 2)
