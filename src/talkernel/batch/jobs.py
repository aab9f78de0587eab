"""A list of jobs: a CSV whose columns are `generate`'s options."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from talkernel.errors import JobListError, TalkernelError
from talkernel.pipeline.options import FIELDS, PATHS, RENAMED, Options

REQUIRED = ("face", "audio", "outfile")
OPTIONS = (*FIELDS, *RENAMED)


@dataclass(frozen=True)
class SpeakJob:
    """One row.

    Attributes:
        face: Video or photo.
        audio: Sound.
        outfile: Video to write, within the batch's folder.
        options: Texts of `Options`, by name.
    """

    face: str
    audio: str
    outfile: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Tells this job from others, by all that it asks for."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha1(text.encode()).hexdigest()[:16]


def read_jobs(table: Path, out: Path) -> list[SpeakJob]:
    """Read the list and check all that can be checked before the first job starts.

    Args:
        table: The CSV, UTF-8; relative paths to inputs start at its folder.
        out: Folder in which the outfiles lie.

    Raises:
        JobListError: A column is unknown or missing, a value impossible, an outfile named
            twice or outside `out`.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise JobListError(f"{table} cannot be read: {error}.") from None
    _check_columns(table, list(reader.fieldnames or []))
    jobs = [_job(table, number, row, out) for number, row in enumerate(rows, 2)]
    if not jobs:
        raise JobListError(f"{table} lists no job.")
    twice = [name for name, count in Counter(job.outfile for job in jobs).items() if count > 1]
    if twice:
        raise JobListError(
            f"{table} names {twice[0]} for more than one job.",
            remedy="Give every job an outfile of its own.",
        )
    return jobs


def _check_columns(table: Path, columns: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in (*REQUIRED, *OPTIONS)]
    if missing:
        raise JobListError(f"{table} has no column {missing[0]!r}.")
    if unknown:
        raise JobListError(
            f"{table} has a column {unknown[0]!r} that is no option.",
            remedy=f"Known are {', '.join((*REQUIRED, *OPTIONS))}.",
        )


def _job(table: Path, line: int, row: dict[str, Any], out: Path) -> SpeakJob:
    where = f"{table}, line {line}"
    if None in row or any(not (row[name] or "").strip() for name in REQUIRED):
        raise JobListError(f"{where}: face, audio and outfile must be given, and no more cells.")
    texts = {name: text for name in OPTIONS if (text := (row.get(name) or "").strip())}
    try:
        Options.read(texts)
    except TalkernelError as error:
        raise JobListError(f"{where}: {error}") from None
    options = {
        name: str(_beside(table, text)) if name in PATHS else text for name, text in texts.items()
    }
    face, audio = (str(_beside(table, row[name].strip())) for name in ("face", "audio"))
    return SpeakJob(face, audio, _outfile(where, row["outfile"].strip(), out), options)


def _beside(table: Path, name: str) -> Path:
    return (table.parent / name).absolute()


def _outfile(where: str, name: str, out: Path) -> str:
    """The outfile's path relative to the batch's folder."""
    base = out.absolute()
    path = Path(base, name).resolve()
    if not path.is_relative_to(base.resolve()) or path == base.resolve():
        raise JobListError(
            f"{where}: {name} is not within {out}.", remedy="Name outfiles relative to --out."
        )
    return str(path.relative_to(base.resolve()))
