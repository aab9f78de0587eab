"""Supervised pairs by transplant: one head, one pose, two mouths (Section IV-B).

The paper pairs a real video with another of the same identity and head motion but other
lips, synthesised by Wav2Lip. Here the other lips are the same person's own: the lower face
of frame s, aligned by the rigid landmarks, is laid into frame t of nearly the same pose.
One side of each pair is thereby a real frame.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import OUTER_LIP
from talkernel.mouth.region import region_mask

Image = NDArray[np.uint8]
Points = NDArray[np.float32]

# Jaw line from below one ear to below the other, and the line under the nose.
LOWER_FACE = (
    132,
    58,
    172,
    136,
    150,
    149,
    176,
    148,
    152,
    377,
    400,
    378,
    379,
    365,
    397,
    288,
    361,
    425,
    327,
    2,
    98,
    205,
)

MAX_OFFSET = 10.0  # of 255


def transplant(target: Image, source: Image, mask: Image, feather: float) -> Image:
    """Lay `source` into `target` within a mask.

    Args:
        target: `[S, S, 3]`.
        source: `[S, S, 3]`, already aligned.
        mask: `[S, S]`, 0 or 255.
        feather: Width in pixels of the soft border, inside the mask.
    """
    core = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=round(feather))
    width = 4 * round(feather) + 1
    weight = cv2.stackBlur(core, (width, width)).astype(np.float32) / 255.0
    offset = _colour_offset(target, source, mask)
    matched = cv2.add(source, offset)  # type: ignore[call-overload]  # its types know no scalars
    return np.asarray(cv2.blendLinear(matched, target, weight, 1.0 - weight), np.uint8)


def _colour_offset(target: Image, source: Image, mask: Image) -> tuple[float, ...]:
    """Mean difference of the two pictures on the ring just inside the mask's border.

    It is held small: what differs more is not light but background behind the jaw.
    """
    ring = cv2.subtract(mask, cv2.erode(mask, np.ones((9, 9), np.uint8)))
    pairs = zip(cv2.mean(target, ring), cv2.mean(source, ring), strict=True)
    return tuple(max(-MAX_OFFSET, min(MAX_OFFSET, there - here)) for there, here in pairs)


def lips_mask(points: list[Points], size: int, scale: float) -> Image:
    """Lips of several faces and a margin around them, `[size, size]`, 0 or 255."""
    return region_mask(points, OUTER_LIP, size, 0.05 * scale)


def lower_face_mask(points: list[Points], size: int, scale: float) -> Image:
    """Lower faces and a margin, `[size, size]`, 0 or 255; `scale` is the crop's side in pixels."""
    return region_mask(points, LOWER_FACE, size, 0.02 * scale)
