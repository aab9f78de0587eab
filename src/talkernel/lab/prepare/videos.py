"""Finds the video files in the given files and folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from talkernel.errors import DataError, MissingFileError

ENDINGS = {
    ".mp4",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".mts",
    ".ts",
    ".flv",
    ".wmv",
    ".3gp",
    ".ogv",
    ".mxf",
    ".vob",
}


def find_videos(given: Sequence[Path]) -> list[Path]:
    """The given files, and all files with a video's ending in the given folders and below.

    Raises:
        MissingFileError: A given path does not exist.
        DataError: There are no videos.
    """
    found: dict[Path, None] = {}
    for path in given:
        if not path.exists():
            raise MissingFileError(f"{path} does not exist.")
        found |= dict.fromkeys(_videos_in(path) if path.is_dir() else [path.absolute()])
    if not found:
        raise DataError(
            f"There is no video in {', '.join(map(str, given)) or 'nothing'}.",
            remedy="Give videos, or folders that contain some.",
        )
    return list(found)


def _videos_in(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in ENDINGS and not name.startswith("."):
                yield Path(place, name).absolute()
