"""A square view of a face: cut out of a frame's planes, RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import Crop
from talkernel.media.frame import Picture, Plane
from talkernel.media.sample import planes_to_rgb


def crop_view(picture: Picture, crop: Crop, size: int) -> NDArray[np.uint8]:
    """The face as the network's picture.

    Args:
        picture: The frame.
        crop: Where; beyond the frame its border is repeated.
        size: Side of the view in pixels.

    Returns:
        RGB `[size, size, 3]`.
    """
    shape = (size, size)
    planes = [_resized(_roi(picture, plane, crop), shape) for plane in picture.planes]
    return planes_to_rgb(planes, picture.layout)


def plane_box(picture: Picture, plane: Plane, crop: Crop) -> tuple[int, int, int, int]:
    """Left, top, width, height of the crop on one plane."""
    sx, sy = (0, 0) if plane is picture.planes[0] else picture.layout.chroma_shift
    return crop.left >> sx, crop.top >> sy, crop.side >> sx, crop.side >> sy


def _roi(picture: Picture, plane: Plane, crop: Crop) -> Plane:
    """The crop's samples of one plane, the frame's border repeated beyond it."""
    left, top, width, height = plane_box(picture, plane, crop)
    rows = np.clip(np.arange(top, top + height), 0, plane.shape[0] - 1)
    columns = np.clip(np.arange(left, left + width), 0, plane.shape[1] - 1)
    if (
        rows[0] == top
        and rows[-1] == top + height - 1
        and columns[0] == left
        and columns[-1] == left + width - 1
    ):
        return plane[top : top + height, left : left + width]
    return np.asarray(plane[rows[:, None], columns])


def _resized(plane: Plane, shape: tuple[int, int]) -> Plane:
    """Bilinear, which aliases little below a factor of two and is several times faster."""
    how = cv2.INTER_AREA if plane.shape[0] > 2 * shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, shape, interpolation=how))
