"""A face file, video or photo, as pictures at a constant rate."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from talkernel.errors import CorruptMediaError, OptionError
from talkernel.media.decode import Decoder
from talkernel.media.describe import color_tags_of, duration_of, frame_count_of, layout_of
from talkernel.media.frame import Picture
from talkernel.media.photo import PhotoSource, read_photo
from talkernel.media.probe import check_readable, open_container, picture_stream
from talkernel.media.source import ColorTags, FaceSource
from talkernel.media.timing import (
    DEFAULT_FPS,
    Timeline,
    constant_rate,
    middle,
    sane_rate,
    stream_rate,
    timestamp,
)

__all__ = ["ColorTags", "FaceSource", "VideoSource", "open_face"]

# Seconds to seek before the wanted picture. The first also skips frames that depend on frames
# before their keyframe. The second is for files with few keyframes.
_SEEK_MARGINS = (Fraction(1), Fraction(10))


def open_face(path: str | os.PathLike[str], *, fps: Fraction | float | None = None) -> FaceSource:
    """Opens a video or a photo; the content decides which it is.

    Args:
        path: The file.
        fps: Frame rate for a photo, 25 by default. A video keeps its own.

    Raises:
        MissingFileError: No such file, or not readable.
        NotMediaError: Neither a video, a photo nor a sound.
        InputError: A sound, with or without cover art.
        CorruptMediaError: No picture can be decoded.
        OptionError: The rate is not a number above zero.
    """
    name = os.fspath(path)
    check_readable(name)
    rgb = read_photo(name)
    if rgb is not None:
        return PhotoSource(name, rgb, _photo_rate(fps))
    with open_container(name) as container:
        stream = picture_stream(container, name)
        first = next(Decoder.of_video(container, stream).frames(), None)
        if first is None:
            raise CorruptMediaError(f"{name} is damaged: none of its pictures can be decoded.")
        return VideoSource(name, container, stream, first)


def _photo_rate(fps: Fraction | float | None) -> Fraction:
    if fps is None:
        return DEFAULT_FPS
    if not 0 < fps < math.inf:
        raise OptionError(f"{fps} is not a frame rate.", remedy="Give a number above zero.")
    return sane_rate(fps)


class VideoSource(FaceSource):
    """A video file; use `open_face`."""

    def __init__(
        self, path: str, container: InputContainer, stream: VideoStream, first: av.VideoFrame
    ) -> None:
        self._origin = timestamp(first, container.format.name) or Fraction(0)
        self._coded_size = (first.width, first.height)
        self._quarter_turns = round(first.rotation / 90) % 4  # counterclockwise
        self._seekable = True
        sideways = self._quarter_turns % 2 == 1
        layout = layout_of(first, sideways)
        fps, duration = stream_rate(stream), duration_of(container, stream)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        super().__init__(
            path=path,
            width=first.height if sideways else first.width,
            height=first.width if sideways else first.height,
            fps=fps,
            frame_count=frame_count_of(stream, fps, duration),
            duration=duration,
            is_photo=False,
            layout=layout,
            color=color_tags_of(stream, first, layout),
            sample_aspect_ratio=1 / aspect if sideways else aspect,
        )

    def frames(self, start: int = 0) -> Iterator[Picture]:
        """Pictures from number `start` on at the constant rate `fps`.

        Picture `i` is the frame shown in the middle of `[i, i + 1) / fps`. A file of constant rate
        therefore gives every frame once, however its timestamps are rounded.
        """
        seek = start > 0 and self._seekable
        timed = self._decode_before(middle(start, self.fps)) if seek else self._decode()
        for number, frame in constant_rate(timed, self.fps, start):
            yield self._picture(frame, float(number / self.fps))

    def _decode_before(self, time: Fraction) -> Iterator[tuple[Fraction, av.VideoFrame]]:
        """Frames from one at or before `time` on, without decoding the whole file."""
        for margin in _SEEK_MARGINS:
            frames = self._decode(time - margin)
            first = next(frames, None)
            if first is not None and first[0] <= time and self._seekable:
                return itertools.chain([first], frames)
        return self._decode()

    def _decode(self, seek_to: Fraction | None = None) -> Iterator[tuple[Fraction, av.VideoFrame]]:
        """Frames, each with its time since the first frame of the file, in seconds."""
        with open_container(self.path) as container:
            stream = picture_stream(container, self.path)
            if seek_to is not None and seek_to > 0:
                _seek(container, stream, self._origin + seek_to)
            timeline = Timeline(self._origin, 1 / self.fps, container.format.name)
            decoder = Decoder.of_video(container, stream)
            for frame in decoder.frames():
                time = timeline.place(frame)
                self._seekable &= timeline.reliable
                self.corrupt_packets = max(self.corrupt_packets, decoder.corrupt_packets)
                yield time, frame
            self.corrupt_packets = max(self.corrupt_packets, decoder.corrupt_packets)

    def _picture(self, frame: av.VideoFrame, time: float) -> Picture:
        if (frame.width, frame.height) != self._coded_size:  # the stream changed its size
            frame = frame.reformat(*self._coded_size)
        picture = Picture.from_av(frame, self.layout, time)
        if self._quarter_turns:
            y, u, v = (np.rot90(plane, self._quarter_turns).copy() for plane in picture.planes)
            picture.planes = (y, u, v)
        return picture


def _seek(container: InputContainer, stream: VideoStream, time: Fraction) -> None:
    """Seeks to a keyframe at or before `time`; stays at the start if that fails."""
    assert stream.time_base is not None
    try:
        container.seek(int(time / stream.time_base), stream=stream)
    except FFmpegError:
        return
