"""Corrects frame rates and timestamps that files state wrongly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.video.stream import VideoStream

DEFAULT_FPS = Fraction(25)
_SLOWEST, _FASTEST = Fraction(1), Fraction(240)
_WHOLE_RATES = (5, 6, 8, 10, 12, 15, 18, 20, 24, 25, 30, 48, 50, 60, 72, 90, 100, 120, 144, 240)
_STANDARD_RATES = tuple(
    rate for whole in _WHOLE_RATES for rate in (Fraction(whole), Fraction(whole * 1000, 1001))
)
_LONGEST_GAP = Fraction(60)  # seconds; a longer jump of the timestamps is treated as damage
_RESET = Fraction(1)  # seconds; smaller steps backwards are frames out of order
# Containers without presentation times; FFmpeg's estimates are worse than the decoding times.
_NO_PTS = {"avi"}
# Containers of constant rate, with timestamps for some frames only.
_STEADY = {"mpeg", "mpegvideo", "h264", "hevc", "m4v"}


def sane_rate(fps: Fraction | float) -> Fraction:
    """The nearest standard rate if it is within 0.04 %, else `fps` as a short fraction.

    29.97 becomes 30000/1001, while 29.9 stays. Clamped to 1 to 240 pictures/s.
    """
    rate = Fraction(fps)
    nearest = min(_STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if abs(nearest - rate) <= rate * Fraction(4, 10_000):
        return nearest
    return max(_SLOWEST, min(_FASTEST, rate.limit_denominator(1001)))


def stream_rate(stream: VideoStream) -> Fraction:
    """The constant rate for a stream, in pictures per second.

    The average rate of a constant-rate file is often slightly wrong, because its last frame may
    have any duration. The base rate is then right.
    """
    average, base = stream.average_rate, stream.base_rate
    if not average:
        return sane_rate(base) if base and _SLOWEST <= base <= _FASTEST else DEFAULT_FPS
    rate = sane_rate(average)
    if rate not in _STANDARD_RATES and base and abs(base - average) <= average / 50:
        return sane_rate(base)
    return rate


def middle(number: int, fps: Fraction) -> Fraction:
    """The middle of picture `number`, in seconds: the frame shown then becomes this picture."""
    return (number + Fraction(1, 2)) / fps


def constant_rate(
    timed: Iterable[tuple[Fraction, av.VideoFrame]], fps: Fraction, start: int = 0
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Repeats and drops frames to give a constant rate.

    Args:
        timed: Frames in order, each with its time in seconds.
        fps: Output pictures per second.
        start: Number of the first output picture.

    Yields:
        Each output picture's number and the frame shown in the middle of its time.
    """
    number, time = start, Fraction(0)
    shown: av.VideoFrame | None = None
    for time, frame in timed:
        while shown is not None and middle(number, fps) < time:
            yield number, shown
            number += 1
        shown = frame
    while shown is not None and middle(number, fps) < time + shown_for(shown, 1 / fps):
        yield number, shown
        number += 1


class Timeline:
    """Gives each frame a time; corrects missing and impossible timestamps.

    Args:
        origin: Timestamp, in seconds, of the stream's first frame.
        step: Seconds from one frame to the next if the timestamps do not say.
        container: FFmpeg's name of the container; in some, timestamps are unreliable.

    Attributes:
        reliable: Whether all frames so far have the time of their own timestamps.
    """

    def __init__(self, origin: Fraction, step: Fraction, container: str = "") -> None:
        self._origin = origin
        self._step = step
        self._container = container
        self._last: Fraction | None = None
        self.reliable = container not in _STEADY

    def place(self, frame: av.VideoFrame) -> Fraction:
        """Seconds from the first frame of the stream to this one."""
        stamp = timestamp(frame, self._container)
        time = None if stamp is None else stamp - self._origin
        if self._last is None:
            self.reliable &= time is not None
            self._last = time or Fraction(0)
        else:
            self._last = self._following(self._last + self._step, time)
        return self._last

    def _following(self, expected: Fraction, time: Fraction | None) -> Fraction:
        if time is None:
            return expected
        late = time - expected
        if self._container in _STEADY and abs(late) <= 2 * self._step:
            return expected
        if -self._step < late <= _LONGEST_GAP:
            return time
        self.reliable = False
        if abs(late) > _RESET:
            self._origin += late  # the clock restarted
        return expected


def timestamp(frame: av.VideoFrame | av.AudioFrame, container: str = "") -> Fraction | None:
    """Presentation time in seconds, as the container counts it; None if unknown."""
    pts, dts = frame.pts, frame.dts
    if container in _NO_PTS:
        pts = None
    ticks = pts if pts is not None else dts
    return None if ticks is None or not frame.time_base else ticks * frame.time_base


def shown_for(frame: av.VideoFrame, usual: Fraction) -> Fraction:
    """Duration of a video's last frame in seconds, at least `usual`."""
    duration = (frame.duration or 0) * (frame.time_base or Fraction(0))
    return min(max(duration, usual), usual + 1)
