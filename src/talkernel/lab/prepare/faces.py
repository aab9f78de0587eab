"""Tracks every face of a video, shot by shot, at 25 frames a second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from talkernel.face.confirm import Observed, confirm
from talkernel.face.detect import Detection, FaceDetector
from talkernel.face.follow import overlapping
from talkernel.face.mesh import Region
from talkernel.face.track import FaceTracker
from talkernel.lab.prepare.span import FaceSpan
from talkernel.lab.tracks.track import FPS
from talkernel.media import FaceSource, Picture

DETECT_EVERY = 12  # frames between two comparisons of the mesh with the detector
LOST = 10  # frames without the face after which its span ends
LONGEST = 60 * FPS  # frames of one shot kept in memory at once


def shots_of_faces(source: FaceSource) -> Iterator[list[FaceSpan]]:
    """Find and track the faces of each shot, at 25 frames a second.

    Yields:
        All spans of one shot. Shots longer than a minute come in parts of a minute.
    """
    detector, since = FaceDetector(), 0
    live: dict[int, FaceSpan] = {}  # by track
    done: list[FaceSpan] = []
    for number, (picture, seen) in enumerate(_tracked(source)):
        if seen.cut or number - since >= LONGEST:
            yield [*done, *live.values()]
            done, live, since = [], {}, number
        for face in seen.faces:
            live.setdefault(face.track, FaceSpan(number))
        for track, span in live.items():
            span.add(picture, seen.of_track(track), seen.reason or "no face")
        done += [span for span in live.values() if _ended(span)]
        live = {track: span for track, span in live.items() if not _ended(span)}
        if live and (number - since) % DETECT_EVERY == 0:
            _compare(live.values(), detector.detect(picture))
    yield [*done, *live.values()]


def _tracked(source: FaceSource) -> Iterator[Observed]:
    tracker = FaceTracker(everybody=True)
    observed = ((picture, tracker.update(picture)) for picture in at_rate(source))
    return confirm(observed, tracker.likeness)


def at_rate(source: FaceSource, fps: int = FPS) -> Iterator[Picture]:
    """A video's pictures at another rate: for each, the one shown at the middle of its time."""
    number = 0
    for index, picture in enumerate(source.frames()):
        while (number + Fraction(1, 2)) / fps < Fraction(index + 1) / source.fps:
            yield picture
            number += 1


def _ended(span: FaceSpan) -> bool:
    """Whether the face is missing for so long that its span is over."""
    last = span.landmarks[-LOST:]
    return len(last) == LOST and all(np.isnan(points[0, 0]) for points in last)


def _compare(spans: Iterable[FaceSpan], found: Sequence[Detection]) -> None:
    """Compare the faces in the last frame with what the detector finds there."""
    for span in spans:
        points = span.landmarks[-1]
        if np.isnan(points[0, 0]):
            continue
        region = Region.of_landmarks(points)
        for detection in found:
            if overlapping(Region.of_detection(detection), region):
                span.compare(detection)
