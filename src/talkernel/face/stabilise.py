"""Smooths the tracked face over time: a steady crop and head, and fades where a face is lost.

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

DELAY = 5  # frames buffered, so that smoothing adds no lag
SIGMA = 1.5  # frames: of the Gaussian that smooths the crop
HEAD_REACH = 4  # frames on either side to which a parabola is fitted, for the head
FADE = 4  # frames over which the edit fades out before a face is lost, and in afterwards


@dataclass(frozen=True)
class Placement:
    """Where a frame is edited.

    Attributes:
        crop: The generator's crop.
        landmarks: `[468, 3]` in frame pixels. The rigid ones are smoothed: the mouth is placed by
            them and would jitter with them.
        strength: Opacity of the edit, 0 to 1.
        track: Number of the face's track.
    """

    crop: Crop
    landmarks: NDArray[np.float32]
    strength: float
    track: int = 0


class PlacedFrame(NamedTuple):
    """A frame and where it is edited.

    Attributes:
        picture: The frame.
        placement: None: the frame passes through.
        reason: Why it passes through.
    """

    picture: Picture
    placement: Placement | None
    reason: str | None


Observed = tuple[Picture, Observation]


def stabilise(observed: Iterable[Observed], fraction: float = 1.0) -> Iterator[PlacedFrame]:
    """Place the edit in every frame, looking a few frames ahead.

    Args:
        observed: Pictures and the tracker's observations, in order.
        fraction: Of the face crop's side; see `crop_of`.

    Yields:
        The same pictures, `DELAY` frames later, with their placement.
    """
    window: deque[Observed] = deque(maxlen=2 * DELAY + 1)
    waiting = 0  # observed frames that are not placed yet
    for item in observed:
        window.append(item)
        waiting += 1
        if waiting > DELAY:
            yield _place(window, len(window) - waiting, fraction)
            waiting -= 1
    while waiting:
        yield _place(window, len(window) - waiting, fraction)
        waiting -= 1


def _place(window: deque[Observed], at: int, fraction: float) -> PlacedFrame:
    picture, observation = window[at]
    if observation.face is None:
        return PlacedFrame(picture, None, observation.reason)
    nearby = [other for _, other in window]
    first, lost_before = _track_end(nearby, at, -1)
    last, lost_after = _track_end(nearby, at, +1)
    path = np.stack([_geometry(nearby[i]) for i in range(first, last + 1)])
    strength = min(_fade(at - first, lost_before), _fade(last - at, lost_after))
    crop = crop_of(_gaussian_mean(path, at - first), fraction)
    fitted = slice(max(first, at - HEAD_REACH), min(last, at + HEAD_REACH) + 1)
    landmarks = _smoothed(nearby[fitted], at - fitted.start)
    return PlacedFrame(picture, Placement(crop, landmarks, strength, observation.track), None)


def _track_end(nearby: list[Observation], at: int, step: int) -> tuple[int, bool]:
    """The last frame of the track in one direction, and whether the face is lost after it."""
    while 0 <= at + step < len(nearby):
        cut = nearby[at + max(step, 0)].cut
        following = nearby[at + step]
        if cut or following.face is None or following.track != nearby[at].track:
            return at, not cut and following.face is None
        at += step
    return at, False


def _geometry(observation: Observation) -> NDArray[np.float64]:
    assert observation.face is not None
    return observation.face.geometry


def _gaussian_mean(path: NDArray[np.float64], at: int) -> NDArray[np.float64]:
    """Weighted mean over a symmetric window, which does not lag behind a steady motion."""
    reach = min(at, len(path) - 1 - at)
    near = path[at - reach : at + reach + 1]
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    return np.asarray(weight @ near / weight.sum())


def _smoothed(observations: list[Observation], at: int) -> NDArray[np.float32]:
    """Landmarks of frame `at`, the rigid ones smoothed over all the observations."""
    faces = [one.face.landmarks for one in observations if one.face is not None]
    landmarks, rigid = faces[at].copy(), list(RIGID)
    path = np.stack([face[rigid] for face in faces])
    landmarks[rigid] = np.tensordot(_parabola_weights(len(path), at), path, 1)
    return landmarks


@cache
def _parabola_weights(count: int, at: int) -> NDArray[np.float64]:
    """Weights `[count]` that evaluate a least-squares parabola at one frame.

    A mean would flatten a nod (Savitzky and Golay 1964).
    """
    times = np.arange(count) - at
    powers = times[:, None] ** np.arange(min(3, count))
    return np.asarray(np.linalg.pinv(powers)[0], np.float64)


def _fade(distance: int, lost: bool) -> float:
    return min(1.0, (distance + 1) / (FADE + 1)) if lost else 1.0
