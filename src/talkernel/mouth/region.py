"""Masks of landmark regions, and the smooth step for soft edges."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]


def region_mask(
    faces: Sequence[NDArray[np.floating]], indices: Sequence[int], size: int, grow: float
) -> Mask:
    """Convex hull of some landmarks of one or several faces, `[size, size]`, 0 or 255.

    Args:
        faces: Landmarks `[468, 2 or more]` of each face in the view's pixels.
        indices: Numbers of the landmarks.
        size: Side of the view.
        grow: Pixels to grow the hull by.
    """
    mask = np.zeros((size, size), np.uint8)
    corners = np.concatenate([face[list(indices), :2] for face in faces])
    hull = cv2.convexHull(np.ascontiguousarray(corners, np.float32))
    cv2.fillConvexPoly(mask, hull.astype(np.int32), 255)
    if grow < 1:
        return mask
    side = 2 * round(grow) + 1
    kernel = np.ones((side, side), np.uint8)  # a rectangle is separable, thus fast
    return np.asarray(cv2.dilate(mask, kernel), np.uint8)


def smooth_step(x: NDArray[np.floating] | float) -> NDArray[np.floating]:
    """Cubic step (Hermite): 0 for x <= 0, 1 for x >= 1, with zero slope at both ends; any shape."""
    inner = np.clip(x, 0.0, 1.0)
    return np.asarray(inner * inner * (3.0 - 2.0 * inner))
