"""A person's neutral shape, from which a lip code tells where lips and jaw go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import LOWER_EDGE, UPPER_EDGE, mouth_opening
from talkernel.face.pose import HeadPose
from talkernel.model.lip_basis import LipBasis

Array = NDArray[np.float32]
CLOSED = 0.01  # canonical units: so much wider open, a frame counts e times less as a closed one
GUESS = 3.0  # closed frames that count as much as what all frames let one guess; with these two
# the neutral shape of 60 tracks was off least, after one frame as after 100
TOUCHING = 0.02  # canonical units of opening: no one whose most closed frames have more
OPENS = 1.5  # from three times that on nothing is closed


class NeutralShape:
    """A person's neutral shape, as far as the frames so far tell.

    Any frame's shape tells it more or less. Closed ones tell it better, once there are some.

    Args:
        basis: Of the lip codes.
    """

    def __init__(self, basis: LipBasis) -> None:
        self._basis = basis
        self._guessed, self._closed = np.zeros((2, len(basis.neutral)))
        self._count = self._weight = 0.0

    @staticmethod
    def of(shapes: Array, basis: LipBasis) -> Array:
        """What lip shapes `[T, 165]` of a person tell, `[165]`."""
        neutral = NeutralShape(basis)
        neutral.update(shapes)
        return neutral.shape

    def update(self, shapes: Array) -> None:
        """Take lip shapes `[T, 165]` of more frames into account."""
        openings = mouth_opening(shapes).astype(np.float64)
        weights = np.exp(-openings / CLOSED)
        self._guessed += self._basis.at_rest(shapes).sum(0)
        self._closed += weights @ shapes
        self._count, self._weight = self._count + len(shapes), self._weight + weights.sum()

    @property
    def shape(self) -> Array:
        """`[165]`, of one frame or more."""
        guess = self._guessed / self._count
        mean = (GUESS * guess + self._closed) / (GUESS + self._weight)
        return np.asarray(mean, np.float32)


def target_lips(shape: Array, points: NDArray[np.floating]) -> Array:
    """Where lips and jaw of some shape are in a view.

    Args:
        shape: `[165]` lip shape, canonical.
        points: `[468, 3]` landmarks of the view, which tell how the head is held.

    Returns:
        `[55, 2]` in the view's pixels, in the order of `SHAPE`.
    """
    formed = close_touching_lips(shape).reshape(-1, 3).astype(np.float64)
    return np.asarray(HeadPose.fit(points).to_frame(formed)[:, :2], np.float32)


def close_touching_lips(shape: Array) -> Array:
    """A lip shape `[165]` whose lips meet where the mesh sees lips that touch, or pass each other.

    It sees a gap between them even then. Wide open mouths stay as they are.
    """
    opening = float(mouth_opening(shape[None])[0])
    share = min(1.0, OPENS * (1.0 - TOUCHING / max(opening, TOUCHING)))
    formed = shape.reshape(-1, 3).copy()
    middle = (formed[UPPER_EDGE] + formed[LOWER_EDGE]) / 2
    gap = formed[LOWER_EDGE] - formed[UPPER_EDGE]
    kept = share * (gap[:, 1:2] > 0.0) * gap / 2
    formed[UPPER_EDGE], formed[LOWER_EDGE] = middle - kept, middle + kept
    return np.asarray(formed.ravel(), np.float32)
