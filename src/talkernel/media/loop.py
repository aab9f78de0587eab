"""Cuts or repeats a video to the length of the speech."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from talkernel.choices import LoopMode
from talkernel.errors import CorruptMediaError
from talkernel.media.frame import Picture
from talkernel.media.source import FaceSource

CACHE_BYTES = 128 * 2**20


class LoopFrame(NamedTuple):
    """One output frame before editing.

    Attributes:
        picture: A copy for the consumer; its `time` is the output frame's, in seconds.
        number: Number of the source frame.
        leg: Number of the pass over the source. Within a leg, successive frames are neighbours
            in the source; between legs playback turns, jumps or stands still.
    """

    picture: Picture
    number: int
    leg: int


def source_index(i: int, n: int, mode: LoopMode) -> int:
    """Number of the source picture that is output picture `i`.

    Args:
        i: Output picture, from 0.
        n: Number of source pictures, at least 1.
        mode: `pingpong` plays forwards, then backwards, and so on, without repeating the picture
            at each turn; `forward` starts again; `freeze` repeats the last picture.
    """
    if mode == "freeze":
        return min(i, n - 1)
    if mode == "forward":
        return i % n
    period = max(1, 2 * (n - 1))
    return min(i % period, period - i % period) if n > 1 else 0


def source_leg(i: int, n: int, mode: LoopMode) -> int:
    """Which pass over the source output picture `i` belongs to; see `LoopFrame`."""
    if i < n:
        return 0
    if mode == "freeze" or n == 1:
        return 1
    return i // n if mode == "forward" else 1 + (i - n) // (n - 1)


def is_looped(source: FaceSource, count: int) -> bool:
    """Whether `count` frames may outlast the source; true if its length is unknown."""
    return source.frame_count is None or count > source.frame_count


def extend(
    source: FaceSource, count: int, mode: LoopMode, *, cache_bytes: int = CACHE_BYTES
) -> Iterator[LoopFrame]:
    """Exactly `count` frames: the source is cut, or continued according to `mode`.

    Memory does not grow with the length: a video that does not fit into the cache is decoded
    again, backwards in pieces that fit. A source of at least `count` known frames is not cached.

    Args:
        source: The face.
        count: Number of frames.
        mode: See `source_index`.
        cache_bytes: Memory limit for cached pictures, in bytes.

    Raises:
        CorruptMediaError: No picture of the source can be decoded.
    """
    frames = _endless(source, mode, cache_bytes, is_looped(source, count))
    for number, frame in enumerate(itertools.islice(frames, count)):
        frame.picture.time = float(number / source.fps)
        yield frame


def _endless(
    source: FaceSource, mode: LoopMode, cache_bytes: int, looped: bool
) -> Iterator[LoopFrame]:
    if source.is_photo:
        for i, picture in enumerate(source.frames()):
            yield LoopFrame(picture, 0, min(i, 1))
    capacity = 1 if mode == "freeze" else max(2, cache_bytes // source.picture_bytes)
    tail: deque[Picture] = deque(maxlen=capacity if looped else 0)
    n = 0
    for picture in source.frames():
        if looped:
            tail.append(picture.copy())
        yield LoopFrame(picture, n, 0)
        n += 1
    if not n:
        raise CorruptMediaError(f"{source.path} is damaged: none of its pictures can be decoded.")
    for i, picture in enumerate(_again(source, tail, n, mode, capacity), n):
        yield LoopFrame(picture, source_index(i, n, mode), source_leg(i, n, mode))


def _again(
    source: FaceSource, tail: deque[Picture], n: int, mode: LoopMode, capacity: int
) -> Iterator[Picture]:
    """Pictures after the first pass; `tail` holds the last ones of it, if they were cached."""
    if mode == "freeze":
        last = tail.pop() if tail else next(source.frames(n - 1))
        yield from (last.copy() for _ in itertools.count())
    if n <= len(tail):
        for i in itertools.count(n):
            yield tail[source_index(i, n, mode)].copy()
    while True:
        if mode == "pingpong":
            yield from _backward(source, tail, n, capacity)
        for picture in itertools.islice(source.frames(), n):
            if mode == "pingpong":
                tail.append(picture.copy())
            yield picture


def _backward(source: FaceSource, tail: deque[Picture], n: int, capacity: int) -> Iterator[Picture]:
    """Pictures n - 2 down to 1: first those in `tail`, which is emptied, then from the file."""
    stop = n - max(1, len(tail))
    if tail:
        tail.pop()
    while tail:
        yield tail.pop()
    while stop > 1:
        start = max(1, stop - capacity)
        piece = list(itertools.islice(source.frames(start), stop - start))
        while piece:
            yield piece.pop()
        stop = start
