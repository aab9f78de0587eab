"""Writes the output: pictures at a constant rate, with the speech as sound."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from talkernel.errors import OutputError, OutputNotWritableError
from talkernel.files.atomic import AtomicFile
from talkernel.media.encoder import Encoding, choose_encoding, configure
from talkernel.media.frame import Picture
from talkernel.media.soundtrack import Soundtrack
from talkernel.media.source import FaceSource
from talkernel.media.speech import SpeechSource

AI_NOTICE = "AI-generated: mouth movements synthesised by Talkernel"
_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class VideoWriter:
    """Writes pictures and speech into one file, which appears only when complete.

    Use it in a `with` block. Its end finishes the file; an exception deletes it.

    Args:
        outfile: Output; its extension (.mp4, .m4v, .mov, .mkv, .webm) decides the container.
        source: The pictures' source; gives size, rate and colour tags.
        speech: The sound.
        frame_count: Number of pictures that will be written; the sound is cut at their end.
        codec: `h264`, `hevc`, `vp9`, `av1`, `mpeg4`, `prores`, `ffv1`, or an FFmpeg encoder;
            None: h264, in .webm vp9.
        crf: Constant rate factor, if the encoder has one; lower is better.
        preset: Speed preset of the encoder, by x264's names.
        overwrite: Whether an existing file is replaced.
        notice: Comment in the file's metadata; None for a video that is not synthesised.

    Raises:
        OutputExistsError: `outfile` exists.
        OutputNotWritableError: No such folder, no permission, or an unknown extension.
        OptionError: The codec is unknown or cannot go into the container.
    """

    def __init__(
        self,
        outfile: str | os.PathLike[str],
        *,
        source: FaceSource,
        speech: SpeechSource,
        frame_count: int,
        codec: str | None = None,
        crf: int = 18,
        preset: str = "veryfast",
        overwrite: bool = False,
        notice: str | None = AI_NOTICE,
    ) -> None:
        self._name = os.fspath(outfile)
        self._source, self._speech, self._notice = source, speech, notice
        self._length = frame_count / source.fps
        self._format = _container_format(self._name)
        self._file = AtomicFile(outfile, overwrite=overwrite)
        self._encoding = choose_encoding(codec, self._format, source, crf, preset)
        self._written = 0

    def __enter__(self) -> VideoWriter:
        """Writes the file's header."""
        try:
            with self._failures():
                self._open()
        except BaseException:
            self._abort()
            raise
        return self

    @property
    def warnings(self) -> tuple[str, ...]:
        """Options of the user that the encoder ignores, one line each."""
        return self._encoding.warnings

    @property
    def sound_copied(self) -> bool:
        """Whether the speech's packets are copied instead of encoded again."""
        return self._sound.copied

    def write(self, picture: Picture) -> None:
        """Appends one picture, and the sound up to it.

        Raises:
            OutputError: No space is left.
        """
        frame = picture.to_av()
        frame.pts, frame.time_base = self._written, 1 / self._source.fps
        self._written += 1
        with self._failures():
            self._mux(self._video.encode(frame))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finishes the file and moves it to its place, or deletes it after a failure."""
        try:
            if error is None:
                with self._failures():
                    self._finish()
                self._file.publish()
        finally:
            self._abort()

    def _open(self) -> None:
        # "x" fails if the folder is missing or the name is taken.
        self._file.temporary.open("xb").close()
        self._output = av.open(
            os.fspath(self._file.temporary),
            "w",
            format=self._format,
            container_options={"movflags": "+faststart"} if self._format in {"mp4", "mov"} else {},
        )
        if self._notice is not None:
            self._output.metadata["comment"] = self._notice
        self._video = _add_video(self._output, self._encoding, self._source)
        self._sound = Soundtrack(self._output, self._speech, self._length)
        self._output.start_encoding()

    def _mux(self, packets: list[Packet[Any]]) -> None:
        for packet in packets:
            self._output.mux(packet)
            # Sound up to the last encoded picture, so that the streams are interleaved.
            self._sound.feed((packet.dts or 0) * packet.time_base)

    def _finish(self) -> None:
        if not self._written:
            raise ValueError(f"no picture was written to {self._name}")
        self._mux(self._video.encode(None))
        self._sound.feed(min(self._length, self._written / self._source.fps))
        self._output.close()

    def _abort(self) -> None:
        """Releases everything. Deletes the file first, so that closing writes nothing."""
        self._file.discard()
        with suppress(Exception):
            self._sound.close()
        with suppress(Exception):
            self._output.close()
        self._file.discard()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise OutputError(
                    f"No space is left to write {self._name}.",
                    remedy="Free some space and run again; the partial file is gone.",
                ) from error
            if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT}:
                raise OutputNotWritableError(f"{self._name} cannot be written: {error}.") from error
            raise


def _container_format(outfile: str) -> str:
    suffix = Path(outfile).suffix.lower()
    if suffix not in _CONTAINERS:
        known = ", ".join(_CONTAINERS)
        raise OutputNotWritableError(
            f"{outfile}: no video format has the extension {suffix!r}.",
            remedy=f"Use one of these extensions: {known}.",
        )
    return _CONTAINERS[suffix]


def _add_video(output: OutputContainer, encoding: Encoding, source: FaceSource) -> VideoStream:
    stream = output.add_stream(encoding.encoder, rate=source.fps, options=encoding.options)
    assert isinstance(stream, VideoStream)
    configure(stream.codec_context, encoding.pixel_format, source)
    return stream
