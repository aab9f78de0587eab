"""Tracks every face of a video, shot by shot, at 25 frames a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from talkernel.face.choose import Chooser
from talkernel.face.detect import Detection, FaceDetector
from talkernel.face.mesh import Region
from talkernel.face.shots import ShotCutter
from talkernel.face.track import FaceTracker
from talkernel.lab.prepare.span import FaceSpan
from talkernel.lab.tracks.track import FPS
from talkernel.media import FaceSource, Picture

DETECT_EVERY = 12  # frames between two runs of the detector, which finds new faces
LOST = 10  # frames without the face after which its span ends
JUMP = 0.35  # face sizes moved between two frames: it must be another face or a missed cut
LONGEST = 60 * FPS  # frames of one shot kept in memory at once
MOST_FACES = 4  # the largest faces that are tracked; smaller ones are a crowd, not speakers


class OneFace(Chooser):
    """Chooses the face at one place in the picture and ignores all others.

    Args:
        detection: The face to follow.
    """

    def __init__(self, detection: Detection) -> None:
        self._region = Region.of_detection(detection)

    def first(self, picture: Picture, faces: Sequence[Detection]) -> Detection | None:
        """The nearest face, if it is within half a face size; else None."""
        nearest = min(faces, key=lambda face: _distance(face, self._region))
        return nearest if _distance(nearest, self._region) < 0.5 else None

    def choose(
        self, picture: Picture, faces: Sequence[Detection], last_seen: Region | None
    ) -> Detection | None:
        """The nearest face, as in `first`, around the place where it was seen last."""
        self._region = last_seen or self._region
        return self.first(picture, faces) if faces else None


class FollowedFace:
    """One face being tracked, and the span of frames collected for it.

    Args:
        detection: The face in its first frame.
        number: Number of that frame.
    """

    def __init__(self, detection: Detection, number: int) -> None:
        self._tracker = FaceTracker(OneFace(detection))
        self.span = FaceSpan(number)
        self.jumped = False

    @property
    def region(self) -> Region | None:
        """Where the face was in the last frame; None if it was not found there."""
        points = self.span.landmarks[-1]
        return None if np.isnan(points[0, 0]) else Region.of_landmarks(points)

    @property
    def ended(self) -> bool:
        """Whether the span is over: the face jumped or was missing for `LOST` frames."""
        last = self.span.landmarks[-LOST:]
        return self.jumped or (len(last) == LOST and all(np.isnan(p[0, 0]) for p in last))

    def update(self, picture: Picture) -> None:
        """Track the face into the next frame."""
        seen = self._tracker.update(picture)
        if seen.face is not None and self._jumps(seen.face.landmarks):
            self.jumped = True
            return
        self.span.add(picture, seen)

    def _jumps(self, points: np.ndarray) -> bool:
        if not self.span.landmarks or (before := self.region) is None:
            return False
        after = Region.of_landmarks(points)
        moved = np.hypot(*np.subtract(after.centre, before.centre)) / before.side
        return bool(moved > JUMP or abs(np.log(after.side / before.side)) > JUMP)


def shots_of_faces(source: FaceSource) -> Iterator[list[FaceSpan]]:
    """Find and track the faces of each shot, at 25 frames a second.

    Yields:
        All spans of one shot. Shots longer than a minute come in parts of a minute.
    """
    cutter, detector, number = ShotCutter(), FaceDetector(), -1
    live: list[FollowedFace] = []
    done: list[FaceSpan] = []
    since = 0
    for number, picture in enumerate(at_rate(source)):
        if cutter.update(picture) or number - since >= LONGEST:
            yield _finished(done, live)
            done, live, since = [], [], number
        for face in live:
            face.update(picture)
        done += [face.span for face in live if face.ended]
        broken = any(face.jumped for face in live)
        live = [face for face in live if not face.ended]
        if broken or (number - since) % DETECT_EVERY == 0:
            live += _newcomers(detector.detect(picture)[:MOST_FACES], live, picture, number)
    yield _finished(done, live)


def at_rate(source: FaceSource, fps: int = FPS) -> Iterator[Picture]:
    """A video's pictures at another rate: for each, the one shown at the middle of its time."""
    number = 0
    for index, picture in enumerate(source.frames()):
        while (number + Fraction(1, 2)) / fps < Fraction(index + 1) / source.fps:
            yield picture
            number += 1


def _newcomers(
    found: Sequence[Detection], live: Sequence[FollowedFace], picture: Picture, number: int
) -> list[FollowedFace]:
    """Start to follow detected faces that are new; compare known faces with their detection."""
    new = []
    for detection in found:
        known = [f for f in live if f.region and _distance(detection, f.region) < 0.25]
        for face in known:
            face.span.compare(detection)
        if not known:
            new.append(FollowedFace(detection, number))
            new[-1].update(picture)
    return new


def _finished(done: list[FaceSpan], live: list[FollowedFace]) -> list[FaceSpan]:
    return [span for span in (*done, *(face.span for face in live)) if span.landmarks]


def _distance(face: Detection, region: Region) -> float:
    """Distance between the centres of a face and a region, in sides of the region."""
    left, top, right, bottom = face.box
    x, y = (left + right) / 2, (top + bottom) / 2
    return float(np.hypot(x - region.centre[0], y - region.centre[1]) / region.side)
