"""Smooths the tracked faces over time: a steady crop and head, and fades where a face is lost.

Smoothing removes tremor and nothing else: it moves landmarks by less than tremor does, and it
never reaches across the ends of a track or across a jump.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.face.confirm import Observed
from talkernel.face.crop import Crop, crop_of
from talkernel.face.overlay import Overlay
from talkernel.face.pose import RIGID
from talkernel.face.track import Observation, TrackedFace
from talkernel.media.frame import Picture

DELAY = 5  # frames buffered, so that smoothing adds no lag
SIGMA = 1.5  # frames: of the Gaussian that smooths the crop
HEAD_REACH = 4  # frames on either side to which a parabola is fitted, for the head
FADE = 4  # frames over which the edit fades out before a face is lost, and in afterwards
# In canonical units, of which a face is 2.8 high.
TREMOR = 0.012  # furthest that smoothing moves the head: jitter of the mesh stays below
JUMP = 0.15  # a head that changes its velocity by more within a frame was cut or shaken


@dataclass(frozen=True)
class Placement:
    """Where a face is edited in a frame.

    Attributes:
        crop: The generator's crop.
        landmarks: `[468, 3]` in frame pixels. The rigid ones are smoothed: the mouth is placed by
            them and would jitter with them.
        strength: Opacity of the edit, 0 to 1.
        track: Number of the face's track.
        person: Number of the person.
        reason: Why they are edited, in plain words.
        overlay: What lies in front of them, fixed to the screen.
    """

    crop: Crop
    landmarks: NDArray[np.float32]
    strength: float
    track: int = 0
    person: int = 1
    reason: str = ""
    overlay: Overlay | None = None


class PlacedFrame(NamedTuple):
    """A frame and where it is edited.

    Attributes:
        picture: The frame.
        placements: One for each face; none: the frame passes through.
        reason: Why it passes through.
    """

    picture: Picture
    placements: tuple[Placement, ...]
    reason: str | None


def stabilise(observed: Iterable[Observed], fraction: float = 1.0) -> Iterator[PlacedFrame]:
    """Place the edit in every frame, looking a few frames ahead.

    Args:
        observed: Pictures and what was found in them, in order.
        fraction: Of the face crop's side; see `crop_of`.

    Yields:
        The same pictures, `DELAY` frames later, with their placements.
    """
    window: deque[Observed] = deque(maxlen=2 * DELAY + 1)
    waiting = 0  # observed frames that are not placed yet
    for item in observed:
        window.append(item)
        waiting += 1
        if waiting > DELAY:
            yield _place_all(window, len(window) - waiting, fraction)
            waiting -= 1
    while waiting:
        yield _place_all(window, len(window) - waiting, fraction)
        waiting -= 1


def _place_all(window: deque[Observed], at: int, fraction: float) -> PlacedFrame:
    picture, seen = window[at]
    nearby = [other for _, other in window]
    placements = tuple(_place(nearby, at, face.track, fraction) for face in seen.faces)
    return PlacedFrame(picture, placements, seen.reason)


def _place(nearby: list[Observation], at: int, track: int, fraction: float) -> Placement:
    """Place one track's face in frame `at` of a window."""
    (first, lost_before), (last, lost_after) = (
        _track_end(nearby, at, step, track) for step in (-1, +1)
    )
    path = [_face(nearby[i], track) for i in range(first, last + 1)]
    strength = min(_fade(at - first, lost_before), _fade(last - at, lost_after))
    path, here = _between_jumps(path, at - first)
    crop = crop_of(_gaussian_mean(np.stack([face.geometry for face in path]), here), fraction)
    fitted = slice(max(0, here - HEAD_REACH), here + HEAD_REACH + 1)
    landmarks = _smoothed(path[fitted], here - fitted.start)
    face = path[here]
    return Placement(crop, landmarks, strength, track, face.person, face.reason)


def _track_end(nearby: list[Observation], at: int, step: int, track: int) -> tuple[int, bool]:
    """The last frame of the track in one direction, and whether the person is lost after it."""
    person = _face(nearby[at], track).person
    while 0 <= at + step < len(nearby):
        cut = nearby[at + max(step, 0)].cut
        following = nearby[at + step]
        if cut or following.of_track(track) is None:
            stays = any(face.person == person for face in following.faces)
            return at, not cut and not stays
        at += step
    return at, False


def _face(seen: Observation, track: int) -> TrackedFace:
    face = seen.of_track(track)
    assert face is not None
    return face


def _between_jumps(path: list[TrackedFace], at: int) -> tuple[list[TrackedFace], int]:
    """The part of a path around frame `at` in which the head moves steadily, and `at` in it."""
    places = np.stack([face.geometry[:3] for face in path]) / path[at].pose.scale
    if len(places) < 3:
        return path, at
    change = np.abs(np.diff(places, 2, axis=0)).max(1)  # of the velocity, at each inner frame
    jumps = np.minimum(np.append(change[0], change), np.append(change, change[-1])) > JUMP
    starts = np.flatnonzero(jumps) + 1  # frames after a step unlike those before and after it
    first = max((int(start) for start in starts if start <= at), default=0)
    last = min((int(start) for start in starts if start > at), default=len(path))
    return path[first:last], at - first


def _gaussian_mean(path: NDArray[np.float64], at: int) -> NDArray[np.float64]:
    """Weighted mean over a symmetric window, which does not lag behind a steady motion."""
    reach = min(at, len(path) - 1 - at)
    near = path[at - reach : at + reach + 1]
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    return np.asarray(weight @ near / weight.sum())


def _smoothed(path: list[TrackedFace], at: int) -> NDArray[np.float32]:
    """Landmarks of frame `at`, the rigid ones smoothed over a path, but not moved far."""
    landmarks, rigid = path[at].landmarks.copy(), list(RIGID)
    places = np.stack([face.landmarks[rigid] for face in path])
    shift = np.tensordot(_parabola_weights(len(places), at), places, 1) - landmarks[rigid]
    together = float(np.linalg.norm(shift[:, :2].mean(0)))
    furthest = TREMOR * path[at].pose.scale
    landmarks[rigid] += min(1.0, furthest / max(together, 1e-6)) * shift
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
