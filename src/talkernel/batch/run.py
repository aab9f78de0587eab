"""Runs the jobs of a list: `talkernel batch`."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from talkernel.batch.jobs import SpeakJob, read_jobs
from talkernel.batch.work import WORK, JobOutcome, JobTask, work_on
from talkernel.errors import OutputNotWritableError
from talkernel.files.atomic import atomic_write
from talkernel.files.lock import folder_lock
from talkernel.summary import Summary
from talkernel.workers.choose import executor
from talkernel.workers.local import Lost

RESULTS = "results.csv"
JOB_COLUMNS = ("face", "audio", "outfile")
OUTCOME_COLUMNS = ("status", "seconds", "frames", "untouched", "warnings", "error")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BatchReport:
    """The outcomes of all jobs.

    Attributes:
        out: The batch's folder.
        outcomes: Outcomes by outfile, in the order of the list.
    """

    out: str
    outcomes: dict[str, JobOutcome]

    @property
    def failed(self) -> list[str]:
        """Outfiles of the jobs that failed."""
        return [name for name, one in self.outcomes.items() if one.status == "failed"]

    def to_json(self) -> str:
        """All fields as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    def summary(self) -> Summary:
        """A table for the terminal."""
        fresh = sum(one.fresh and one.status == "done" for one in self.outcomes.values())
        done = len(self.outcomes) - len(self.failed)
        facts = [("done", f"{done} of {len(self.outcomes)}, {fresh} of them in this run")]
        facts += [(name, self.outcomes[name].error) for name in self.failed]
        return Summary(self.out, facts)


def batch(
    table: Path,
    out: Path,
    *,
    workers: int = 1,
    ray_address: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> BatchReport:
    """Make every video of a list. A second run makes only the missing ones.

    Args:
        table: The list; see `read_jobs`.
        out: Folder for the videos and results.csv, created if missing.
        workers: Number of processes.
        ray_address: See `talkernel.workers.choose.executor`.
        overwrite: Whether files that were not made by these jobs may be replaced.
        progress: Called after every job with the jobs done and their total.

    Returns:
        The outcomes of all jobs. A failed job does not stop the others.

    Raises:
        JobListError: The list is invalid; no job was started.
        OutputNotWritableError: The folder cannot be created.
        OutputError: Another run is using the folder.
    """
    jobs = read_jobs(table, out)
    try:
        (out / WORK).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritableError(f"{out} cannot be created: {error}.") from None
    with folder_lock(out):
        _remove_parts(out)
        tasks = [JobTask(job, out.absolute(), overwrite) for job in jobs]
        found: dict[str, JobOutcome] = {}
        for task, outcome in executor(workers, ray_address).map(work_on, tasks):
            if isinstance(outcome, Lost):
                outcome = JobOutcome("failed", 0.0, error=f"{outcome.reason}.")
            found[task.job.outfile] = outcome
            if progress is not None:
                progress(len(found), len(tasks))
        _remove_parts(out)
        _write_results(out, jobs, found)
    return BatchReport(str(out), {job.outfile: found[job.outfile] for job in jobs})


def _remove_parts(out: Path) -> None:
    """Delete the unfinished folders that killed workers left behind."""
    for part in (path for path in (out / WORK).iterdir() if path.is_dir()):
        shutil.rmtree(part)


def _write_results(out: Path, jobs: Sequence[SpeakJob], found: Mapping[str, JobOutcome]) -> None:
    with (
        atomic_write(out / RESULTS) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow((*JOB_COLUMNS, *OUTCOME_COLUMNS))
        for job in jobs:
            outcome = found[job.outfile]
            row = [getattr(job, name) for name in JOB_COLUMNS]
            writer.writerow(row + [getattr(outcome, name) for name in OUTCOME_COLUMNS])
