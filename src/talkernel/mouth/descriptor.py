"""A descriptor of the lower face: small, upright, always cut out alike; and how sharp it is.

It tells the frames in which a face looks as usual from outliers.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import Crop, crop_of, face_geometry
from talkernel.face.lips import JAW, OUTER_LIP
from talkernel.face.pose import HeadPose, canonical_face
from talkernel.face.view import crop_view
from talkernel.media import Picture
from talkernel.mouth.reference import Points, align, warp
from talkernel.mouth.region import region_mask

Array = NDArray[np.float32]
SEEN = 48  # pixels of the crop's side
SIDE = 32  # of the descriptor's picture
FRACTION = 0.75  # of the face crop's side that it shows
MARGIN = 0.02 * SIDE
PATCH = 5  # pixels: side of what is looked at together
FINE = 160  # pixels of the crop's side in which its detail is looked for
TINY = 1e-6  # detail of a picture that has none
DULL = 0.25  # outlier score of a picture without any detail


class FaceDescriptor(NamedTuple):
    """What a face looks like in one frame.

    Attributes:
        image: RGB `[32, 32, 3]` in 0..1, the head's pose removed as far as an affine can.
        detail: Mean step from pixel to pixel around the mouth, of 255.
    """

    image: Array
    detail: float

    def mixed(self, other: FaceDescriptor, share: float) -> FaceDescriptor:
        """Some way from this to another."""
        image = self.image + np.float32(share) * (other.image - self.image)
        return FaceDescriptor(image, self.detail + share * (other.detail - self.detail))


def describe_face(picture: Picture, crop: Crop, landmarks: Points) -> FaceDescriptor:
    """Describe a face.

    Args:
        picture: The frame.
        crop: Around the mouth.
        landmarks: `[468, 3]` in the frame's pixels.
    """
    near = crop_view(picture, crop, FINE)
    small = np.asarray(cv2.resize(near, (SEEN, SEEN), interpolation=cv2.INTER_AREA), np.uint8)
    seen = warp(small, align(crop.to_view(landmarks, SEEN), _upright()), SIDE)
    return FaceDescriptor(np.asarray(seen / np.float32(255.0), np.float32), _detail(near))


def _detail(near: NDArray[np.uint8]) -> float:
    """Of a view `[160, 160, 3]`; a head or camera that moves blurs it."""
    grey = cv2.cvtColor(near, cv2.COLOR_RGB2GRAY)
    middle = grey[FINE // 4 : -FINE // 4, FINE // 4 : -FINE // 4].astype(np.float32)
    steps = (np.abs(np.diff(middle, axis=axis)).mean() for axis in (0, 1))
    return float(sum(steps))


def outlier_score(one: FaceDescriptor, usual: FaceDescriptor) -> float:
    """How much a face differs from what is usual where it does most, but for the lips, 0..1.

    A hand before the chin is 0.3 and more, a turned head 0.1 to 0.2, speech less than 0.1; a
    picture half as sharp as usual adds 0.12.
    """
    different = np.abs(one.image - usual.image).mean(2) * _skin()
    dull = max(0.0, 1.0 - one.detail / max(usual.detail, TINY))
    return float(cv2.blur(different, (PATCH, PATCH)).max()) + DULL * dull


@cache
def _upright() -> Points:
    """`[468, 2]` landmarks of the mean face in a descriptor's picture."""
    scale = 100.0 * canonical_face()
    crop = crop_of(face_geometry(HeadPose.fit(scale)), FRACTION)
    return np.asarray(crop.to_view(scale, SIDE)[:, :2], np.float64)


@cache
def _skin() -> Array:
    """`[32, 32]`, 1 on lips and chin of the mean face, but for the lips."""
    face, lips = (
        region_mask([_upright()], part, SIDE, MARGIN) for part in ([*OUTER_LIP, *JAW], OUTER_LIP)
    )
    return np.asarray(cv2.subtract(face, lips) / np.float32(255.0), np.float32)
