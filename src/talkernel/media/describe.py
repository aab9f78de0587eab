"""What a video stream is: its pixels, colours and length."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from talkernel.media.frame import FULL_RANGE, MATRIX_TAG, PixelLayout, work_layout
from talkernel.media.source import ColorTags


def layout_of(frame: av.VideoFrame, sideways: bool) -> PixelLayout:
    """The working format; 4:2:2 turned on its side would be a format nobody encodes."""
    shape = (frame.width, frame.height, frame.colorspace, frame.color_range)
    layout = work_layout(frame.format.name, *shape)
    if sideways and layout.chroma_shift == (1, 0):
        return work_layout(layout.format.replace("422", "444"), *shape)
    return layout


def color_tags_of(stream: VideoStream, frame: av.VideoFrame, layout: PixelLayout) -> ColorTags:
    """The tags for the output: the source's own, but for pictures that had to become YUV."""
    was_yuv = not (frame.format.is_rgb or frame.format.has_palette)
    limited = frame.color_range if was_yuv else 1
    return ColorTags(
        primaries=stream.color_primaries,
        transfer=stream.color_trc,
        matrix=frame.colorspace if was_yuv else MATRIX_TAG[layout.matrix],
        range=FULL_RANGE if layout.full_range else limited,
    )


def duration_of(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds, as the stream or else the container tells them."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def frame_count_of(stream: VideoStream, fps: Fraction, duration: float | None) -> int | None:
    """Pictures at the constant rate `fps`, as an estimate."""
    by_time = round(duration * fps) if duration else None
    if stream.frames and (by_time is None or abs(by_time - stream.frames) <= 1):
        return stream.frames
    return by_time
