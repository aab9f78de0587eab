"""Faces aligned as in ATVGnet: nose and eyes on a template, 128 pixels (Section VI-E).

ATVGnet's code fits a similarity transform from dlib's points 27 to 44 (nose and eyes) to a
template and cuts 128 x 128 pixels, about the square that dlib's detector finds. Its template
may not be copied; ours is the mean of frontal frames of the training clips, made symmetric.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.pose import HeadPose
from talkernel.media import Picture
from talkernel.media.sample import warp_rgb

SIDE = 128  # pixels of an aligned face
RIGID = slice(27, 45)
BOX_CENTRE, BOX_SIDE = 0.555, 2.45  # canonical units: where dlib's detector puts its square
Points = NDArray[np.float64]

# Canonical units: nose bridge, nose wings, the left eye in the image, part of the right one.
_TEMPLATE = np.array(
    [
        [0, -0.035],
        [0, 0.163],
        [0, 0.359],
        [0, 0.566],
        [-0.241, 0.718],
        [-0.125, 0.758],
        [0, 0.796],
        [0.125, 0.758],
        [0.241, 0.718],
        [-0.709, 0.035],
        [-0.588, -0.036],
        [-0.440, -0.040],
        [-0.301, 0.040],
        [-0.442, 0.072],
        [-0.589, 0.076],
        [0.301, 0.040],
        [0.440, -0.040],
        [0.588, -0.036],
    ]
)
TEMPLATE = (_TEMPLATE - [0.0, BOX_CENTRE]) * (SIDE / BOX_SIDE) + SIDE / 2


def detector_box(pose: HeadPose) -> tuple[int, int, int, int]:
    """Left, top, right, bottom where dlib's face detector would put its box, in pixels.

    Found on frames of the training clips; dlib's landmark predictor expects such a box.
    """
    x, y = pose.shift[0], pose.shift[1] + BOX_CENTRE * pose.scale
    half = BOX_SIDE * pose.scale / 2
    return round(x - half), round(y - half), round(x + half), round(y + half)


def to_aligned(points: NDArray[np.floating]) -> Points:
    """Similarity transform `[2, 3]` from the frame's pixels to the aligned face's.

    Args:
        points: dlib's 68 landmarks `[68, 2]` in frame pixels.
    """
    source = np.asarray(points[RIGID], np.float64)
    centre_s, centre_t = source.mean(0), TEMPLATE.mean(0)
    a, b = source - centre_s, TEMPLATE - centre_t
    spread = (a**2).sum()
    cos = (a * b).sum() / spread
    sin = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / spread
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.hstack([turn, (centre_t - turn @ centre_s)[:, None]])


def transformed(affine: Points, points: NDArray[np.floating]) -> Points:
    """Points `[N, 2 or more]` through an affine map `[2, 3]`: `[N, 2]`."""
    return np.asarray(points[:, :2] @ affine[:, :2].T + affine[:, 2], np.float64)


def aligned_face(picture: Picture, points: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The aligned face of a frame, RGB `[128, 128, 3]`; beyond the frame its border is repeated."""
    to_frame = np.asarray(cv2.invertAffineTransform(to_aligned(points)), np.float64)
    return warp_rgb(picture, to_frame, SIDE)
