"""What M takes from the reference: teeth, lips and skin, fetched from the frame it was seen in.

f paints at a few hundred pixels a face, and invents what it paints. So all that the warped
reference shows is taken from it, and f paints the rest: what is seen in a mouth that is wider open.
It is fetched from the reference's own frame, at that frame's resolution.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.reference import Origin, Recalled
from talkernel.media.frame import Picture

Array = NDArray[np.float32]
# What is painted is enlarged beside what is not: these bring its edges nearer (an unsharp mask).
STEEP = 0.8  # strength, from twofold enlargement on
STEEPEST = 12.0  # of 255: more would leave a rim of light
EDGE = 4.4  # of f's pixels: width of an edge


class Carried(NamedTuple):
    """The reference's part in one M.

    Attributes:
        share: `[S, S]` in 0..1, how far M is the reference here.
        places: `[S, S, 2]` whence, x and y in the frame's pixels.
        picture: That frame.
    """

    share: Array
    places: Array
    picture: Picture

    @staticmethod
    def of(recalled: Recalled | None, origin: Origin) -> Carried | None:
        """What is taken of a reference as f saw it; nothing if it is not warped."""
        if recalled is None or recalled.unseen is None:
            return None
        places = cv2.transform(recalled.places, origin.affine)
        return Carried(1.0 - recalled.unseen, np.asarray(places, np.float32), origin.picture)

    def laid_on(
        self, value: Array, number: int, shape: tuple[int, int], rows: slice, columns: slice
    ) -> Array:
        """Samples of M with the reference in them; what luma is painted, steepened.

        Args:
            value: `[h, w]` samples of plane `number`, painted.
            number: Of the plane: 0 is luma.
            shape: Width and height of the whole crop on that plane.
            rows: Of the crop, those that `value` are.
            columns: Likewise.
        """
        share, places = (cv2.resize(x, shape)[rows, columns] for x in (self.share, self.places))
        shifts = (0, 0) if number == 0 else self.picture.layout.chroma_shift
        x, y = ((places[..., axis] + 0.5) / (1 << shifts[axis]) - 0.5 for axis in (0, 1))
        fetched: NDArray[Any] = cv2.remap(
            self.picture.planes[number], np.ascontiguousarray(x), np.ascontiguousarray(y),
            cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        if number == 0:
            value = steepened(value, shape[0] / len(self.share), self.picture.layout.depth)
        return np.asarray(value + share * (fetched - value), np.float32)


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
