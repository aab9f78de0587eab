"""Where to edit each frame, and how strongly: a steady crop and head, soft starts and ends.

Nothing is smoothed across the ends of a track.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import Crop, crop_of
from talkernel.face.pose import RIGID
from talkernel.face.track import Observation
from talkernel.media.frame import Picture

LOOK_AHEAD = 5  # frames held back, so that smoothing has no lag
SIGMA = 1.5  # frames
STEADY = 4  # frames to either side over which the head's path is taken for a parabola
FADE = 4  # frames over which the edit fades out before a face is lost, and in after


@dataclass(frozen=True)
class Placement:
    """Where a frame is edited.

    Attributes:
        crop: Where the generator looks.
        landmarks: `[468, 3]` of the face, in frame pixels; the rigid ones smoothed, for what is
            drawn is placed by them, and would tremble with them.
        strength: Of the edit, 0 to 1.
        track: Number of the track that the face belongs to.
    """

    crop: Crop
    landmarks: NDArray[np.float32]
    strength: float
    track: int = 0


class PlacedFrame(NamedTuple):
    """A frame and where it is edited.

    Attributes:
        picture: The frame.
        placement: None: it passes through.
        reason: Why it passes through.
    """

    picture: Picture
    placement: Placement | None
    reason: str | None


Observed = tuple[Picture, Observation]


def stabilise(observed: Iterable[Observed], fraction: float = 1.0) -> Iterator[PlacedFrame]:
    """Place the edit in every frame, looking a few frames ahead.

    Args:
        observed: Pictures and what the tracker said of them, in order.
        fraction: Of the face crop's side, see `crop_of`.

    Yields:
        The same pictures, `LOOK_AHEAD` frames later, with their placement.
    """
    window: deque[Observed] = deque(maxlen=2 * LOOK_AHEAD + 1)
    ahead = 0  # how many observed frames still wait for their placement
    for item in observed:
        window.append(item)
        ahead += 1
        if ahead > LOOK_AHEAD:
            yield _place(window, len(window) - ahead, fraction)
            ahead -= 1
    while ahead:
        yield _place(window, len(window) - ahead, fraction)
        ahead -= 1


def _place(window: deque[Observed], at: int, fraction: float) -> PlacedFrame:
    picture, observation = window[at]
    if observation.face is None:
        return PlacedFrame(picture, None, observation.reason)
    around = [seen for _, seen in window]
    first, before = _reach(around, at, -1)
    last, after = _reach(around, at, +1)
    path = np.stack([_geometry(around[i]) for i in range(first, last + 1)])
    strength = min(_fade(at - first, before), _fade(last - at, after))
    crop = crop_of(_gaussian_mean(path, at - first), fraction)
    near = slice(max(first, at - STEADY), min(last, at + STEADY) + 1)
    landmarks = _smoothed(around[near], at - near.start)
    return PlacedFrame(picture, Placement(crop, landmarks, strength, observation.track), None)


def _reach(around: list[Observation], at: int, step: int) -> tuple[int, bool]:
    """How far the track goes on in view, and whether the face is lost where it ends."""
    while 0 <= at + step < len(around):
        cut = around[at + max(step, 0)].cut
        beyond = around[at + step]
        if cut or beyond.face is None or beyond.track != around[at].track:
            return at, not cut and beyond.face is None
        at += step
    return at, False


def _geometry(seen: Observation) -> NDArray[np.float64]:
    assert seen.face is not None
    return seen.face.geometry


def _gaussian_mean(path: NDArray[np.float64], at: int) -> NDArray[np.float64]:
    """Weighted mean that stays on a steadily moving face: the window is kept symmetric."""
    reach = min(at, len(path) - 1 - at)
    near = path[at - reach : at + reach + 1]
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    return np.asarray(weight @ near / weight.sum())


def _smoothed(seen: list[Observation], at: int) -> NDArray[np.float32]:
    """Landmarks of frame `at` of some, the head where its path over all of them has it."""
    faces = [one.face.landmarks for one in seen if one.face is not None]
    landmarks, rigid = faces[at].copy(), list(RIGID)
    path = np.stack([face[rigid] for face in faces])
    landmarks[rigid] = np.tensordot(_on_parabola(len(path), at), path, 1)
    return landmarks


@cache
def _on_parabola(count: int, at: int) -> NDArray[np.float64]:
    """Weights `[count]` that give the value at one place of the parabola through all.

    A mean would cut a nod short (Savitzky and Golay 1964).
    """
    times = np.arange(count) - at
    powers = times[:, None] ** np.arange(min(3, count))
    return np.asarray(np.linalg.pinv(powers)[0], np.float64)


def _fade(distance: int, lost: bool) -> float:
    return min(1.0, (distance + 1) / (FADE + 1)) if lost else 1.0
