"""The inner lips as two curves, and where pixels lie relative to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import CORNER, INNER_LIP

# Both edges from the left corner to the right one, in `INNER_LIP`.
LOWER = list(range(CORNER + 1))
UPPER = [0, *range(CORNER + 1, len(INNER_LIP)), CORNER]
Array = NDArray[np.float32]
Points = NDArray[np.floating]


class LipWeights(NamedTuple):
    """How pixels belong to the lips, `[...]` in 0..1.

    Attributes:
        lower: Weight of the lower lip, 0.5 halfway between the lips. The step is sharp between
            the lips and grows softer beside the mouth.
        inside: How far the pixel lies between the lips, as its covered fraction.
    """

    lower: Array
    inside: Array


class InnerLips(NamedTuple):
    """The inner lips in coordinates along the mouth and, downwards, across it.

    Attributes:
        left: `[2]` the left corner.
        axes: `[2, 2]` unit vectors along the mouth and across it.
        upper: `[11, 2]` (along, across) edge of the upper lip, from the left.
        lower: `[11, 2]` edge of the lower lip.
    """

    left: Points
    axes: Points
    upper: Points
    lower: Points

    @staticmethod
    def of(lips: Points) -> InnerLips:
        """From the landmarks `[20, 2]` of `INNER_LIP`."""
        left, (x, y) = lips[0], lips[CORNER] - lips[0]
        axes = np.array([(x, y), (-y, x)]) / max(1.0, float(np.hypot(x, y)))
        edges = [(lips[edge] - left) @ axes.T for edge in (UPPER, LOWER)]
        for edge in edges:  # interpolation needs positions that do not decrease
            edge[:, 0] = np.maximum.accumulate(edge[:, 0])
        return InnerLips(left, axes, *edges)

    def weights(self, coords: Array) -> LipWeights:
        """The weights of pixels at coordinates `[..., 2]`."""
        along, across, upper, lower = self._along_and_across(coords)
        outside = np.maximum(np.maximum(-along, along - self.upper[-1, 0]), 0.0)
        covered = np.minimum(across + 0.5, lower) - np.maximum(across - 0.5, upper)
        below = 0.5 + (across - (upper + lower) / 2) / (1.0 + outside)
        inside = np.clip(covered, 0.0, 1.0) * (outside == 0.0)
        return LipWeights(np.clip(below, 0.0, 1.0), inside)

    def clamp(self, coords: Array, rim: float) -> Array:
        """Coordinates `[..., 2]` moved between the lips, at least `rim` from their edges."""
        along, across, upper, lower = self._along_and_across(coords)
        middle = (upper + lower) / 2
        across = np.clip(across, np.minimum(upper + rim, middle), np.maximum(lower - rim, middle))
        along = np.clip(along, 0.0, self.upper[-1, 0])
        return self._to_view(along, across)

    def _along_and_across(self, coords: Array) -> tuple[Array, Array, Array, Array]:
        """Each coordinate along and across the mouth, and both edges at that position."""
        x, y = coords[..., 0] - np.float32(self.left[0]), coords[..., 1] - np.float32(self.left[1])
        along, across = (np.float32(axis[0]) * x + np.float32(axis[1]) * y for axis in self.axes)
        upper, lower = (
            np.interp(along, *edge.T).astype(np.float32) for edge in (self.upper, self.lower)
        )
        return along, across, upper, np.maximum(upper, lower)

    def _to_view(self, along: Array, across: Array) -> Array:
        right, down = self.axes.astype(np.float32)
        coords = self.left + along[..., None] * right + across[..., None] * down
        return np.asarray(coords, np.float32)
