"""The raters' actions: enrol, get the next task, answer, finish a group."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from random import Random

from talkernel.lab.study.database import transaction
from talkernel.lab.study.draw import draw_groups
from talkernel.lab.study.manifest import Manifest
from talkernel.lab.study.questions import QUESTIONS

SHOWN = "SELECT position, videos, finished FROM shown WHERE rater = ? ORDER BY position"
ANSWERED = "SELECT question, video FROM answers WHERE rater = ? AND position = ?"
ANSWER = """
INSERT INTO answers VALUES (?, ?, ?, ?, datetime())
ON CONFLICT (rater, position, question)
DO UPDATE SET video = excluded.video, answered = excluded.answered WHERE video <> excluded.video
"""
FINISH = """
UPDATE shown SET finished = datetime() WHERE rater = ? AND position = ? AND finished IS NULL
"""


class RefusedError(Exception):
    """A request that the study does not allow.

    Args:
        why: Message for the page.
        status: HTTP status.
    """

    def __init__(self, why: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Task:
    """A rater's next group of videos.

    Attributes:
        position: Of the group, from 0; the number of groups when all are done.
        total: Groups that this rater sees.
        videos: File names in the order shown.
        answers: Video chosen, by question, as far as answered.
    """

    position: int
    total: int
    videos: list[str]
    answers: dict[str, str]


class Ballot:
    """A study's raters. Every call is one atomic transaction.

    Args:
        folder: The study's.
        manifest: Its manifest.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder, self._manifest = folder, manifest

    def enrol(self) -> str:
        """Add a rater, draw the groups to show, and return the rater's token."""
        token = secrets.token_urlsafe(24)
        with transaction(self._folder, writes=True) as db:
            rater = db.execute(
                "INSERT INTO raters (token, joined) VALUES (?, datetime())", [_hashed(token)]
            ).lastrowid
            seen = dict(db.execute("SELECT name, COUNT(*) FROM shown GROUP BY name"))
            drawn = draw_groups(
                self._manifest, Counter(seen), Random(f"{self._manifest.seed} {rater}")
            )
            rows = [(rater, n, name, json.dumps(videos)) for n, (name, videos) in enumerate(drawn)]
            db.executemany("INSERT INTO shown VALUES (?, ?, ?, ?, NULL)", rows)
        return token

    def task(self, token: str) -> Task:
        """The rater's next group.

        Raises:
            RefusedError: No rater has this token.
        """
        with transaction(self._folder, writes=False) as db:
            rater = _rater(db, token)
            shown = db.execute(SHOWN, [rater]).fetchall()
            for position, videos, finished in shown:
                if finished is None:
                    stored = dict(db.execute(ANSWERED, [rater, position]))
                    return Task(position, len(shown), json.loads(videos), stored)
        return Task(len(shown), len(shown), [], {})

    def answer(self, token: str, position: int, question: str, video: str) -> None:
        """Store an answer, or change it while its group is not finished.

        Raises:
            RefusedError: There is no such rater, group, question or video; or the group is
                finished and the stored answer is another.
        """
        with transaction(self._folder, writes=True) as db:
            rater = _rater(db, token)
            videos, finished = _shown(db, rater, position)
            if question not in QUESTIONS or video not in videos:
                raise RefusedError("There is no such question or video.")
            stored = dict(db.execute(ANSWERED, [rater, position]))
            if finished and stored[question] != video:
                why = "This group is finished; its answers change no more."
                raise RefusedError(why, HTTPStatus.CONFLICT)
            db.execute(ANSWER, [rater, position, question, video])

    def finish(self, token: str, position: int) -> None:
        """Finish a group; finishing it twice changes nothing.

        Raises:
            RefusedError: There is no such rater or group, or a question has no answer.
        """
        with transaction(self._folder, writes=True) as db:
            rater = _rater(db, token)
            _shown(db, rater, position)
            if len(db.execute(ANSWERED, [rater, position]).fetchall()) < len(QUESTIONS):
                raise RefusedError("There are questions without an answer.", HTTPStatus.CONFLICT)
            db.execute(FINISH, [rater, position])


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _rater(db: sqlite3.Connection, token: str) -> int:
    row = db.execute("SELECT id FROM raters WHERE token = ?", [_hashed(token)]).fetchone()
    if row is None:
        why = "This personal link belongs to nobody in this study."
        raise RefusedError(why, HTTPStatus.UNAUTHORIZED)
    return int(row[0])


def _shown(db: sqlite3.Connection, rater: int, position: int) -> tuple[list[str], bool]:
    for number, videos, finished in db.execute(SHOWN, [rater]):
        if number == position:
            return json.loads(videos), finished is not None
    raise RefusedError("There is no such group.")
