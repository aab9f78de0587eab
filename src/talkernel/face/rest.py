"""The mouth at rest, from which a lip code tells where lips and jaw go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import LipBasis, mouth_opening
from talkernel.face.pose import HeadPose

Array = NDArray[np.float32]
CLOSED = 0.02  # canonical units: so much wider open, a frame counts e times less as a closed one
MOVED = 0.15  # canonical units of opening over which a mouth has moved when its closed frames are
# trusted half; by these two, the rest of dev people was off least after one frame, and after 100


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


def told_lips(rest: Array, code: Array, basis: LipBasis, points: NDArray[np.floating]) -> Array:
    """Where a person's lips and jaw are, told a lip code.

    Args:
        rest: `[165]` the person's neutral shape.
        code: `[K]`.
        basis: What it means.
        points: `[468, 3]` landmarks of the view, which tell how the head is held.

    Returns:
        `[55, 2]` in the view's pixels, in the order of `SHAPE`.
    """
    formed = (rest + basis.decode(code)).reshape(-1, 3).astype(np.float64)
    return np.asarray(HeadPose.fit(points).to_frame(formed)[:, :2], np.float32)
