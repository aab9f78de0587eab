"""The study's server: what it stores, what it refuses, and that it loses nothing."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from typer.testing import CliRunner

from talkernel.cli import app
from talkernel.errors import OptionError
from talkernel.lab.study.database import read_votes
from talkernel.lab.study.manifest import VIDEOS, read_manifest
from talkernel.lab.study.questions import QUESTIONS
from talkernel.lab.study.report import report_study
from talkernel.lab.study.server import listen, study_server, url_of
from tests.studies import Client, choose, make_study


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two systems and two inputs; tests work on copies of it."""
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


@pytest.fixture
def client(study: Path) -> Iterator[Client]:
    with serving(study) as url:
        client = Client(url)
        client.token = client.ask("api/raters", {})[1]["token"]
        yield client


@contextmanager
def serving(study: Path) -> Iterator[str]:
    server = study_server(study)
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, args=[[listening]], daemon=True)
        thread.start()
        try:
            yield url_of(listening)
        finally:
            server.should_exit = True
            thread.join(30)


@contextmanager
def process_serving(study: Path, port: str = "0") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The real command, to be killed."""
    command = [sys.executable, "-m", "talkernel", "study", "serve", str(study), f"--port={port}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=_heed_ctrl_c
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found
            yield process, found.group()
        finally:
            process.kill()


def _heed_ctrl_c() -> None:
    """Shells let what they start in the background ignore it, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_rater_answers_from_the_first_group_to_the_last(study: Path, client: Client) -> None:
    manifest = read_manifest(study)
    status, task = client.ask("api/task")
    assert (status, task["total"], task["answers"]) == (200, 3, {})
    while task["position"] < task["total"]:
        video = choose(manifest, task["videos"], lambda system: system == "ours")
        for question in QUESTIONS:
            answer = {"position": task["position"], "question": question, "video": video}
            assert client.ask("api/answers", answer) == (200, {"stored": video})
        done = {"position": task["position"]}
        status, task = client.ask("api/finished", done)
        assert client.ask("api/finished", done) == (200, task)  # pressed twice
    assert {s.share for s in report_study(study).shares if s.system == "ours"} == {1.0}
    assert len(read_votes(study)[1]) == 3 * len(QUESTIONS)


def test_nothing_tells_who_made_what(study: Path, client: Client) -> None:
    told = [client.ask(path)[1] for path in ("", "script.js", "api/study", "api/task")]
    assert b"<title>" in told[0]
    assert "ours" not in str(told[2:]) and "one" not in str(told[3]["videos"])
    sources = {group.source for group in read_manifest(study).groups}
    assert not any(source in video for source in sources for video in told[3]["videos"])


@pytest.mark.parametrize(
    "path",
    [
        "study.json",
        "videos/study.json",
        "videos/../study.json",
        "videos/%2e%2e/study.json",
        "../../etc/passwd",
        "videos/..%2fanswers.sqlite3",
        "answers.sqlite3",
        "page/index.html",
        "videos/",
        "api/answers",
        "api/raters/",
        "videos//etc/passwd",
        "videos/\x01",
    ],
)
def test_only_the_page_and_its_videos_are_served(client: Client, path: str) -> None:
    host, port = client.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:  # urllib tidies paths
        raw.sendall(f"GET /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        reply = raw.makefile("rb").read()
    assert reply.split(b"\r\n")[0].split()[1] in {b"404", b"400"}
    assert b"systems" not in reply and b"root:" not in reply


def test_forged_and_missing_tokens_are_refused(study: Path, client: Client) -> None:
    task = client.ask("api/task")[1]
    answer = {"position": 0, "question": "overall", "video": task["videos"][0]}
    for token in ("", "forged", client.token[:-1], client.token + "x", "' OR 1=1 --"):
        forger = Client(client.url, token)
        assert forger.ask("api/task")[0] == HTTPStatus.UNAUTHORIZED
        assert forger.ask("api/answers", answer)[0] == HTTPStatus.UNAUTHORIZED
    assert not read_votes(study)[1]
    database = b"".join(path.read_bytes() for path in study.glob("answers.sqlite3*"))
    assert client.token.encode() not in database


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b"\xff",
        b"[" * 4000,
        b'{"position": 0}',
        b" " * 5000,
        b'{"position": true, "question": "overall", "video": "x"}',
        b'{"position": -1, "question": "overall", "video": "x"}',
        b'{"position": 1e400, "question": "overall", "video": "x"}',
        b'{"position": 0, "question": ["overall"], "video": "x"}',
        b'{"position": 0, "question": "overall", "video": {}}',
    ],
)
def test_what_the_page_would_not_send_is_refused(study: Path, client: Client, body: bytes) -> None:
    assert client.ask("api/answers", body)[0] == HTTPStatus.BAD_REQUEST
    assert client.ask("api/task")[0] == HTTPStatus.OK
    assert not read_votes(study)[1]


def test_a_form_of_another_page_is_refused(study: Path, client: Client) -> None:
    form = {"Content-Type": "text/plain"}
    assert client.ask("api/raters", b"{}", **form)[0] == HTTPStatus.BAD_REQUEST
    assert read_votes(study)[0] == 1


def test_browsers_may_seek(study: Path, client: Client) -> None:
    name = client.ask("api/task")[1]["videos"][0]
    whole = (study / VIDEOS / name).read_bytes()
    expected = {
        "bytes=0-": (206, whole),
        "bytes=10-19": (206, whole[10:20]),
        "bytes=-5": (206, whole[-5:]),
        "bytes=5-9999999": (206, whole[5:]),
        f"bytes={len(whole)}-": (416, b""),
        "bytes=-9999999": (206, whole),
    }
    for asked, (status, content) in expected.items():
        assert client.ask(f"videos/{name}", Range=asked) == (status, content), asked
    assert client.ask(f"videos/{name}") == (200, whole)
    for asked in ("bytes=3-1", "lines=1-2", "bytes=-", "bytes=x-"):
        assert client.ask(f"videos/{name}", Range=asked)[0] in (200, 400), asked


def test_headers_keep_others_out_and_tell_nothing_of_the_files(client: Client) -> None:
    replies = {}
    for path in ("", "api/study", "nothing", *client.ask("api/task")[1]["videos"]):
        path = f"videos/{path}" if path.endswith(".mp4") else path
        connection = HTTPConnection(client.url.split("/")[2], timeout=30)
        connection.request("HEAD", f"/{path}")
        reply = connection.getresponse()
        assert not reply.read()
        replies[path] = reply.headers
        connection.close()
    for path, headers in replies.items():
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff" and "Server" not in headers
        cached = "private, max-age=86400" if path.startswith("videos/") else "no-store"
        assert headers["Cache-Control"] == cached
    times = {headers["Last-Modified"] for path, headers in replies.items() if "videos" in path}
    assert len(times) == 1


def test_many_raters_at_once_lose_nothing(study: Path) -> None:
    """Thirty raters, each answering everything, each answer sent twice."""
    manifest = read_manifest(study)

    def take_part(number: int) -> None:
        client = Client(url)
        client.token = client.ask("api/raters", {})[1]["token"]
        task = client.ask("api/task")[1]
        while task["position"] < task["total"]:
            video = choose(manifest, task["videos"], lambda one: (one == "ours") is (number < 20))
            for question in [*QUESTIONS, *QUESTIONS]:
                answer = {"position": task["position"], "question": question, "video": video}
                assert client.ask("api/answers", answer)[0] == HTTPStatus.OK
            task = client.ask("api/finished", {"position": task["position"]})[1]

    with serving(study) as url, ThreadPoolExecutor(30) as raters:
        list(raters.map(take_part, range(30)))
        report = report_study(study)  # while it is running
    assert len(read_votes(study)[1]) == 30 * 3 * len(QUESTIONS)
    assert sum(rater.counts for rater in report.raters) == 30
    assert {(one.votes, one.answers) for one in report.shares} == {(40, 60), (20, 60)}


def test_killed_in_the_middle_nothing_acknowledged_is_lost(study: Path) -> None:
    """Raters answer without a pause; the server is killed, started again, and killed again."""
    acknowledged: dict[tuple[str, str], str] = {}
    pending: dict[tuple[str, str], str] = {}
    tokens: list[str] = []

    def answer_on(client: Client) -> None:
        videos = client.ask("api/task")[1]["videos"]
        for number in range(100_000):
            question, video = list(QUESTIONS)[number % 4], videos[number // 4 % 2]
            answer = {"position": 0, "question": question, "video": video}
            pending[client.token, question] = video
            try:
                status, said = client.ask("api/answers", answer)
            except (OSError, HTTPException):
                return  # the server is gone
            assert (status, said) == (200, {"stored": video})
            acknowledged[client.token, question] = pending.pop((client.token, question))

    for _ in range(2):
        with process_serving(study) as (server, url):
            tokens += [Client(url).ask("api/raters", {})[1]["token"] for _ in range(3)]
            before = dict(acknowledged)
            with ThreadPoolExecutor(3) as raters:
                answering = [raters.submit(answer_on, Client(url, t)) for t in tokens[-3:]]
                enough = len(before) + 3 * len(QUESTIONS)
                while len(acknowledged) < enough and not any(rater.done() for rater in answering):
                    time.sleep(0.01)
                time.sleep(0.2)  # into the middle of answers that are changed
                server.send_signal(signal.SIGKILL)
            assert all(rater.result() is None for rater in answering)
        assert len(acknowledged) >= len(before) + 12
    with serving(study) as url:
        for token in tokens:
            stored = Client(url, token).ask("api/task")[1]["answers"]
            for question in QUESTIONS:  # what was on its way may have arrived or not
                allowed = {acknowledged[token, question], pending.get((token, question))}
                assert stored[question] in allowed


def test_ctrl_c_ends_it_and_the_next_goes_on(study: Path) -> None:
    with process_serving(study) as (server, url):
        token = Client(url).ask("api/raters", {})[1]["token"]
        host, port = url.split("/")[2].split(":")
        with socket.create_connection((host, int(port)), timeout=30) as silent:
            silent.sendall(b"POST /api/raters HTTP/1.1\r\n")  # and nothing more
            server.send_signal(signal.SIGINT)
            assert server.wait(30) == 0
        assert server.stdout is not None and "Stopped." in server.stdout.read()
    with serving(study) as url:
        assert Client(url, token).ask("api/task")[0] == HTTPStatus.OK


def test_an_address_that_is_taken_is_named(study: Path) -> None:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(OptionError, match=f"127.0.0.1:{port}"):
            listen("127.0.0.1", int(port))
        taken = CliRunner().invoke(app, ["study", "serve", str(study), f"--port={port}"])
        assert taken.exit_code == OptionError.exit_code
    for host, port in (("203.0.113.7", 0), ("127.0.0.1", 1 << 16), ("no.such.host.invalid", 0)):
        with pytest.raises(OptionError):
            listen(host, port)
