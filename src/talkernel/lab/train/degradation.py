"""What comes between a face and f in use: things before the mouth, and compression.

Both befall input and target alike, in the order in which they do in life, and before the veil:
f is shown what a job would show it, and asked for what should stand in the frame.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from talkernel.lab.train.compression import Compression
from talkernel.lab.train.occluder import random_occluder
from talkernel.lab.train.transplant import Image, Points


class Shot(NamedTuple):
    """A pair's pictures `[S, S, 3]`, and `outside` `[S, S]`, 255 where they are the same.

    The reference, where there is one, was filmed before: nothing is held before it.
    """

    source: Image
    target: Image
    outside: Image
    reference: Image | None = None


def occlude(
    shot: Shot, points: Points, lips: Image, veil: Image, scale: float, rng: np.random.Generator
) -> Shot:
    """The same thing before both mouths.

    Where the thing is and the veil is not, nothing may change: `outside` grows by it. Under the
    veil f has to draw the thing, as far as its blurred colours tell.

    Args:
        shot: The pair.
        points: Landmarks `[468, 2]` of the source.
        lips: `[S, S]`, 255 at the lips of both.
        veil: `[S, S]`, 0 where f sees everything.
        scale: Pixels that a whole face crop would have.
        rng: Decides.
    """
    thing = random_occluder(shot.source, points, lips, scale, rng)
    alone = np.where((thing.weight == 1.0) & (veil == 0), np.uint8(255), shot.outside)
    return shot._replace(
        source=thing.lay_over(shot.source), target=thing.lay_over(shot.target), outside=alone
    )


def compress(shot: Shot, rng: np.random.Generator) -> Shot:
    """All pictures compressed alike, so that the drawn mouth is to match what surrounds it.

    Were the input alone compressed, f would be asked to sharpen the mouth within a coarse face,
    and to mend the rest of it, which the mask loss forbids. Were neither, it would not know
    what to make of such a face. A block holds something of the mouth beside it; what is outside
    is therefore taken from the source again.
    """
    how = Compression.random(len(shot.source), rng)
    source = how.apply(shot.source)
    target = cv2.copyTo(source, shot.outside, how.apply(shot.target))
    reference = None if shot.reference is None else how.apply(shot.reference)
    return Shot(source, np.asarray(target, np.uint8), shot.outside, reference)
