"""One training sample: pictures, region masks and the target lip code, as bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.lab.train.transplant import Image, Points

Array = NDArray[np.float32]
MOUTH = 128  # side in pixels of the box around the mouth that the critics see
JITTER = 8  # pixels: largest random shift of that box in each direction


class Sample(NamedTuple):
    """One pair of faces. Pictures are `[3, S, S]` RGB bytes, masks `[1, S, S]` from 0 to 255.

    Attributes:
        network_input: The generator's input: `face` with the mouth masked; if the model takes a
            reference, `[6, S, S]` with the reference behind it.
        face: The picture with which the generator's output is blended.
        target: What the blended picture should be.
        lips: The lips of both faces, with a margin.
        lower: The lower faces of both faces, with a margin.
        outside: Where nothing may change.
        mouth_mask: Where the input's mouth is masked.
        painted: Where the generator paints the motion image; elsewhere that is the warped
            reference.
        corner: `[2]` row and column of the upper left corner of the mouth's box of `MOUTH` pixels.
        genuine: `[]` whether the target is a real frame, not a composite.
        code: `[K]` target lip code.
        speech: `[1, F, W]` speech features of the target.
    """

    network_input: Image
    face: Image
    target: Image
    lips: Image
    lower: Image
    outside: Image
    mouth_mask: Image
    painted: Image
    corner: NDArray[np.int64]
    genuine: NDArray[np.bool_]
    code: Array
    speech: NDArray[np.float16]


def mouth_box(middle: Points, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Upper left corner of a box around the mouth, the mouth in its upper half.

    The box is shifted at random. The discriminator halves the resolution three times, so its
    response repeats every 8 pixels. With strides and a box at a fixed place, the generator drew
    that grid on the teeth.

    Args:
        middle: `[2 or more]` x and y of the mouth's centre in the view.
        size: Side of the view; the box stays inside it.
        rng: Draws the shift.

    Returns:
        `[2]` row and column.
    """
    column, row = middle[:2]
    corner = np.array([row - 0.42 * MOUTH, column - 0.5 * MOUTH])
    corner += rng.integers(-JITTER, JITTER, 2)
    inside = np.clip(np.rint(corner), 0, max(0, size - MOUTH))
    return np.asarray(inside, np.int64)
