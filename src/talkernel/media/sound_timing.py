"""Gaps in the timestamps of decoded sound, and the encoder's padding at its end."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from talkernel.media.timing import timestamp

_TOLERANCE = Fraction(1, 10)  # seconds by which timestamps may jitter within a stream
_LONGEST_GAP = Fraction(600)  # seconds; a longer jump is treated as damage


def without_padding(frames: Iterator[av.AudioFrame]) -> Iterator[av.AudioFrame]:
    """Removes the samples that an encoder added to fill its last frame.

    In MP4 the last frame's duration tells how many. In other containers FFmpeg has removed them
    already, or their number is unknown.
    """
    last: av.AudioFrame | None = None
    for frame in frames:
        if last is not None:
            yield last
        last = frame
    if last is not None:
        yield _cut_to_duration(last)


def _cut_to_duration(frame: av.AudioFrame) -> av.AudioFrame:
    seconds = (frame.duration or 0) * (frame.time_base or Fraction(0))
    length = round(seconds * frame.sample_rate)
    rounding = frame.sample_rate // 500  # Matroska's times are in milliseconds
    if not 0 < length < frame.samples - rounding or not frame.format.is_planar:
        return frame
    samples: NDArray[Any] = np.ascontiguousarray(frame.to_ndarray()[:, :length])
    cut = av.AudioFrame.from_ndarray(samples, frame.format.name, frame.layout.name)
    cut.sample_rate, cut.time_base, cut.pts = frame.sample_rate, frame.time_base, frame.pts
    return cut


def place(
    frames: Iterator[av.AudioFrame], origin: Fraction
) -> Iterator[tuple[av.AudioFrame, Fraction]]:
    """Each frame with the seconds of sound missing before it; negative if frames overlap."""
    position: Fraction | None = None
    for frame in frames:
        stamp = timestamp(frame)
        gap = Fraction(0) if stamp is None else stamp - origin - (position or 0)
        if abs(gap) > _LONGEST_GAP:
            origin += gap  # the clock restarted
            gap = Fraction(0)
        elif position is not None and abs(gap) <= _TOLERANCE:
            gap = Fraction(0)
        yield frame, gap
        position = (position or 0) + gap + Fraction(frame.samples, frame.sample_rate)
