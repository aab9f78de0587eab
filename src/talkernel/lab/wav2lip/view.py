"""Crops faces for Wav2Lip and pastes its output back into the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.lab.wav2lip.network import SIDE

Image = NDArray[np.uint8]
Array = NDArray[np.float32]
Box = tuple[slice, slice]  # rows and columns
BELOW = 0.08  # of the face's height: how far its box extends below the chin
FEATHER = 0.06  # of the box's width: width of its soft border


def face_box(points: NDArray[np.floating], side: int) -> Box:
    """Face box as in Wav2Lip's training: down to a little below the chin.

    Args:
        points: Landmarks `[N, 2 or more]` in a square view's pixels.
        side: Of the view, in pixels; the box is clipped to it.
    """
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    high = high + np.array([0.0, BELOW * (high[1] - low[1])])
    (left, top), (right, bottom) = (np.clip(np.rint(x), 0, side).astype(int) for x in (low, high))
    return slice(top, bottom), slice(left, right)


def network_input(view: Image, box: Box) -> Array:
    """`[3, 96, 96]` BGR in 0..1 of a view's RGB `[S, S, 3]`."""
    small = cv2.resize(view[box], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    bgr = small[:, :, ::-1].transpose(2, 0, 1)
    return np.ascontiguousarray(bgr).astype(np.float32) / np.float32(255.0)


def paste_back(output: Array, box: Box, side: int, top: float = 0.0) -> tuple[Array, Array]:
    """Wav2Lip's output at its place in the view.

    Args:
        output: `[3, 96, 96]` BGR in 0..1.
        box: Where in the view.
        side: Of the view, in pixels.
        top: Fraction of the box's height, from above, that keeps weight 0.

    Returns:
        Weight `[S, S]`, 1 in the box with a soft border and 0 outside; and RGB `[S, S, 3]` in
        0..255, valid where the weight is not 0.
    """
    rows, columns = box
    height, width = rows.stop - rows.start, columns.stop - columns.start
    large = cv2.resize(
        output.transpose(1, 2, 0)[:, :, ::-1] * 255.0,
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
