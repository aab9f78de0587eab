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

from talkernel.face.lips import OUTER_LIP
from talkernel.face.reference import Origin, Points, Recalled
from talkernel.face.veil import lips_region
from talkernel.media.frame import Picture

Array = NDArray[np.float32]
LEAN = 0.4  # power of the share that f answers with


def whole_share(share: Array, told: Points, scale: float) -> Array:
    """The share as it is used: all of the skin.

    Skin the reference has with its grain; only lips open. Where f is in two minds, mixtures look
    like dirt: they lean to the reference.

    Args:
        share: `[S, S]` as f answered.
        told: `[55, 2]` where lips and jaw are told to be.
        scale: Pixels that a whole face crop would have at the view's scale.
    """
    lips = lips_region(told[: len(OUTER_LIP)], len(share), scale)
    return np.asarray(np.maximum(share**LEAN, 1.0 - lips), np.float32)


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
    def of(share: Array, recalled: Recalled | None, origin: Origin, scale: float) -> Carried | None:
        """What is taken of a reference.

        Args:
            share: `[1, S, S]` as f answered; None is taken where it has none, `[0, S, S]`.
            recalled: The reference as f saw it.
            origin: The frame that it was seen in.
            scale: Pixels that a whole face crop would have at the view's scale.
        """
        if recalled is None or recalled.told is None or not len(share):
            return None
        places = cv2.transform(recalled.places, origin.affine)
        whole = whole_share(share[0], recalled.told, scale)
        return Carried(whole, np.asarray(places, np.float32), origin.picture)

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
