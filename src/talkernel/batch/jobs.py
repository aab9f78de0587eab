"""Reads a list of jobs: a CSV file whose columns are `generate`'s options."""

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
from talkernel.pipeline.options import FIELDS, PATHS, RENAMED, Options, read_value

REQUIRED = ("face", "audio", "outfile")
OPTIONS = (*FIELDS, *RENAMED)


@dataclass(frozen=True)
class SpeakJob:
    """One row of the list.

    Attributes:
        face: Video or photo.
        audio: Sound.
        outfile: Video to write, relative to the batch's folder.
        options: Values of `Options` as texts, by name.
    """

    face: str
    audio: str
    outfile: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """A hash of all fields, which identifies the job: equal values are the same job."""
        values = {name: _value(name, text) for name, text in self.options.items()}
        text = json.dumps(asdict(self) | {"options": values}, sort_keys=True, default=str)
        return hashlib.sha1(text.encode()).hexdigest()[:16]


def _value(name: str, text: str) -> Any:
    """An option's parsed value; of an earlier name, which only the look-ahead has, the text."""
    return text if name in RENAMED else read_value(name, text)


def read_jobs(table: Path, out: Path) -> list[SpeakJob]:
    """Read the list and check it, before the first job starts.

    Args:
        table: The CSV file, UTF-8; paths of inputs are relative to its folder.
        out: Folder for the outfiles.

    Raises:
        JobListError: A column is unknown or missing, a value is invalid, or an outfile is named
            twice or lies outside `out`.
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
            remedy="Give every job its own outfile.",
        )
    return jobs


def _check_columns(table: Path, columns: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in (*REQUIRED, *OPTIONS)]
    if missing:
        raise JobListError(f"{table} has no column {missing[0]!r}.")
    if unknown:
        raise JobListError(
            f"{table} has a column {unknown[0]!r} that is not an option.",
            remedy=f"Known are {', '.join((*REQUIRED, *OPTIONS))}.",
        )


def _job(table: Path, line: int, row: dict[str, Any], out: Path) -> SpeakJob:
    where = f"{table}, line {line}"
    if None in row or any(not (row[name] or "").strip() for name in REQUIRED):
        raise JobListError(
            f"{where}: face, audio and outfile must be filled in, without extra cells."
        )
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
