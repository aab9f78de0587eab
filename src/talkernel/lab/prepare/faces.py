"""Every face of a video, shot by shot: any number of people, at 25 frames a second."""

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

DETECT_EVERY = 12  # frames after which new faces are looked for
LOST = 10  # frames without the face, after which its span has ended
JUMP = 0.35  # face sizes from one frame to the next: another face, or a cut
LONGEST = 60 * FPS  # frames of a shot held at once
MOST_FACES = 4  # the largest ones; nobody speaks in a crowd


class OneFace(Chooser):
    """Finds the face that was seen in one place, and no other.

    Args:
        seen: Where.
    """

    def __init__(self, seen: Detection) -> None:
        self._region = Region.of_detection(seen)

    def first(self, picture: Picture, faces: Sequence[Detection]) -> Detection | None:
        """The nearest, if it is near."""
        nearest = min(faces, key=lambda face: _apart(face, self._region))
        return nearest if _apart(nearest, self._region) < 0.5 else None

    def choose(
        self, picture: Picture, faces: Sequence[Detection], last_seen: Region | None
    ) -> Detection | None:
        """As `first`, near the place where it was last."""
        self._region = last_seen or self._region
        return self.first(picture, faces) if faces else None


class FollowedFace:
    """A face's tracker and what it has gathered.

    Args:
        found: The face.
        number: Of the frame.
    """

    def __init__(self, found: Detection, number: int) -> None:
        self._tracker = FaceTracker(OneFace(found))
        self.span = FaceSpan(number)
        self.jumped = False

    @property
    def region(self) -> Region | None:
        """Where the face was in the last frame."""
        points = self.span.landmarks[-1]
        return None if np.isnan(points[0, 0]) else Region.of_landmarks(points)

    @property
    def ended(self) -> bool:
        """Whether the face has been gone for so long that it would be a new one."""
        last = self.span.landmarks[-LOST:]
        return self.jumped or (len(last) == LOST and all(np.isnan(p[0, 0]) for p in last))

    def update(self, picture: Picture) -> None:
        """Follow it into the next frame."""
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
    """The faces of each shot, of a video shown at 25 frames a second.

    Yields:
        All spans of a shot, or of a minute of a longer one.
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
    """A video's pictures at another rate: each is the one shown in the middle of its time."""
    number = 0
    for index, picture in enumerate(source.frames()):
        while (number + Fraction(1, 2)) / fps < Fraction(index + 1) / source.fps:
            yield picture
            number += 1


def _newcomers(
    found: Sequence[Detection], live: Sequence[FollowedFace], picture: Picture, number: int
) -> list[FollowedFace]:
    """Followers of faces that nobody follows yet; known ones are compared with what is found."""
    new = []
    for detection in found:
        known = [f for f in live if f.region and _apart(detection, f.region) < 0.25]
        for face in known:
            face.span.look(detection)
        if not known:
            new.append(FollowedFace(detection, number))
            new[-1].update(picture)
    return new


def _finished(done: list[FaceSpan], live: list[FollowedFace]) -> list[FaceSpan]:
    return [span for span in (*done, *(face.span for face in live)) if span.landmarks]


def _apart(face: Detection, region: Region) -> float:
    """Distance of a face from a region, in regions' sides."""
    left, top, right, bottom = face.box
    x, y = (left + right) / 2, (top + bottom) / 2
    return float(np.hypot(x - region.centre[0], y - region.centre[1]) / region.side)
