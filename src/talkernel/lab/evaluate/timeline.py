"""Which frames of two videos are compared: those shown at the same time."""

from __future__ import annotations

from collections.abc import Iterator

from talkernel.errors import UnalignableError
from talkernel.lab.evaluate.observe import Seen
from talkernel.media import Picture, open_face

SHORTEST = 0.8  # share of the longer video that the shorter must cover
Pair = tuple[int, int]


def same_time(video: Seen, real: Seen) -> list[Pair]:
    """Numbers of the frames of `video` and `real` that are shown together.

    One pair per frame of `real`, as long as both last: with equal rates frame k meets frame k,
    otherwise the frame shown in the middle of the real one's time.

    Raises:
        UnalignableError: The shorter covers less than 80 % of the longer.
    """
    seconds = [float(len(each) / each.fps) for each in (video, real)]
    if min(seconds) < SHORTEST * max(seconds):
        raise UnalignableError(
            f"{video.path} lasts {seconds[0]:.2f} s and {real.path} {seconds[1]:.2f} s."
        )
    pairs = [(int((j + 0.5) * video.fps / real.fps), j) for j in range(len(real))]
    return [(i, j) for i, j in pairs if i < len(video)]


def pictures_together(
    video: Seen, real: Seen, pairs: list[Pair]
) -> Iterator[tuple[Pair, Picture, Picture]]:
    """The pictures of both, one pair at a time; nothing else is held in memory."""
    theirs, number, shown = open_face(video.path).frames(), -1, None
    for (i, j), own in zip(pairs, open_face(real.path).frames(), strict=False):
        while number < i:
            shown, number = next(theirs), number + 1
        assert shown is not None
        yield (i, j), shown, own
