"""Opens media files and turns FFmpeg's errors into Talkernel's."""

from __future__ import annotations

import os
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from talkernel.errors import (
    CorruptMediaError,
    InputError,
    MissingFileError,
    NoAudioError,
    NotMediaError,
)

# FFmpeg decodes any .txt file as terminal art.
_TEXT_FORMATS = {"tty", "bintext", "xbin", "adf", "idf"}
_NOT_A_PICTURE_STREAM = Disposition.attached_pic | Disposition.timed_thumbnails


def open_container(path: str | os.PathLike[str]) -> InputContainer:
    """Opens a media file; close it, or use it in a `with`.

    Raises:
        MissingFileError: No such file, a folder, or not readable.
        NotMediaError: FFmpeg cannot read it.
        CorruptMediaError: A video file without its index.
    """
    check_readable(path)
    try:
        # An absolute path cannot be mistaken for an option or a protocol ("a:b.mp4").
        container = av.open(os.path.abspath(path), metadata_errors="replace")
    except (FFmpegError, OSError, ValueError) as error:
        raise _cannot_open(path, error) from error
    if container.format.name in _TEXT_FORMATS or not _playable(container):
        container.close()
        raise NotMediaError(f"{os.fspath(path)} is neither a video, a picture nor a sound.")
    return container


def check_readable(path: str | os.PathLike[str]) -> None:
    """Raises MissingFileError or NotMediaError unless `path` is a readable file with content."""
    name, file = os.fspath(path), Path(path)
    try:
        if not file.exists():
            raise MissingFileError(f"{name} does not exist.")
        if not file.is_file():
            raise MissingFileError(f"{name} is not a file.")
        with file.open("rb") as opened:
            empty = not opened.read(1)
    except (OSError, ValueError) as error:
        raise MissingFileError(f"{name} cannot be read: {error}.") from error
    if empty:
        raise NotMediaError(f"{name} is empty.")


def picture_stream(container: InputContainer, path: str | os.PathLike[str]) -> VideoStream:
    """The largest picture stream; cover art does not count.

    Raises:
        InputError: The file has none.
    """
    streams = find_picture_streams(container)
    if not streams:
        raise InputError(
            f"{os.fspath(path)} has no picture stream.", remedy="Give --face a video or a photo."
        )
    return max(streams, key=lambda stream: stream.width * stream.height)


def find_picture_streams(container: InputContainer) -> list[VideoStream]:
    """All decodable picture streams that are not cover art."""
    return [
        stream
        for stream in container.streams.video
        if _decodable(stream) and not stream.disposition & _NOT_A_PICTURE_STREAM
    ]


def sound_stream(container: InputContainer, path: str | os.PathLike[str]) -> AudioStream:
    """The sound stream that a player would choose.

    Raises:
        NoAudioError: The file has none.
    """
    streams = [stream for stream in container.streams.audio if _decodable(stream)]
    if not streams:
        raise NoAudioError(f"{os.fspath(path)} has no sound stream.")
    return max(streams, key=lambda stream: bool(stream.disposition & Disposition.default))


def _decodable(stream: Stream) -> bool:
    # If FFmpeg has no decoder, the context is None, contrary to PyAV's type hint.
    return bool(stream.codec_context)


def _playable(container: InputContainer) -> bool:
    if container.format.name == "image2":  # chosen by the extension alone
        return any(stream.width for stream in container.streams.video)
    return any(
        _decodable(stream) for stream in (*container.streams.video, *container.streams.audio)
    )


def _cannot_open(
    path: str | os.PathLike[str], error: Exception
) -> CorruptMediaError | NotMediaError:
    name = os.fspath(path)
    with Path(path).open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return CorruptMediaError(f"{name} is damaged or incomplete: its index cannot be read.")
    return NotMediaError(f"{name} cannot be opened as media: {error}.")
