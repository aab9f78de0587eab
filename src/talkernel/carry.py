"""What M takes from the reference: teeth, lips and skin, fetched from the frame it was seen in.

f paints at a few hundred pixels a face, and invents what it paints. So all that the warped
reference shows is taken from it, and f paints the rest: what is seen in a mouth that is wider open.
It is fetched from the reference's own frame, at that frame's resolution.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.reference import Origin, Recalled
from talkernel.face.whence import Box

Array = NDArray[np.float32]
# What is painted is enlarged beside what is not: these bring its edges nearer (an unsharp mask).
STEEP = 0.8  # strength, from twofold enlargement on
STEEPEST = 12.0  # of 255: more would leave a rim of light
EDGE = 4.4  # of f's pixels: width of an edge


def laid_on(
    value: Array, recalled: Recalled, number: int, shape: tuple[int, int], part: Box
) -> Array:
    """Samples of M with the reference in them; what luma is painted, steepened.

    Args:
        value: `[h, w]` samples of a plane, painted.
        recalled: The reference, one that is carried.
        number: Of the plane: 0 is luma.
        shape: Width and height of the whole crop on that plane.
        part: Rows and columns of the crop that `value` are.
    """
    assert recalled.unseen is not None and recalled.origin is not None
    unseen, taken = cv2.resize(recalled.unseen, shape)[part], _taken(recalled, number, shape, part)
    if number == 0:
        depth = recalled.origin.picture.layout.depth
        value = steepened(value, shape[0] / len(recalled.unseen), depth)
    return np.asarray(taken + unseen * (value - taken), np.float32)


def _taken(recalled: Recalled, number: int, shape: tuple[int, int], part: Box) -> Array:
    """What the frames that were seen before have there."""
    assert recalled.origin is not None
    whence = recalled.whence.moved(_to_plane(recalled.origin, number)).enlarged(shape, part)
    taken = whence.fetched(recalled.origin.picture.planes[number]).astype(np.float32)
    if recalled.over is not None:
        share = cv2.resize(recalled.over.share, shape)[part]
        taken += share * (_taken(recalled.over.recalled, number, shape, part) - taken)
    return taken


def _to_plane(origin: Origin, number: int) -> NDArray[np.float64]:
    """Affine `[2, 3]` from the reference's view to the samples of a plane of the frame."""
    shifts = (0, 0) if number == 0 else origin.picture.layout.chroma_shift
    unit = np.array([1 << shift for shift in shifts])[:, None]  # of a sample, in luma's
    affine = origin.affine / unit
    affine[:, 2:] += 0.5 / unit - 0.5
    return np.asarray(affine, np.float64)


def steepened(luma: Array, enlarged: float, depth: int) -> Array:
    """M's luma `[h, w]` enlarged so many times, its edges as steep as they could be at that size.

    Args:
        luma: In samples of `depth` bits.
        enlarged: Factor; up to 1 nothing changes.
        depth: Bits per sample.
    """
    if enlarged <= 1.0:
        return luma
    strength, highest = STEEP * min(1.0, enlarged - 1.0), STEEPEST * (1 << (depth - 8))
    odd = 2 * round(EDGE * enlarged / 2) + 1
    detail = np.clip(luma - cv2.stackBlur(luma, (odd, odd)), -highest, highest)
    return np.asarray(luma + strength * detail, np.float32)
