"""A video's part of the work folder: written in one step, or not at all.

`work/<key>/` holds `result.json`, `prints.npz` (embeddings, sound and looks of what passed) and
a tar for each track until the shards are written. The worker fills a folder of another name
and renames it, so that it can be killed at any moment, and done again on another machine.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.errors import ModelsMissingError, TalkernelError
from talkernel.lab.prepare.duplicates import Print, packed, unpacked
from talkernel.lab.prepare.record import Candidate, Found, stored_track
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.video import key_of, tracks_of
from talkernel.lab.tracks.shard import read_shard, write_shard
from talkernel.lab.tracks.track import ARRAYS, Track, sample_of
from talkernel.media import open_face

PART = ".part-"
# What goes wrong like this would go wrong with every other item as well.
WITH_EVERYTHING = (ModelsMissingError, ImportError, MemoryError, OSError)
Array = NDArray[np.float32]


@dataclass(frozen=True)
class VideoTask:
    """What a worker is given.

    Attributes:
        video: The file.
        work: The work folder.
        settings: Of the quality gates.
    """

    video: Path
    work: Path
    settings: Settings


@dataclass(frozen=True)
class VideoResult:
    """What became of a video.

    Attributes:
        key: By its content.
        source: The file when it was looked at.
        candidates: Every track in it, dropped ones too.
        error: Why nothing could be read.
        fps: Its own frames a second.
    """

    key: str
    source: str
    candidates: list[Candidate]
    error: str | None = None
    fps: float = 0.0


def work_on(task: VideoTask) -> tuple[str, bool]:
    """Look at one video, if that has not been done.

    Returns:
        The video's key, and whether it was looked at now.

    Raises:
        ModelsMissingError: The face models cannot be fetched, which concerns every video.
    """
    key = key_of(task.video)
    folder = task.work / key
    if folder.exists():
        return key, False
    partial = task.work / f"{PART}{key}-{os.getpid()}-{secrets.token_hex(4)}"
    partial.mkdir(parents=True)
    _fill(partial, key, task)
    try:
        os.rename(partial, folder)
    except OSError:
        if not folder.exists():
            raise
        shutil.rmtree(partial)  # another worker was first
    return key, True


def _fill(folder: Path, key: str, task: VideoTask) -> None:
    found: list[Found] = []
    error, fps = None, 0.0
    try:
        fps = float(open_face(task.video).fps)
        for one in tracks_of(task.video, task.settings):
            if one.track is not None:
                write_shard(stored_track(folder, one.track.name), [sample_of(one.track)])
            found.append(dataclasses.replace(one, track=None))
    except WITH_EVERYTHING:
        raise
    except TalkernelError as failure:
        error = str(failure)
    except Exception as failure:  # a file can be damaged in ways that nobody has thought of
        error = f"{type(failure).__name__}: {failure}"
    passed = [one for one in found if one.print is not None and one.embedding is not None]
    arrays = packed([one.print for one in passed if one.print is not None])
    arrays |= {
        f"embedding{n}": one.embedding for n, one in enumerate(passed) if one.embedding is not None
    }
    np.savez(folder / "prints.npz", names=[one.candidate.name for one in passed], **arrays)  # type: ignore[arg-type]
    result = VideoResult(key, str(task.video), [one.record for one in found], error, fps)
    (folder / "result.json").write_text(json.dumps(dataclasses.asdict(result)))


def read_result(work: Path, key: str) -> VideoResult:
    """What became of a video that was looked at."""
    values: dict[str, Any] = json.loads((work / key / "result.json").read_text())
    candidates = [Candidate.from_dict(own) for own in values["candidates"]]
    return VideoResult(**values | {"candidates": candidates})


def load_found(path: Path, person: str = "") -> Track:
    """A track that is not in a shard yet."""
    meta, arrays = next(read_shard(path, ARRAYS))
    return Track.of(meta["name"], person, arrays)


def read_embeddings(work: Path, key: str) -> dict[str, Array]:
    """Who a video's tracks show, `[128]` each, of those that passed."""
    with np.load(work / key / "prints.npz", allow_pickle=False) as file:
        return {name: file[f"embedding{n}"] for n, name in enumerate(file["names"].tolist())}


def read_print(work: Path, key: str, name: str) -> Print:
    """What one track sounds and looks like."""
    with np.load(work / key / "prints.npz", allow_pickle=False) as file:
        return unpacked(file, file["names"].tolist().index(name))
