"""A face as Wav2Lip is shown it, and its answer laid back on the picture it came from."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.lab.wav2lip.network import SIDE

Image = NDArray[np.uint8]
Array = NDArray[np.float32]
Box = tuple[slice, slice]  # rows and columns
BELOW = 0.08  # of the face's height, by which its box reaches beyond the chin
FEATHER = 0.06  # of the box's width: width of its soft border


def face_box(points: NDArray[np.floating], side: int) -> Box:
    """A face as Wav2Lip was trained on it: the chin and a little below.

    Args:
        points: Landmarks `[N, 2 or more]` in a square view's pixels.
        side: The view's, in pixels; the box does not leave it.
    """
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    high = high + np.array([0.0, BELOW * (high[1] - low[1])])
    (left, top), (right, bottom) = (np.clip(np.rint(x), 0, side).astype(int) for x in (low, high))
    return slice(top, bottom), slice(left, right)


def shown(view: Image, box: Box) -> Array:
    """`[3, 96, 96]` BGR in 0..1 of a view's RGB `[S, S, 3]`."""
    small = cv2.resize(view[box], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    bgr = small[:, :, ::-1].transpose(2, 0, 1)
    return np.ascontiguousarray(bgr).astype(np.float32) / np.float32(255.0)


def laid_out(answer: Array, box: Box, side: int, top: float = 0.0) -> tuple[Array, Array]:
    """Wav2Lip's answer in its place.

    Args:
        answer: `[3, 96, 96]` BGR in 0..1.
        box: Where in the view.
        side: The view's, in pixels.
        top: Share of the box's height above which the answer does not count.

    Returns:
        Weight `[S, S]`, 1 in the box but for a soft border and 0 outside; and RGB
        `[S, S, 3]` in 0..255, which means something where the weight is not 0.
    """
    rows, columns = box
    height, width = rows.stop - rows.start, columns.stop - columns.start
    large = cv2.resize(
        answer.transpose(1, 2, 0)[:, :, ::-1] * 255.0,
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    soft = round(FEATHER * width)
    core = np.zeros((height, width), np.float32)
    core[round(top * height) + soft : height - soft, soft : width - soft] = 1.0
    weight, picture = np.zeros((side, side), np.float32), np.zeros((side, side, 3), np.float32)
    weight[box] = cv2.blur(core, (2 * soft + 1, 2 * soft + 1))
    picture[box] = large
    return weight, picture
