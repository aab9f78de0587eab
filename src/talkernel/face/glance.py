"""The lower face at a glance: small, upright, always cut out alike, to tell what is unusual."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.cover import cut
from talkernel.face.crop import Crop, crop_of, face_geometry
from talkernel.face.lips import JAW, OUTER_LIP
from talkernel.face.pose import HeadPose, canonical_face
from talkernel.face.reference import Points, align, warp
from talkernel.face.region import region_mask
from talkernel.media import Picture

Array = NDArray[np.float32]
SEEN = 48  # pixels of the crop's side
SIDE = 32  # of the glance's
SHARE = 0.75  # of the face crop's side that it shows
MARGIN = 0.02 * SIDE
PATCH = 5  # pixels: side of what is looked at together


def glance(picture: Picture, crop: Crop, landmarks: Points) -> Array:
    """Look at a face.

    Args:
        picture: The frame.
        crop: Around the mouth.
        landmarks: `[468, 3]` in the frame's pixels.

    Returns:
        RGB `[32, 32, 3]` in 0..1, the head's pose removed as far as an affine can.
    """
    upright = align(crop.to_view(landmarks, SEEN), _upright())
    seen = warp(cut(picture, crop, SEEN), upright, SIDE)
    return np.asarray(seen / np.float32(255.0), np.float32)


def oddness(one: Array, usual: Array) -> float:
    """How much one glance differs from what is usual where it does most, but for the lips, 0..1.

    A hand before the chin is 0.3 and more, a turned head 0.1 to 0.2, speech less than 0.1.
    """
    different = np.abs(one - usual).mean(2) * _skin()
    return float(cv2.blur(different, (PATCH, PATCH)).max())


@cache
def _upright() -> Points:
    """`[468, 2]` landmarks of the mean face in a glance."""
    scale = 100.0 * canonical_face()
    crop = crop_of(face_geometry(HeadPose.fit(scale)), SHARE)
    return np.asarray(crop.to_view(scale, SIDE)[:, :2], np.float64)


@cache
def _skin() -> Array:
    """`[32, 32]`, 1 on lips and chin of the mean face, but for the lips."""
    face, lips = (region_mask([_upright()], part, SIDE, MARGIN)
                  for part in ([*OUTER_LIP, *JAW], OUTER_LIP))  # fmt: skip
    return np.asarray(cv2.subtract(face, lips) / np.float32(255.0), np.float32)
