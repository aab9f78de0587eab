"""`talkernel study serve`: the page, its videos and its answers."""

from __future__ import annotations

import dataclasses
import sqlite3
import sys
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

from talkernel.errors import CannotListenError
from talkernel.lab.study.ballot import Ballot, RefusedError
from talkernel.lab.study.database import read_votes
from talkernel.lab.study.manifest import VIDEOS, read_manifest
from talkernel.lab.study.questions import QUESTIONS
from talkernel.lab.study.replies import Replies

PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/script.js": ("script.js", "text/javascript; charset=utf-8"),
}
NOT_OURS = "This is no request of the study's page."
Sent = Mapping[str, Any]
Action = Callable[["StudyHandler", Sent], object]


class StudyServer(ThreadingTCPServer):
    """Serves one study, each connection on a thread of its own.

    Args:
        folder: The study's.
        host: Address to listen on.
        port: Port to listen on; 0 for any that is free.

    Attributes:
        url: Where the page is, as seen from this machine.

    Raises:
        NotAStudyError: The folder holds none.
        CannotListenError: The address is taken, or not this machine's.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, folder: Path, host: str, port: int) -> None:
        self.manifest = read_manifest(folder)
        read_votes(folder)  # says at once what is wrong with the database
        self.ballot = Ballot(folder, self.manifest)
        self.videos = folder / VIDEOS
        try:
            super().__init__((host, port), StudyHandler)
        except (OSError, OverflowError) as error:
            raise CannotListenError(f"{host}:{port} cannot be listened on: {error}.") from None
        here = "127.0.0.1" if host in {"", "0.0.0.0"} else host
        self.url = f"http://{here}:{self.server_address[1]}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Report a bug, without the address; a browser that has left is none."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            traceback.print_exc()


class StudyHandler(Replies):
    """What the page asks for and sends."""

    server: StudyServer

    def do_GET(self) -> None:
        """The page, what a rater is to do, and videos."""
        path = urlsplit(self.path).path
        video = path.removeprefix("/videos/")
        if path in PAGE:
            name, kind = PAGE[path]
            self.send(files("talkernel.lab.study").joinpath("page", name).read_bytes(), kind)
        elif path == "/api/study":
            self.send_json(self._study())
        elif path == "/api/task":
            self._act(StudyHandler._task, {})
        elif video in self.server.manifest.system_of:  # no other file can be named
            self.send_file(self.server.videos / video, "video/mp4")
        else:
            self.refuse(HTTPStatus.NOT_FOUND, "There is no such page.")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """What a rater does."""
        sent = self.read_json()
        action = ACTIONS.get(urlsplit(self.path).path)
        if sent is None:
            self.refuse(HTTPStatus.BAD_REQUEST, NOT_OURS)
        elif action is None:
            self.refuse(HTTPStatus.NOT_FOUND, "There is no such page.")
        else:
            self._act(action, sent)

    def _act(self, action: Action, sent: Sent) -> None:
        """Acknowledge an action only once it is stored."""
        try:
            done = action(self, sent)
        except RefusedError as error:
            self.refuse(error.status, str(error))
        except (KeyError, TypeError):
            self.refuse(HTTPStatus.BAD_REQUEST, NOT_OURS)
        except sqlite3.Error as error:
            print(f"An answer could not be stored: {error}.", file=sys.stderr)
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The study cannot store answers now.")
        else:
            self.send_json(done)

    @property
    def _token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def _study(self) -> object:
        manifest = self.server.manifest
        questions = {key: dataclasses.asdict(one) for key, one in QUESTIONS.items()}
        return {
            "consent": manifest.consent,
            "total": manifest.shown_per_rater,
            "questions": questions,
        }

    def _enrol(self, sent: Sent) -> object:
        return {"token": self.server.ballot.enrol()}

    def _task(self, sent: Sent) -> object:
        return dataclasses.asdict(self.server.ballot.task(self._token))

    def _answer(self, sent: Sent) -> object:
        position, question, video = _whole(sent["position"]), sent["question"], sent["video"]
        if not (isinstance(question, str) and isinstance(video, str)):
            raise TypeError("a question and a video are texts")
        self.server.ballot.answer(self._token, position, question, video)
        return {"stored": video}

    def _finish(self, sent: Sent) -> object:
        self.server.ballot.finish(self._token, _whole(sent["position"]))
        return self._task(sent)


ACTIONS: dict[str, Action] = {
    "/api/raters": StudyHandler._enrol,
    "/api/answers": StudyHandler._answer,
    "/api/finished": StudyHandler._finish,
}


def _whole(number: object) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 31:
        raise TypeError("a position is a whole number")
    return number
