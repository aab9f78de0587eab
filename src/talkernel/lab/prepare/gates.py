"""Quality gates: measures a track and names the first limit that it misses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from talkernel.face.pose import HeadPose
from talkernel.face.track import FACE_HEIGHT
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.span import FaceSpan
from talkernel.lab.tracks.track import FPS

MIN_FACE_FRACTION = 0.8  # of a track's frames
MIN_CROPS = 10


@dataclass(frozen=True)
class Quality:
    """Measurements that the gates compare with the settings.

    Attributes:
        seconds: Length.
        size: Median face height in pixels.
        turn: 90th percentile of the absolute yaw, radians.
        sharpness: Median sharpness of the crops.
        confidence: Median detection score; 0 if the detector never found this face.
        mouth_error: Median distance between the mouth of the detector and that of the face mesh,
            in face heights.
        mouth: Fraction of frames with the whole mouth inside the picture.
        face: Fraction of frames with a face.
        speech: Fraction of frames with speech.
    """

    seconds: float
    size: float
    turn: float
    sharpness: float
    confidence: float
    mouth_error: float
    mouth: float
    face: float
    speech: float


def measure(span: FaceSpan, voiced: np.ndarray) -> Quality:
    """Measure a span, given whether there is speech in each of its frames, `[T]`."""
    found = [points for points in span.landmarks if not np.isnan(points[0, 0])]
    poses = [HeadPose.fit(points) for points in found[::5]]
    return Quality(
        seconds=len(span.landmarks) / FPS,
        size=_median([pose.scale * FACE_HEIGHT for pose in poses]),
        turn=float(np.quantile([abs(pose.yaw) for pose in poses] or [0.0], 0.9)),
        sharpness=_median([crop.sharpness for crop in span.crops]),
        confidence=_median([score for _, score in span.scores]),
        mouth_error=_median([error for _, error in span.mouth_errors]),
        mouth=float(np.mean(span.mouth_inside)),
        face=len(found) / len(span.landmarks),
        speech=float(voiced.mean()),
    )


def reason_to_drop(quality: Quality, settings: Settings, crops: int) -> str | None:
    """The first gate that a track fails, as text for the report; None if it passes all."""
    gates = {
        "too short": quality.seconds < settings.min_seconds or crops < MIN_CROPS,
        "face too small": quality.size < settings.min_size,
        "turned too far": quality.turn > settings.max_turn,
        "face often lost": quality.face < MIN_FACE_FRACTION,
        "not surely a face": quality.confidence < settings.min_confidence,
        "mouth outside the picture": quality.mouth < settings.min_mouth,
        "mouth hidden": quality.mouth_error > settings.max_mouth_error,
        "blurred": quality.sharpness < settings.min_sharpness,
        "little speech": quality.speech < settings.min_speech,
    }
    return next((reason for reason, failed in gates.items() if failed), None)


def reason_without_face(span: FaceSpan) -> str:
    """The most frequent reason why the tracker found no face in a span."""
    return Counter(span.reasons or ["no face"]).most_common(1)[0][0]


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else 0.0
