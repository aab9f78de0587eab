"""What M takes from the reference: teeth, lips and skin, fetched from the frame it was seen in.

f paints at a few hundred pixels a face, and invents what it paints. So all that the warped
reference shows is taken from it, and f paints the rest: what is seen in a mouth that is wider open.
It is fetched from the reference's own frame, at that frame's resolution.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    values: Sequence[Array], recalled: Recalled, shape: tuple[int, int], part: Box
) -> list[Array]:
    """Samples of M with the reference in them; what luma is painted, steepened.

    Args:
        values: `[h, w]` each, painted: luma alone, or U and V.
        recalled: The reference, one that is carried.
        shape: Width and height of the whole crop on those planes.
        part: Rows and columns of the crop that `values` are.
    """
    assert recalled.unseen is not None and recalled.origin is not None
    unseen, in_luma = cv2.resize(recalled.unseen, shape)[part], len(values) == 1
    taken = _taken(recalled, in_luma, shape, part)
    if in_luma:
        factor, depth = shape[0] / len(recalled.unseen), recalled.origin.layout.depth
        values = [steepened(values[0], factor, depth)]
    return [np.asarray(own + unseen * (value - own), np.float32)
            for own, value in zip(taken, values, strict=True)]  # fmt: skip


def _taken(recalled: Recalled, in_luma: bool, shape: tuple[int, int], part: Box) -> list[Array]:
    """What the frames that were seen before have there, in luma or in U and V: `[h, w]` each."""
    assert recalled.origin is not None
    whence = recalled.whence.moved(_to_plane(recalled.origin, in_luma)).enlarged(shape, part)
    samples = recalled.origin.luma if in_luma else recalled.origin.chroma
    taken = [np.asarray(plane, np.float32) for plane in cv2.split(whence.fetched(samples))]
    if recalled.over is not None:
        share = cv2.resize(recalled.over.share, shape)[part]
        above = _taken(recalled.over.recalled, in_luma, shape, part)
        for own, other in zip(taken, above, strict=True):
            own += share * (other - own)
    return taken


def _to_plane(origin: Origin, in_luma: bool) -> NDArray[np.float64]:
    """Affine `[2, 3]` from the reference's view to the samples of a plane of the frame."""
    shifts = (0, 0) if in_luma else origin.layout.chroma_shift
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
