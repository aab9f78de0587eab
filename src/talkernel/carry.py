"""What M takes from the reference: teeth, lips and skin, fetched from the frame it was seen in.

f paints at a few hundred pixels a face, and invents what it paints. So all that the warped
reference shows is taken from it, and f paints the rest: what is seen in a mouth that is wider open.
It is fetched from the reference's own frame, at that frame's resolution.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.reference import Origin, Recalled
from talkernel.face.whence import Box, Whence

Array = NDArray[np.float32]
# What is painted is enlarged beside what is not: these bring its edges nearer (an unsharp mask).
STEEP = 0.8  # strength, from twofold enlargement on
STEEPEST = 12.0  # of 255: more would leave a rim of light
EDGE = 4.4  # of f's pixels: width of an edge


class Carried(NamedTuple):
    """The reference's part in one M.

    Attributes:
        share: `[S, S]` in 0..1, how far M is the reference here.
        whence: Where in the reference's view it comes from.
        origin: The frame that it is fetched from.
    """

    share: Array
    whence: Whence
    origin: Origin

    @staticmethod
    def of(recalled: Recalled | None, origin: Origin) -> Carried | None:
        """What is taken of a reference as f saw it; nothing if it is not warped."""
        if recalled is None or recalled.unseen is None:
            return None
        return Carried(1.0 - recalled.unseen, recalled.whence, origin)

    def laid_on(self, value: Array, number: int, shape: tuple[int, int], part: Box) -> Array:
        """Samples of M with the reference in them; what luma is painted, steepened.

        Args:
            value: `[h, w]` samples of plane `number`, painted.
            number: Of the plane: 0 is luma.
            shape: Width and height of the whole crop on that plane.
            part: Rows and columns of the crop that `value` are.
        """
        picture = self.origin.picture
        whence = self.whence.moved(self._to_plane(number)).enlarged(shape, part)
        share, fetched = cv2.resize(self.share, shape)[part], whence.fetched(picture.planes[number])
        if number == 0:
            value = steepened(value, shape[0] / len(self.share), picture.layout.depth)
        return np.asarray(value + share * (fetched - value), np.float32)

    def _to_plane(self, number: int) -> NDArray[np.float64]:
        """Affine `[2, 3]` from the reference's view to the samples of a plane of the frame."""
        shifts = (0, 0) if number == 0 else self.origin.picture.layout.chroma_shift
        unit = np.array([1 << shift for shift in shifts])[:, None]  # of a sample, in luma's
        affine = self.origin.affine / unit
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
