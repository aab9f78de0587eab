"""The mouth at rest, from which a lip code tells where lips and jaw go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import LOWER_EDGE, UPPER_EDGE, LipBasis, mouth_opening
from talkernel.face.pose import HeadPose

Array = NDArray[np.float32]
CLOSED = 0.02  # canonical units: so much wider open, a frame counts e times less as a closed one
MOVED = 0.15  # canonical units of opening over which a mouth has moved when its closed frames are
# trusted half; by these two, the rest of dev people was off least after one frame, and after 100
TOUCHING = 0.06  # canonical units of opening: nine of ten people's most closed frames have less
OPENS = 1.5  # from three times that on nothing is closed


class Rest:
    """A person's neutral shape, as far as the frames so far tell.

    One frame's shape tells it more or less. Of a mouth that has moved, the most closed frames
    tell it better.

    Args:
        basis: Of the lip codes.
    """

    def __init__(self, basis: LipBasis) -> None:
        self._basis = basis
        self._guessed, self._closed = np.zeros((2, len(basis.neutral)))
        self._count = self._weight = 0.0
        self._least, self._most = np.inf, -np.inf

    @staticmethod
    def of(shapes: Array, basis: LipBasis) -> Array:
        """What lip shapes `[T, 165]` of a person tell, `[165]`."""
        rest = Rest(basis)
        rest.see(shapes)
        return rest.shape

    def see(self, shapes: Array) -> None:
        """Take lip shapes `[T, 165]` of more frames into account."""
        openings = mouth_opening(shapes).astype(np.float64)
        weights = np.exp(-openings / CLOSED)
        self._guessed += self._basis.at_rest(shapes).sum(0)
        self._closed += weights @ shapes
        self._count, self._weight = self._count + len(shapes), self._weight + weights.sum()
        self._least = min(self._least, float(openings.min()))
        self._most = max(self._most, float(openings.max()))

    @property
    def shape(self) -> Array:
        """`[165]`, of one frame or more."""
        moved = self._most - self._least
        guessed, closed = self._guessed / self._count, self._closed / self._weight
        return np.asarray(guessed + moved / (moved + MOVED) * (closed - guessed), np.float32)


def told_lips(shape: Array, points: NDArray[np.floating]) -> Array:
    """Where lips and jaw of some shape are in a view.

    Args:
        shape: `[165]` lip shape, canonical.
        points: `[468, 3]` landmarks of the view, which tell how the head is held.

    Returns:
        `[55, 2]` in the view's pixels, in the order of `SHAPE`.
    """
    formed = shut(shape).reshape(-1, 3).astype(np.float64)
    return np.asarray(HeadPose.fit(points).to_frame(formed)[:, :2], np.float32)


def shut(shape: Array) -> Array:
    """A lip shape `[165]` whose lips meet where the mesh sees lips that touch.

    It sees a gap between them even then. Wide open mouths stay as they are.
    """
    opening = float(mouth_opening(shape[None])[0])
    share = min(1.0, OPENS * (1.0 - TOUCHING / max(opening, TOUCHING)))
    formed = shape.reshape(-1, 3).copy()
    middle = (formed[UPPER_EDGE] + formed[LOWER_EDGE]) / 2
    for edge in (UPPER_EDGE, LOWER_EDGE):
        formed[edge] = middle + share * (formed[edge] - middle)
    return np.asarray(formed.ravel(), np.float32)
