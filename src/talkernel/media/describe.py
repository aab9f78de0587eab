"""Pixel format, colour tags and length of a video stream."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from talkernel.media.frame import FULL_RANGE, MATRIX_TAG, PixelLayout, work_layout
from talkernel.media.source import ColorTags


def layout_of(frame: av.VideoFrame, sideways: bool) -> PixelLayout:
    """The format to work in. 4:2:2 becomes 4:4:4 if rotated: encoders take no 4:4:0."""
    shape = (frame.width, frame.height, frame.colorspace, frame.color_range)
    layout = work_layout(frame.format.name, *shape)
    if sideways and layout.chroma_shift == (1, 0):
        return work_layout(layout.format.replace("422", "444"), *shape)
    return layout


def color_tags_of(stream: VideoStream, frame: av.VideoFrame, layout: PixelLayout) -> ColorTags:
    """Tags for the output: the source's own, except for pictures that are converted to YUV."""
    was_yuv = not (frame.format.is_rgb or frame.format.has_palette)
    limited = frame.color_range if was_yuv else 1
    return ColorTags(
        primaries=stream.color_primaries,
        transfer=stream.color_trc,
        matrix=frame.colorspace if was_yuv else MATRIX_TAG[layout.matrix],
        range=FULL_RANGE if layout.full_range else limited,
    )


def duration_of(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds, from the stream's header or else from the container's."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def frame_count_of(stream: VideoStream, fps: Fraction, duration: float | None) -> int | None:
    """Estimated number of pictures at the constant rate `fps`; None if unknown."""
    by_time = round(duration * fps) if duration else None
    if stream.frames and (by_time is None or abs(by_time - stream.frames) <= 1):
        return stream.frames
    return by_time
