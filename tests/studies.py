"""Tiny studies: systems whose videos are squares of one colour each, and a rater without a page."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from talkernel.lab.study.ballot import Ballot
from talkernel.lab.study.fill import Design
from talkernel.lab.study.make import new_study
from talkernel.lab.study.manifest import BROKEN, Manifest
from talkernel.lab.study.questions import QUESTIONS
from tests.jobs import babble
from tests.videos import write_video

INPUTS = ("one", "two", "three")
Choose = Callable[[str], bool]  # of a video's system: whether to take it


def write_systems(
    folder: Path, systems: Sequence[str], inputs: Sequence[str] = INPUTS, seconds: float = 1.0
) -> None:
    """A folder of videos for each system: 96 pixels, 20 frames/s, with sound."""
    sound = (babble(seconds, seed=0)[::3] * 20_000).astype(np.int16)
    for shade, system in enumerate(systems):
        (folder / system).mkdir(parents=True)
        for name in inputs:
            pictures = (coloured(60 * shade, 10 * number) for number in range(round(20 * seconds)))
            write_video(folder / system / f"{name}.mp4", pictures, sound, fps=20)


def make_study(folder: Path) -> Path:
    """A study of `ours` and `other`, two inputs and one attention check."""
    write_systems(folder, ("ours", "other"), ("one", "two"), seconds=0.6)
    systems = {name: folder / name for name in ("ours", "other")}
    new_study(folder / "study", systems, Design(checks=1))
    return folder / "study"


def coloured(shade: int, moment: int) -> np.ndarray:
    picture = np.full((96, 96, 3), shade + 40, np.uint8)
    picture[:, moment % 96 :] += 60
    return picture


def rate(
    ballot: Ballot,
    manifest: Manifest,
    prefers: Choose,
    *,
    groups: int = 1 << 30,
    fails: bool = False,
) -> str:
    """Answer all questions of the first `groups` groups as a rater with a preference."""
    token = ballot.enrol()
    task = ballot.task(token)
    while task.position < min(task.total, groups):
        choice = choose(manifest, task.videos, prefers, fails=fails)
        for question in QUESTIONS:
            ballot.answer(token, task.position, question, choice)
        ballot.finish(token, task.position)
        task = ballot.task(token)
    return token


def choose(manifest: Manifest, videos: list[str], prefers: Choose, *, fails: bool = False) -> str:
    """The video preferred; in a check the proper one, or with `fails` a broken one."""
    systems = {video: manifest.system_of[video] for video in videos}
    if BROKEN in systems.values():
        return next(v for v, one in systems.items() if (one == BROKEN) is fails)
    return next(video for video, one in systems.items() if prefers(one))


class Client:
    """Asks a server as the page does."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url, self.token = url, token

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON, or bytes, of an answer; a body is posted."""
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                content, status = reply.read(), reply.status
                kind = reply.headers.get_content_type()
        except urllib.error.HTTPError as error:
            content, status, kind = error.read(), error.code, error.headers.get_content_type()
        return status, json.loads(content) if kind == "application/json" else content
