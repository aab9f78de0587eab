"""Where decoded sound belongs in time, and how much of it is real."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from talkernel.media.timing import timestamp

_TOLERANCE = Fraction(1, 10)  # seconds by which timestamps may jitter within a stream
_LONGEST_GAP = Fraction(600)  # seconds of silence; a longer jump is taken for damage


def without_padding(frames: Iterator[av.AudioFrame]) -> Iterator[av.AudioFrame]:
    """Cuts off what an encoder added to fill its last frame, where its duration tells it.

    MP4 does so; in other containers FFmpeg has cut it already or nobody knows.
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
    rounding = frame.sample_rate // 500  # Matroska tells time in milliseconds
    if not 0 < length < frame.samples - rounding or not frame.format.is_planar:
        return frame
    samples: NDArray[Any] = np.ascontiguousarray(frame.to_ndarray()[:, :length])
    cut = av.AudioFrame.from_ndarray(samples, frame.format.name, frame.layout.name)
    cut.sample_rate, cut.time_base, cut.pts = frame.sample_rate, frame.time_base, frame.pts
    return cut


def place(
    frames: Iterator[av.AudioFrame], origin: Fraction
) -> Iterator[tuple[av.AudioFrame, Fraction]]:
    """Each frame with the seconds missing before it; negative where frames overlap."""
    position: Fraction | None = None
    for frame in frames:
        stamp = timestamp(frame)
        gap = Fraction(0) if stamp is None else stamp - origin - (position or 0)
        if abs(gap) > _LONGEST_GAP:
            origin += gap  # the clock restarted: follow it from here on
            gap = Fraction(0)
        elif position is not None and abs(gap) <= _TOLERANCE:
            gap = Fraction(0)
        yield frame, gap
        position = (position or 0) + gap + Fraction(frame.samples, frame.sample_rate)
