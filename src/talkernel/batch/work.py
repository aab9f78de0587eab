"""One job of a batch, which may be killed at any moment and done again elsewhere.

The video is made under a name of the job's own in the batch's work folder and moved to its
place in one step; then a record says that it is done. A job that is done again finds the record,
or that its video has been moved to its place, or begins afresh.
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
    """What a worker is given.

    Attributes:
        job: What to make.
        out: The batch's folder.
        overwrite: Whether a file that is no job's may be replaced.
    """

    job: SpeakJob
    out: Path
    overwrite: bool


@dataclass(frozen=True)
class JobOutcome:
    """What became of a job.

    Attributes:
        status: Whether its video is there.
        seconds: Spent on it; those of the first time, when it was done before.
        frames: Of the video.
        untouched: How many of them were passed through.
        warnings: What the user should know of it.
        error: Why it failed.
        fresh: Whether the work was done now.
    """

    status: Literal["done", "failed"]
    seconds: float
    frames: int = 0
    untouched: int = 0
    warnings: str = ""
    error: str = ""
    fresh: bool = True


def work_on(task: JobTask) -> JobOutcome:
    """Make one job's video, if that has not been done."""
    record = task.out / WORK / f"{task.job.key}.json"
    if (known := read_record(task)) is not None:
        return known
    started = time.monotonic()
    try:
        facts = _make(task)
    except Exception as error:
        return JobOutcome("failed", _since(started), error=_words(error))
    outcome = JobOutcome("done", _since(started), **facts)
    write_text(record, json.dumps(asdict(outcome)))
    return outcome


def read_record(task: JobTask) -> JobOutcome | None:
    """What became of a job that was done before and whose video is still there."""
    record, outfile = task.out / WORK / f"{task.job.key}.json", task.out / task.job.outfile
    if not (record.exists() and outfile.exists()):
        return None
    return JobOutcome(**json.loads(record.read_text()) | {"fresh": False})


def _make(task: JobTask) -> dict[str, Any]:
    """Generate into a folder of this attempt's own, then move; returns facts of the video."""
    from talkernel.pipeline.generate import generate

    outfile = task.out / task.job.outfile
    claim = task.out / WORK / f"{task.job.key}.moving"
    if claim.exists() and outfile.exists():
        known: dict[str, Any] = json.loads(claim.read_text())
        return known  # killed between moving the video and recording it
    if outfile.exists() and not task.overwrite:
        raise OutputExistsError(f"{outfile} already exists, and this job did not make it.")
    own = task.out / WORK / f"{task.job.key}-{secrets.token_hex(4)}"
    own.mkdir(parents=True)
    try:
        made = own / f"video{outfile.suffix}"
        options = Options.read(task.job.options)
        report = generate(task.job.face, task.job.audio, made, options)
        facts = {
            "frames": report.frames,
            "untouched": report.untouched,
            "warnings": " ".join(report.warnings),
        }
        outfile.parent.mkdir(parents=True, exist_ok=True)
        write_text(claim, json.dumps(facts))
        os.replace(made, outfile)
        return facts
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _words(error: Exception) -> str:
    if isinstance(error, TalkernelError):
        return error.one_line()
    return f"{type(error).__name__}: {error}"


def _since(started: float) -> float:
    return round(time.monotonic() - started, 2)
