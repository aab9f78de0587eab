"""Tells the people of a video apart: SFace (Zhong et al. 2021) on an aligned view of the face.

The view is placed by the eyes and the tip of the nose, so a talking mouth does not move it. The
network was published for views that are placed by the mouth's corners too. It tells people apart
as well without them. `models/NOTICE` says where the weights come from and what was changed.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.mesh import LEFT_EYE, RIGHT_EYE
from talkernel.face.network import Network, model_path
from talkernel.media.frame import Picture
from talkernel.media.sample import warp_rgb

SIZE = 112
ANCHORS = (*RIGHT_EYE, *LEFT_EYE, 1)  # the eyes' corners and the tip of the nose
# Their places in a view, as x + iy: their mean where views are placed by ArcFace's five points
# (Deng et al. 2019), for which the network was trained.
PLACES: Final = np.array([30.1 + 51.1j, 46.0 + 51.8j, 65.8 + 51.7j, 81.6 + 51.0j, 56.3 + 74.3j])
MAX_STEP = 3.0  # frame pixels per pixel of the view; larger steps would alias
MAX_FACTOR = 3  # enough for a face 800 pixels high; more would take too long

# Levels of `similarity`, chosen on clips of 103 people. Errors: pairs of different people above the
# level, pairs of one person below it in two clips and in one clip (up to 5 seconds apart).
SAME = 0.36  # the same person: 0.11 %, 2.1 %, none of 1224
SURE = 0.45  # the same person in the same shot: 0.008 %, 8.8 %, none of 1224
DARK = 20.0  # mean of a view, 0 to 255, below which its vector says little


class Likeness:
    """Describes a face by a unit vector that is alike for all pictures of one person.

    A view takes 0.2 to 0.6 ms of one core (2.8 GHz, AVX-512), its vector 13 ms: store views, and
    embed few of them. Motion blur and darkness (`DARK`) lower the similarity too, so a single value
    between `SAME` and `SURE` is a reason to look at the next frames, not a change of person.
    """

    def __init__(self) -> None:
        self._network = Network(model_path("face_recognition_sface.onnx"))

    def of(self, picture: Picture, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vector `[128]` of a face: `embed` of its `view`."""
        return self.embed(self.view(picture, landmarks))

    def view(self, picture: Picture, landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
        """What the network sees of a face.

        Args:
            picture: The frame.
            landmarks: `[468, 3]` in frame pixels.

        Returns:
            RGB `[112, 112, 3]`, upright, the eyes and the nose always in the same places.
        """
        affine = _alignment(landmarks)
        step = float(np.hypot(*affine[:, 0]))
        factor = int(np.clip(np.ceil(step / MAX_STEP), 1, MAX_FACTOR))
        if factor == 1:
            return warp_rgb(picture, affine, SIZE)
        fine = warp_rgb(picture, _finer(affine, factor), SIZE * factor)
        return np.asarray(cv2.resize(fine, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)

    def embed(self, view: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network on a view `[112, 112, 3]`; returns a unit vector `[128]`."""
        vector = self._network(view.astype(np.float32)[None])[0][0]
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


def similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Cosine of two unit vectors: about 0.9 in one shot, 0.6 in another, 0.1 for other people."""
    return float(a @ b)


def _alignment(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Least-squares similarity transform `[2, 3]` from a view's pixels to the frame's."""
    x, y = landmarks[list(ANCHORS), :2].astype(np.float64).T
    found, places = x + 1j * y, PLACES - PLACES.mean()
    turn = np.vdot(places, found) / np.vdot(places, places)
    shift = found.mean() - turn * PLACES.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _finer(affine: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    """The same square with `factor` times as many pixels a side."""
    turn = affine[:, :2] / factor
    return np.column_stack([turn, affine[:, 2] + turn.sum(1) * (1 - factor) / 2])
