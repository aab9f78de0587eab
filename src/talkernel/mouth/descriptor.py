"""A small, pose-normalised image of the lower face, to tell outlier frames from usual ones."""

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
FRACTION = 0.75  # of the face crop's side that the descriptor covers
SIDE = 32  # pixels of the descriptor's image
COARSE = 48  # pixels of the crop's side from which the image is sampled
FINE = 160  # pixels of the crop's side in which sharpness is measured
MARGIN = 0.02 * SIDE  # pixels around the landmark hulls
PATCH = 5  # pixels: side of the patches in which differences are averaged
TINY = 1e-6  # sharpness of a uniform picture
BLUR_COST = 0.25  # outlier score of a picture without any detail


class FaceDescriptor(NamedTuple):
    """The appearance of a face in one frame.

    Attributes:
        image: RGB `[32, 32, 3]` in 0..1, with the head pose removed by an affine.
        sharpness: Mean step between neighbouring pixels around the mouth, of 255.
    """

    image: Array
    sharpness: float

    def mixed(self, other: FaceDescriptor, weight: float) -> FaceDescriptor:
        """Interpolate to another descriptor, which gets the given weight."""
        image = self.image + np.float32(weight) * (other.image - self.image)
        sharpness = self.sharpness + weight * (other.sharpness - self.sharpness)
        return FaceDescriptor(image, sharpness)


def describe_face(picture: Picture, crop: Crop, landmarks: Points) -> FaceDescriptor:
    """Describe a face.

    Args:
        picture: The frame.
        crop: Around the mouth.
        landmarks: `[468, 3]` in the frame's pixels.
    """
    view = crop_view(picture, crop, FINE)
    small = np.asarray(cv2.resize(view, (COARSE, COARSE), interpolation=cv2.INTER_AREA), np.uint8)
    upright = warp(small, align(crop.to_view(landmarks, COARSE), _canonical_points()), SIDE)
    return FaceDescriptor(np.asarray(upright / np.float32(255.0), np.float32), _sharpness(view))


def _sharpness(view: NDArray[np.uint8]) -> float:
    """Mean gradient of the middle of a view `[160, 160, 3]`; motion blur lowers it."""
    grey = cv2.cvtColor(view, cv2.COLOR_RGB2GRAY)
    middle = grey[FINE // 4 : -FINE // 4, FINE // 4 : -FINE // 4].astype(np.float32)
    steps = (np.abs(np.diff(middle, axis=axis)).mean() for axis in (0, 1))
    return float(sum(steps))


def outlier_score(face: FaceDescriptor, usual: FaceDescriptor) -> float:
    """The largest local difference from the usual face, lips excluded, plus a cost for blur.

    A hand in front of the chin scores 0.3 and more, a turned head 0.1 to 0.2, speech below 0.1. A
    picture half as sharp as usual adds 0.12.
    """
    difference = np.abs(face.image - usual.image).mean(2) * _chin_mask()
    blur = max(0.0, 1.0 - face.sharpness / max(usual.sharpness, TINY))
    return float(cv2.blur(difference, (PATCH, PATCH)).max()) + BLUR_COST * blur


@cache
def _canonical_points() -> Points:
    """`[468, 2]` landmarks of the mean face in the descriptor's image."""
    face = 100.0 * canonical_face()
    crop = crop_of(face_geometry(HeadPose.fit(face)), FRACTION)
    return np.asarray(crop.to_view(face, SIDE)[:, :2], np.float64)


@cache
def _chin_mask() -> Array:
    """`[32, 32]`, 1 on the lower part of the mean face without its lips."""
    lower_face, lips = (
        region_mask([_canonical_points()], part, SIDE, MARGIN)
        for part in ([*OUTER_LIP, *JAW], OUTER_LIP)
    )
    return np.asarray(cv2.subtract(lower_face, lips) / np.float32(255.0), np.float32)
