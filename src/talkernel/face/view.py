"""Crops a square RGB view out of a frame's YUV planes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import Crop
from talkernel.media.frame import Picture, Plane
from talkernel.media.sample import planes_to_rgb


def crop_view(picture: Picture, crop: Crop, size: int) -> NDArray[np.uint8]:
    """Crop and resize a view of the frame.

    Args:
        picture: The frame.
        crop: Square to show. Outside the frame its border is repeated.
        size: Side of the view in pixels.

    Returns:
        RGB `[size, size, 3]`.
    """
    return planes_to_rgb(crop_planes(picture, crop, size), picture.layout)


def crop_planes(picture: Picture, crop: Crop, size: int) -> list[Plane]:
    """The planes of the view that `crop_view` shows, `[size, size]` each."""
    return [_resized(_roi(picture, plane, crop), (size, size)) for plane in picture.planes]


def plane_box(picture: Picture, plane: Plane, crop: Crop) -> tuple[int, int, int, int]:
    """Left, top, width, height of the crop on one plane."""
    sx, sy = (0, 0) if plane is picture.planes[0] else picture.layout.chroma_shift
    return crop.left >> sx, crop.top >> sy, crop.side >> sx, crop.side >> sy


def _roi(picture: Picture, plane: Plane, crop: Crop) -> Plane:
    """The crop's samples of one plane, with the frame's border repeated outside it."""
    left, top, width, height = plane_box(picture, plane, crop)
    right, bottom = left + width, top + height
    if min(left, top) >= 0 and right <= plane.shape[1] and bottom <= plane.shape[0]:
        return plane[top:bottom, left:right]
    rows = np.clip(np.arange(top, bottom), 0, plane.shape[0] - 1)
    columns = np.clip(np.arange(left, right), 0, plane.shape[1] - 1)
    return np.asarray(plane[rows[:, None], columns])


def _resized(plane: Plane, shape: tuple[int, int]) -> Plane:
    """Bilinear when shrinking up to twofold: much faster, and it hardly aliases there."""
    how = cv2.INTER_AREA if plane.shape[0] > 2 * shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, shape, interpolation=how))
