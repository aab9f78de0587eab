"""Where to edit each frame, and how strongly: a steady crop and head, soft starts and ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

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
    """What to do with one frame.

    Attributes:
        crop: Where f looks; None to pass the frame through.
        landmarks: `[468, 3]` of the face, in frame pixels; the rigid ones steadied, for what is
            drawn is placed by them, and would tremble with them.
        strength: Of the edit, 0 to 1.
        reason: Why the frame is passed through.
        cut: Whether the frame begins a new shot.
    """

    crop: Crop | None
    landmarks: NDArray[np.float32] | None
    strength: float
    reason: str | None
    cut: bool


Observed = tuple[Picture, Observation]


def stabilise(
    observed: Iterable[Observed], share: float = 1.0
) -> Iterator[tuple[Picture, Placement]]:
    """Place the edit in every frame, looking a few frames ahead.

    Args:
        observed: Pictures and what the tracker said of them, in order.
        share: Of the face crop, see `crop_of`.

    Yields:
        The same pictures, `LOOK_AHEAD` frames later, with their placement.
    """
    window: deque[Observed] = deque(maxlen=2 * LOOK_AHEAD + 1)
    ahead = 0  # how many observed frames still wait for their placement
    for item in observed:
        window.append(item)
        ahead += 1
        if ahead > LOOK_AHEAD:
            yield _place(window, len(window) - ahead, share)
            ahead -= 1
    while ahead:
        yield _place(window, len(window) - ahead, share)
        ahead -= 1


def _place(window: deque[Observed], at: int, share: float) -> tuple[Picture, Placement]:
    picture, observation = window[at]
    if observation.face is None:
        return picture, Placement(None, None, 0.0, observation.reason, observation.cut)
    around = [seen for _, seen in window]
    first, before = _reach(around, at, -1)
    last, after = _reach(around, at, +1)
    track = np.stack([_geometry(around[i]) for i in range(first, last + 1)])
    strength = min(_fade(at - first, before), _fade(last - at, after))
    crop = crop_of(_gaussian_mean(track, at - first), share)
    near = slice(max(first, at - STEADY), min(last, at + STEADY) + 1)
    landmarks = _steadied(around[near], at - near.start)
    return picture, Placement(crop, landmarks, strength, None, observation.cut)


def _reach(around: list[Observation], at: int, step: int) -> tuple[int, bool]:
    """How far the face stays in view within the shot, and whether it is lost there."""
    while 0 <= at + step < len(around):
        cut = around[at + max(step, 0)].cut
        if cut or around[at + step].face is None:
            return at, not cut
        at += step
    return at, False


def _geometry(seen: Observation) -> NDArray[np.float64]:
    assert seen.face is not None
    return seen.face.geometry


def _gaussian_mean(track: NDArray[np.float64], at: int) -> NDArray[np.float64]:
    """Weighted mean that stays on a steadily moving face: the window is kept symmetric."""
    reach = min(at, len(track) - 1 - at)
    near = track[at - reach : at + reach + 1]
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    return np.asarray(weight @ near / weight.sum())


def _steadied(seen: list[Observation], at: int) -> NDArray[np.float32]:
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
