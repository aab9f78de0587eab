"""Processes one video and stores the result in the work folder, atomically.

`work/<key>/` holds `result.json`, `prints.npz` (embeddings and fingerprints of the tracks that
passed) and, until the shards are written, a tar for each track. A worker fills a folder with a
temporary name and renames it. So a worker may be killed at any moment, and the video processed
again on another machine.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.errors import InstallationError, TalkernelError
from talkernel.lab.prepare.duplicates import Fingerprint, packed, unpacked
from talkernel.lab.prepare.record import Candidate, Found, stored_track
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.video import key_of, tracks_of
from talkernel.lab.tracks.shard import read_shard, write_shard
from talkernel.lab.tracks.track import ARRAYS, Track, sample_of
from talkernel.media import open_face

PART = ".part-"  # prefix of temporary folders
# These errors would occur with every other item as well, so they stop the run.
AFFECTS_ALL = (InstallationError, ImportError, MemoryError, OSError)
Array = NDArray[np.float32]


@dataclass(frozen=True)
class VideoTask:
    """One video to process.

    Attributes:
        video: The file.
        work: The work folder.
        settings: The quality gates.
    """

    video: Path
    work: Path
    settings: Settings


@dataclass(frozen=True)
class VideoResult:
    """The result of processing a video.

    Attributes:
        key: Hash of its content; see `video.key_of`.
        source: Path of the file when it was processed.
        candidates: All candidate tracks, kept and dropped.
        error: Why the video could not be used; None if it could.
        fps: The video's own frame rate.
    """

    key: str
    source: str
    candidates: list[Candidate]
    error: str | None = None
    fps: float = 0.0


def work_on(task: VideoTask) -> tuple[str, bool]:
    """Process one video, unless that has been done before.

    Returns:
        The video's key, and whether it was processed now.

    Raises:
        InstallationError: The face models are missing, which affects every video.
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
        shutil.rmtree(partial)  # another worker finished the same video first
    return key, True


def _fill(folder: Path, key: str, task: VideoTask) -> None:
    """Process the video and write all files of its folder."""
    found: list[Found] = []
    error, fps = None, 0.0
    try:
        fps = float(open_face(task.video).fps)
        for one in tracks_of(task.video, task.settings):
            if one.track is not None:
                write_shard(stored_track(folder, one.track.name), [sample_of(one.track)])
            found.append(dataclasses.replace(one, track=None))
    except AFFECTS_ALL:
        raise
    except TalkernelError as failure:
        error = str(failure)
    except Exception as failure:  # a damaged file can fail in any way; the others can go on
        error = f"{type(failure).__name__}: {failure}"
    _write_fingerprints(folder, found)
    result = VideoResult(key, str(task.video), [one.record for one in found], error, fps)
    (folder / "result.json").write_text(json.dumps(dataclasses.asdict(result)))


def _write_fingerprints(folder: Path, found: Sequence[Found]) -> None:
    """Write fingerprints and embeddings of the tracks that passed."""
    names: list[str] = []
    fingerprints: list[Fingerprint] = []
    embeddings: dict[str, NDArray[np.generic]] = {}
    for one in found:
        if one.fingerprint is not None and one.embedding is not None:
            embeddings[f"embedding{len(names)}"] = one.embedding
            names.append(one.candidate.name)
            fingerprints.append(one.fingerprint)
    arrays = packed(fingerprints) | embeddings
    np.savez(folder / "prints.npz", names=names, **arrays)  # type: ignore[arg-type]


def read_result(work: Path, key: str) -> VideoResult:
    """Read the stored result of a video."""
    values: dict[str, Any] = json.loads((work / key / "result.json").read_text())
    candidates = [Candidate.from_dict(own) for own in values["candidates"]]
    return VideoResult(**values | {"candidates": candidates})


def load_found(path: Path, person: str = "") -> Track:
    """Load a track from the work folder, and set its person's name."""
    meta, arrays = next(read_shard(path, ARRAYS))
    return Track.of(meta["name"], person, arrays)


def read_embeddings(work: Path, key: str) -> dict[str, Array]:
    """Mean face embeddings `[128]` of a video's tracks that passed, by name."""
    with np.load(work / key / "prints.npz", allow_pickle=False) as file:
        return {name: file[f"embedding{n}"] for n, name in enumerate(file["names"].tolist())}


def read_fingerprint(work: Path, key: str, name: str) -> Fingerprint:
    """Read the fingerprint of one track."""
    with np.load(work / key / "prints.npz", allow_pickle=False) as file:
        return unpacked(file, file["names"].tolist().index(name))
