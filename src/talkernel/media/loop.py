"""Makes a video as long as the speech."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Literal

from talkernel.errors import CorruptMediaError
from talkernel.media.frame import Picture
from talkernel.media.source import FaceSource

LoopMode = Literal["pingpong", "forward", "freeze"]
CACHE_BYTES = 128 * 2**20


def source_index(i: int, n: int, mode: LoopMode) -> int:
    """Which of the `n` pictures of a video is shown as picture `i` of the output.

    Args:
        i: Output picture, from 0.
        n: Number of source pictures, at least 1.
        mode: `pingpong` plays to and fro without doubling the turning pictures,
            `forward` starts again, `freeze` holds the last picture.
    """
    if mode == "freeze":
        return min(i, n - 1)
    if mode == "forward":
        return i % n
    period = max(1, 2 * (n - 1))
    return min(i % period, period - i % period) if n > 1 else 0


def extend(
    source: FaceSource, count: int, mode: LoopMode, *, cache_bytes: int = CACHE_BYTES
) -> Iterator[Picture]:
    """Exactly `count` pictures: the source cut, or continued as `mode` says.

    Memory does not grow with the length: a video that does not fit into the
    cache is decoded again, backwards in pieces that do.

    Args:
        source: The face.
        count: Pictures wanted.
        mode: See `source_index`.
        cache_bytes: Most memory for pictures held, in bytes.

    Yields:
        Pictures private to the caller, `time` being output number over fps.

    Raises:
        CorruptMediaError: The source gives no picture at all.
    """
    for number, picture in enumerate(itertools.islice(_endless(source, mode, cache_bytes), count)):
        picture.time = float(number / source.fps)
        yield picture


def _endless(source: FaceSource, mode: LoopMode, cache_bytes: int) -> Iterator[Picture]:
    if source.is_photo:
        yield from source.frames()
    room = 1 if mode == "freeze" else max(2, cache_bytes // _picture_bytes(source))
    tail: deque[Picture] = deque(maxlen=room)
    n = 0
    for picture in source.frames():
        tail.append(picture)
        n += 1
        yield picture.copy()
    if not n:
        raise CorruptMediaError(f"{source.path} is damaged: none of its pictures can be decoded.")
    if mode == "freeze" or n <= room:
        yield from _from_memory(tail, n, mode)
    yield from _from_file(source, tail, n, mode)


def _from_memory(tail: deque[Picture], n: int, mode: LoopMode) -> Iterator[Picture]:
    """What follows the first pass where its last pictures are all that is needed."""
    for i in itertools.count(n):
        yield tail[source_index(i, n, mode) - n].copy()


def _from_file(
    source: FaceSource, tail: deque[Picture], n: int, mode: LoopMode
) -> Iterator[Picture]:
    """What follows the first pass where the video does not fit into the cache."""
    while True:
        if mode == "pingpong":
            yield from _backward(source, tail, n)
        for picture in itertools.islice(source.frames(), n):
            tail.append(picture)
            yield picture.copy()


def _backward(source: FaceSource, tail: deque[Picture], n: int) -> Iterator[Picture]:
    """Pictures n - 2 down to 1: those in `tail`, which it empties, then from the file."""
    room, stop = len(tail), n - len(tail)
    tail.pop()
    while tail:
        yield tail.pop()
    while stop > 1:
        start = max(1, stop - room)
        piece = list(itertools.islice(source.frames(start), stop - start))
        while piece:
            yield piece.pop()
        stop = start


def _picture_bytes(source: FaceSource) -> int:
    horizontal, vertical = source.layout.chroma_shift
    samples = source.width * source.height * (1 + 2 / 2 ** (horizontal + vertical))
    return int(samples) * (1 if source.layout.depth == 8 else 2)
