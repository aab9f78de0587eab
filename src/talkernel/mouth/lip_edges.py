"""The inner lips as a curve above and a curve below, and how pixels lie to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import CORNER, INNER_LIP

LOWER = list(range(CORNER + 1))
UPPER = [0, *range(CORNER + 1, len(INNER_LIP)), CORNER]
Array = NDArray[np.float32]
Points = NDArray[np.floating]


class LipMaps(NamedTuple):
    """How pixels lie to the lips, `[...]` in 0..1.

    Attributes:
        below: How far below the middle between the lips; beside the mouth, by degrees.
        within: How far between the lips.
    """

    below: Array
    within: Array


class Mouth(NamedTuple):
    """The inner lips, in axes along the mouth and, downwards, across it.

    Attributes:
        left: `[2]` the left corner.
        axes: `[2, 2]` unit vectors along the mouth and across.
        upper: `[11, 2]` (along, across) the upper lip's edge, from the left.
        lower: Likewise.
    """

    left: Points
    axes: Points
    upper: Points
    lower: Points

    @staticmethod
    def of(lips: Points) -> Mouth:
        """By the inner lips `[20, 2]`."""
        left, (x, y) = lips[0], lips[CORNER] - lips[0]
        axes = np.array([(x, y), (-y, x)]) / max(1.0, float(np.hypot(x, y)))
        edges = [(lips[edge] - left) @ axes.T for edge in (UPPER, LOWER)]
        for edge in edges:
            edge[:, 0] = np.maximum.accumulate(edge[:, 0])
        return Mouth(left, axes, *edges)

    def maps(self, coords: Array) -> LipMaps:
        """How pixels around coordinates `[..., 2]` lie."""
        along, across, upper, lower = self._along_and_across(coords)
        beyond = np.maximum(np.maximum(-along, along - self.upper[-1, 0]), 0.0)
        within = np.minimum(across + 0.5, lower) - np.maximum(across - 0.5, upper)
        below = 0.5 + (across - (upper + lower) / 2) / (1.0 + beyond)
        return LipMaps(np.clip(below, 0.0, 1.0), np.clip(within, 0.0, 1.0) * (beyond == 0.0))

    def clamped(self, coords: Array, rim: float) -> Array:
        """Coordinates `[..., 2]`; what is not within the lips is moved there, `rim` from them."""
        along, across, upper, lower = self._along_and_across(coords)
        middle = (upper + lower) / 2
        across = np.clip(across, np.minimum(upper + rim, middle), np.maximum(lower - rim, middle))
        along = np.clip(along, 0.0, self.upper[-1, 0])
        return self._placed(along, across)

    def _along_and_across(self, coords: Array) -> tuple[Array, Array, Array, Array]:
        """Each coordinate along and across the mouth, and both lips there."""
        x, y = coords[..., 0] - np.float32(self.left[0]), coords[..., 1] - np.float32(self.left[1])
        along, across = (np.float32(axis[0]) * x + np.float32(axis[1]) * y for axis in self.axes)
        upper, lower = (
            np.interp(along, *edge.T).astype(np.float32) for edge in (self.upper, self.lower)
        )
        return along, across, upper, np.maximum(upper, lower)

    def _placed(self, along: Array, across: Array) -> Array:
        right, down = self.axes.astype(np.float32)
        placed = self.left + along[..., None] * right + across[..., None] * down
        return np.asarray(placed, np.float32)
