"""Stores raters and their answers in SQLite; an acknowledged answer survives a crash.

About a rater only these are stored: what was shown, what was answered, and when. Of the token in
the personal link only a hash is stored, so that a reader of the database cannot use it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from talkernel.errors import NotAStudyError
from talkernel.lab.study.manifest import DATABASE

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE raters (id INTEGER PRIMARY KEY, token BLOB NOT NULL UNIQUE, joined TEXT NOT NULL);
CREATE TABLE shown (
    rater INTEGER NOT NULL REFERENCES raters,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,     -- of the group
    videos TEXT NOT NULL,   -- a JSON list, in the order shown
    finished TEXT,          -- when; from then on its answers are final
    PRIMARY KEY (rater, position),
    UNIQUE (rater, name)
);
CREATE TABLE answers (
    rater INTEGER NOT NULL,
    position INTEGER NOT NULL,
    question TEXT NOT NULL,
    video TEXT NOT NULL,
    answered TEXT NOT NULL,
    PRIMARY KEY (rater, position, question),
    FOREIGN KEY (rater, position) REFERENCES shown
);
"""
VOTES = """
SELECT rater, name, question, video FROM answers JOIN shown USING (rater, position)
ORDER BY rater, position, question
"""
WAIT = 30.0  # seconds that a write waits for other writes


@dataclass(frozen=True)
class Vote:
    """One answer.

    Attributes:
        rater: Number of the rater.
        group: Name of the group.
        question: Key of the question.
        video: The chosen video.
    """

    rater: int
    group: str
    question: str
    video: str


def create_database(folder: Path) -> None:
    """Create an empty database in a study's folder."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.executescript(SCHEMA)


@contextmanager
def transaction(folder: Path, *, writes: bool) -> Iterator[sqlite3.Connection]:
    """A transaction on a study's database, on a connection of its own.

    Leaving the block commits to disk; leaving it by an exception rolls back.

    Args:
        folder: Of the study.
        writes: Whether the block writes; it then waits for other writers.
    """
    path = folder / DATABASE
    with closing(sqlite3.connect(path, timeout=WAIT, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        with connection:
            yield connection


def read_votes(folder: Path) -> tuple[int, list[Vote]]:
    """The number of enrolled raters, and all answers so far by rater and group.

    Raises:
        NotAStudyError: The folder has no database, or a damaged one.
    """
    if not (folder / DATABASE).is_file():
        raise NotAStudyError(f"{folder} holds no {DATABASE}.")
    try:
        with transaction(folder, writes=False) as db:
            began = int(db.execute("SELECT COUNT(*) FROM raters").fetchone()[0])
            return began, [Vote(*row) for row in db.execute(VOTES)]
    except sqlite3.DatabaseError as error:
        raise NotAStudyError(f"{folder / DATABASE} cannot be read: {error}.") from None
