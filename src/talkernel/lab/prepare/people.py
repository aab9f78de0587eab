"""Who is it? Face embeddings: dlib's, in which one person's faces lie within 0.6."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.lab.tracks.track import Track

SAMPLES = 3  # crops per track
SAME = 0.6  # distance from which two pictures show two people, as dlib says
Array = NDArray[np.float32]


def embed(track: Track) -> Array:
    """Embeddings `[3, 128]` of crops spread over a track."""
    spread = np.linspace(0, len(track.crop_index) - 1, 2 * SAMPLES + 1)[1::2]
    return np.array([_embedding(track, round(number)) for number in spread], np.float32)


def one_person(embeddings: Array) -> bool:
    """Whether all of a track's embeddings are of one person."""
    apart = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)
    return float(apart.max()) < SAME


def _embedding(track: Track, number: int) -> Array:
    import dlib

    predictor, network = _networks()
    points = track.crop_points[number, :, :2]
    # dlib's detector, on which its landmarks were taught, frames brows to chin.
    (left, top), (right, bottom) = points.min(0), points.max(0)
    top += 0.15 * (bottom - top)
    face = dlib.rectangle(*(round(float(v)) for v in (left, top, right, bottom)))
    view = track.crop(number)
    found = network.compute_face_descriptor(view, predictor(view, face))
    return np.array(found, np.float32)


@cache
def _networks() -> tuple[Any, Any]:
    import dlib
    import face_recognition_models as models

    return (
        dlib.shape_predictor(models.pose_predictor_five_point_model_location()),
        dlib.face_recognition_model_v1(models.face_recognition_model_location()),
    )
