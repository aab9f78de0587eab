"""What the study's page asks for and sends: the page itself, videos, and JSON."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from talkernel.lab.study.ballot import Ballot, RefusedError
from talkernel.lab.study.database import read_votes
from talkernel.lab.study.manifest import VIDEOS, read_manifest
from talkernel.lab.study.questions import QUESTIONS

PAGE = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/script.js": ("script.js", "text/javascript"),
}
LONGEST_REQUEST = 4096  # bytes of JSON
LAST_POSITION = 1 << 31
NOT_OURS = "This is no request of the study's page."
NO_STORE = {"Cache-Control": "no-store"}
# The files' own times would tell which videos were made together.
VIDEO = {
    "Cache-Control": "private, max-age=86400",
    "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
}
T = TypeVar("T")


def study_app(folder: Path) -> Starlette:
    """The study as a web application.

    Args:
        folder: The study's.

    Raises:
        NotAStudyError: The folder holds none, or a damaged one.
    """
    study = _Study(folder)
    app = Starlette(
        routes=[
            *(Route(path, study.page) for path in PAGE),
            Route("/videos/{name}", study.video),
            Route("/api/study", study.describe),
            Route("/api/task", study.task),
            Route("/api/raters", study.enrol, methods=["POST"]),
            Route("/api/answers", study.answer, methods=["POST"]),
            Route("/api/finished", study.finish, methods=["POST"]),
        ],
        exception_handlers={
            RefusedError: _refuse,
            sqlite3.Error: _cannot_store,
            HTTPException: _no_page,
        },
    )
    app.router.redirect_slashes = False
    return app


class _Study:
    """The endpoints; an action is acknowledged only once it is stored."""

    def __init__(self, folder: Path) -> None:
        self._manifest = read_manifest(folder)
        read_votes(folder)  # says at once what is wrong with the database
        self._ballot = Ballot(folder, self._manifest)
        self._videos = folder / VIDEOS

    def page(self, request: Request) -> Response:
        name, kind = PAGE[request.scope["path"]]
        path = Path(__file__).parent / "page" / name
        return FileResponse(path, headers=NO_STORE, media_type=kind)

    def video(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._manifest.system_of:  # no other file can be named
            raise HTTPException(HTTPStatus.NOT_FOUND)
        headers = VIDEO | {"ETag": f'"{name}"'}
        return FileResponse(self._videos / name, headers=headers, media_type="video/mp4")

    def describe(self, request: Request) -> Response:
        questions = {key: dataclasses.asdict(one) for key, one in QUESTIONS.items()}
        total = self._manifest.shown_per_rater
        return _json({"consent": self._manifest.consent, "total": total, "questions": questions})

    def task(self, request: Request) -> Response:
        return _json(dataclasses.asdict(self._ballot.task(_token(request))))

    async def enrol(self, request: Request) -> Response:
        await _sent(request)
        return _json({"token": await run_in_threadpool(self._ballot.enrol)})

    async def answer(self, request: Request) -> Response:
        sent = await _sent(request)
        question, video = _field(sent, "question", str), _field(sent, "video", str)
        answer = (_token(request), _position(sent), question, video)
        await run_in_threadpool(self._ballot.answer, *answer)
        return _json({"stored": video})

    async def finish(self, request: Request) -> Response:
        position = _position(await _sent(request))
        await run_in_threadpool(self._ballot.finish, _token(request), position)
        return await run_in_threadpool(self.task, request)


async def _sent(request: Request) -> dict[str, Any]:
    """The JSON object that was sent.

    A page from elsewhere may not send this type unless it is told so, which it never is.
    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    length = request.headers.get("Content-Length", "")
    if kind != "application/json" or not length.isdecimal() or int(length) > LONGEST_REQUEST:
        raise RefusedError(NOT_OURS)
    try:
        sent = json.loads(await request.body())
    except (ValueError, RecursionError, ClientDisconnect):
        raise RefusedError(NOT_OURS) from None
    if not isinstance(sent, dict):
        raise RefusedError(NOT_OURS)
    return sent


def _field(sent: dict[str, Any], name: str, kind: type[T]) -> T:
    value = sent.get(name)
    if type(value) is not kind:  # not isinstance: True is an int
        raise RefusedError(NOT_OURS)
    return value


def _position(sent: dict[str, Any]) -> int:
    position = _field(sent, "position", int)
    if not 0 <= position < LAST_POSITION:
        raise RefusedError(NOT_OURS)
    return position


def _token(request: Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _json(content: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return JSONResponse(content, status, NO_STORE)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return _json({"error": str(error)}, error.status)


async def _cannot_store(request: Request, error: Exception) -> Response:
    print(f"An answer could not be stored: {error}.", file=sys.stderr)
    why = "The study cannot store answers now."
    return _json({"error": why}, HTTPStatus.SERVICE_UNAVAILABLE)


async def _no_page(request: Request, error: Exception) -> Response:
    return _json({"error": "There is no such page."}, HTTPStatus.NOT_FOUND)
