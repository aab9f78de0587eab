"""Transplants the lower face between two frames, to make training pairs (Section IV-B).

The paper pairs a real video with one of the same identity and head motion but other lips,
synthesised by Wav2Lip. Here the other lips come from the same person: the lower face of frame s,
aligned by the rigid landmarks, is blended into frame t of nearly the same pose. So one face of each
pair is always a real frame.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import OUTER_LIP
from talkernel.mouth.region import region_mask

Image = NDArray[np.uint8]
Points = NDArray[np.float32]

# Landmarks along the jaw from ear to ear, and back along a line under the nose.
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

MAX_OFFSET = 10.0  # largest colour correction, of 255


def transplant(target: Image, source: Image, mask: Image, feather: float) -> Image:
    """Blend `source` into `target` inside a mask, with matched colours.

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
    """Mean colour difference on the ring just inside the mask's border, limited to `MAX_OFFSET`.

    A larger difference does not come from lighting but from background behind the jaw.
    """
    ring = cv2.subtract(mask, cv2.erode(mask, np.ones((9, 9), np.uint8)))
    pairs = zip(cv2.mean(target, ring), cv2.mean(source, ring), strict=True)
    return tuple(max(-MAX_OFFSET, min(MAX_OFFSET, there - here)) for there, here in pairs)


def lips_mask(points: list[Points], size: int, scale: float) -> Image:
    """The lips of several faces with a margin, as a mask `[size, size]`, 0 or 255.

    Args:
        points: Landmarks `[468, 2 or more]` of each face.
        size: Side of the mask in pixels.
        scale: Side that a whole face crop would have, in pixels.
    """
    return region_mask(points, OUTER_LIP, size, 0.05 * scale)


def lower_face_mask(points: list[Points], size: int, scale: float) -> Image:
    """The lower faces with a margin, as a mask; arguments as for `lips_mask`."""
    return region_mask(points, LOWER_FACE, size, 0.02 * scale)
