"""The reference: the person's own mouth, as another frame of the video shows it.

Under the veil f cannot know what this person's lips and teeth look like. So it is also shown a
frame in which they are seen. That frame stays the same, so nothing that moves in it can leak
into what is drawn, and copying it would not follow the speech.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import lip_shape, mouth_opening
from talkernel.face.pose import RIGID

Image = NDArray[np.uint8]
Points = NDArray[np.floating]

WIDE = 0.25  # canonical units of opening: from here on a mouth shows all that there is to see
WIDER = 0.04  # by how much a mouth must be wider to take the place of the one before


class Reference(NamedTuple):
    """A view `[S, S, 3]` of the person, and its landmarks `[468, 2 or more]` in its pixels."""

    view: Image
    points: Points

    def seen_at(self, points: Points, size: int) -> Image:
        """The view, its face moved to where another view `[size, size]` has it."""
        return warp(self.view, align(self.points, points), size)


class ReferenceKeeper:
    """Chooses the reference of each shot: the first frame, then wider mouths until one is wide.

    Talking mouths open wide within a second or so; after that the reference stays.
    """

    def __init__(self) -> None:
        self._kept: Reference | None = None
        self._opening = 0.0

    def forget(self) -> None:
        """Begin anew: what comes next may be somebody else."""
        self._kept = None

    def show(self, view: Image, points: Points, landmarks: Points) -> Image:
        """The reference as the next frame's view would have it.

        Args:
            view: The frame's view `[S, S, 3]`, its mouth not hidden.
            points: `[468, 2]` landmarks in it.
            landmarks: `[468, 3]` the same in three dimensions, of any scale.
        """
        if self._kept is None or self._opening < WIDE:
            opening = float(mouth_opening(lip_shape(landmarks)[None])[0])
            if self._kept is None or opening > self._opening + WIDER:
                self._kept, self._opening = Reference(view, points), opening
        return self._kept.seen_at(points, len(view))


def align(source: Points, target: Points) -> NDArray[np.float64]:
    """Affine `[2, 3]` that takes the rigid landmarks of one face to another's, `[468, 2+]`."""
    rigid = list(RIGID)
    ones = np.ones((len(rigid), 1))
    solution, *_ = np.linalg.lstsq(np.hstack([source[rigid, :2], ones]), target[rigid, :2])
    return np.asarray(solution.T, np.float64)


def warp(image: Image, affine: NDArray[np.float64], size: int) -> Image:
    """A picture by an affine `[2, 3]` from its pixels to those of a square result."""
    shown = cv2.warpAffine(image, affine, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shown, np.uint8)
