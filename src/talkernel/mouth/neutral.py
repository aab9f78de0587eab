"""A person's neutral lip shape, and the target lips that a lip code adds to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import LOWER_EDGE, UPPER_EDGE, mouth_opening
from talkernel.face.pose import HeadPose
from talkernel.model.lip_basis import LipBasis

Array = NDArray[np.float32]
# These two gave the smallest error on 60 tracks, after one frame as well as after 100.
CLOSED = 0.01  # canonical units of opening by which a frame's weight as a closed one drops e-fold
GUESS_WEIGHT = 3.0  # the guess from all frames weighs as much as this many closed frames
TOUCHING = 0.02  # canonical units: openings up to here count as closed
CLOSING = 1.5  # slope of the correction, which ends at three times that opening


class NeutralShape:
    """A running estimate of a person's neutral lip shape.

    It combines a guess from every frame's shape with the mean of the closed frames, which is more
    accurate once there are some.

    Args:
        basis: Of the lip codes.
    """

    def __init__(self, basis: LipBasis) -> None:
        self._basis = basis
        self._guessed, self._closed = np.zeros((2, len(basis.neutral)))
        self._count = self._weight = 0.0

    @staticmethod
    def of(shapes: Array, basis: LipBasis) -> Array:
        """The estimate `[165]` from a person's lip shapes `[T, 165]`."""
        neutral = NeutralShape(basis)
        neutral.update(shapes)
        return neutral.shape

    def update(self, shapes: Array) -> None:
        """Add the lip shapes `[T, 165]` of more frames."""
        openings = mouth_opening(shapes).astype(np.float64)
        weights = np.exp(-openings / CLOSED)
        self._guessed += self._basis.at_rest(shapes).sum(0)
        self._closed += weights @ shapes
        self._count, self._weight = self._count + len(shapes), self._weight + weights.sum()

    @property
    def shape(self) -> Array:
        """The estimate `[165]`, after at least one frame."""
        guess = self._guessed / self._count
        mean = (GUESS_WEIGHT * guess + self._closed) / (GUESS_WEIGHT + self._weight)
        return np.asarray(mean, np.float32)


def target_lips(shape: Array, points: NDArray[np.floating]) -> Array:
    """Project a lip shape into a view.

    Args:
        shape: `[165]` lip shape, canonical.
        points: `[468, 3]` landmarks of the view, which give the head pose.

    Returns:
        `[55, 2]` in the view's pixels, in the order of `SHAPE`.
    """
    closed = close_touching_lips(shape).reshape(-1, 3).astype(np.float64)
    return np.asarray(HeadPose.fit(points).to_frame(closed)[:, :2], np.float32)


def close_touching_lips(shape: Array) -> Array:
    """Close the lips of a shape `[165]` whose gap is so small that they touch, or which cross.

    The mesh reports a small gap even for lips that touch. Wider gaps are reduced less and less,
    and open mouths stay unchanged.
    """
    opening = float(mouth_opening(shape[None])[0])
    ratio = min(1.0, CLOSING * (1.0 - TOUCHING / max(opening, TOUCHING)))
    points = shape.reshape(-1, 3).copy()
    middle = (points[UPPER_EDGE] + points[LOWER_EDGE]) / 2
    gap = points[LOWER_EDGE] - points[UPPER_EDGE]
    half = ratio * (gap[:, 1:2] > 0.0) * gap / 2
    points[UPPER_EDGE], points[LOWER_EDGE] = middle - half, middle + half
    return np.asarray(points.ravel(), np.float32)
