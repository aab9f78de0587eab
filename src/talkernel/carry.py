"""What M takes from the reference: teeth, lips and skin, fetched from the frame it was seen in.

f paints at a few hundred pixels a face, and invents what it paints. Where the warped reference
shows what belongs there, f says how far that goes into M. It is then taken from the reference's
own frame, at that frame's resolution.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.reference import Recalled
from talkernel.media.frame import Picture

Array = NDArray[np.float32]


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
    def of(share: Array, recalled: Recalled | None) -> Carried | None:
        """By the share `[1, S, S]` that f answered with; None where it has none, `[0, S, S]`."""
        if recalled is None or not len(share):
            return None
        picture, affine = recalled.origin
        places = cv2.transform(recalled.places, affine)
        return Carried(share[0], np.asarray(places, np.float32), picture)

    def laid_on(
        self, value: Array, number: int, shape: tuple[int, int], rows: slice, columns: slice
    ) -> Array:
        """Samples of M with the reference in them.

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
        return np.asarray(value + share * (fetched - value), np.float32)
