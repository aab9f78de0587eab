"""dlib's 68 landmarks and its face embedding (extra `eval`)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.face.pose import HeadPose
from talkernel.lab.evaluate.align import detector_box

MOUTH = slice(48, 68)  # of the 68


def landmarks68(rgb: NDArray[np.uint8], pose: HeadPose) -> NDArray[np.float32]:
    """The 68 landmarks of a face.

    Args:
        rgb: The frame, `[H, W, 3]`.
        pose: Of the face. It gives the box to search; dlib's own detector is slow and misses
            turned faces, so it is not used.

    Returns:
        `[68, 2]` in frame pixels.
    """
    return np.array([[p.x, p.y] for p in _shape(rgb, pose).parts()], np.float32)


def embedding(rgb: NDArray[np.uint8], pose: HeadPose) -> NDArray[np.float32]:
    """Face embedding `[128]`; distances below 0.6 mean the same person."""
    import dlib
    import face_recognition_models as models

    network = _loaded(dlib.face_recognition_model_v1, models.face_recognition_model_location())
    whole = np.ascontiguousarray(rgb)  # dlib does not accept padded rows
    vector = network.compute_face_descriptor(whole, _shape(whole, pose))
    return np.array(vector, np.float32)


def _shape(rgb: NDArray[np.uint8], pose: HeadPose) -> Any:
    import dlib
    import face_recognition_models as models

    predictor = _loaded(dlib.shape_predictor, models.pose_predictor_model_location())
    return predictor(np.ascontiguousarray(rgb), dlib.rectangle(*detector_box(pose)))


@cache
def _loaded(kind: Any, path: str) -> Any:
    return kind(path)
