"""The veil: the network does not see the mouth that it is to replace.

Shown the mouth, the network copies it before it obeys the sound. It therefore sees lips and
chin blurred away, in training as in use: enough is left of colour and light, nothing of the
mouth's shape. The blend (eq. 7) is with the face itself, so that only full attention hides
the old mouth.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import JAW, OUTER_LIP

Image = NDArray[np.uint8]
REGION = [*OUTER_LIP, *JAW]
MARGIN = 0.03  # of the crop's side, around lips and chin
BLUR = 0.19  # of the crop's side: width of the blur
SOFT = 0.05  # of the crop's side: width of the veil's edge


def veil(view: Image, points: NDArray[np.floating], scale: float) -> Image:
    """Blur lips and chin away.

    Args:
        view: RGB `[H, W, 3]`.
        points: Landmarks `[468, 2 or more]` in the view's pixels.
        scale: Pixels that a whole face crop would have at the view's scale.

    Returns:
        A new image.
    """
    mask = np.zeros(view.shape[:2], np.uint8)
    corners = np.ascontiguousarray(points[REGION, :2], np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(corners).astype(np.int32), 255)
    grow = _odd(2 * MARGIN * scale)
    mask = np.asarray(cv2.dilate(mask, np.ones((grow, grow), np.uint8)), np.uint8)
    edge, width = _odd(SOFT * scale), _odd(BLUR * scale)
    weight = cv2.stackBlur(mask, (edge, edge)).astype(np.float32) / 255.0
    blurred = cv2.stackBlur(np.ascontiguousarray(view), (width, width))
    return np.asarray(cv2.blendLinear(blurred, np.ascontiguousarray(view), weight, 1.0 - weight),
                      np.uint8)  # fmt: skip


def _odd(value: float) -> int:
    return 2 * round(value / 2) + 1
