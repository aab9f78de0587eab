"""Where the reference has what belongs to each pixel, once its lips are moved as told.

Lips and skin go with the landmarks, and the face is torn between the lips: what is above them
goes with the upper lip, what is below with the lower. Teeth do not move with the lips that pass
over them.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import CORNER, INNER, INNER_LIP, LOWER_EDGE, UPPER_EDGE
from talkernel.face.thin_plate import cell_middles, enlarged, plate_flows
from talkernel.face.whence import Layers, Whence

LOWER = list(range(CORNER + 1))
UPPER = [0, *range(CORNER + 1, len(INNER_LIP)), CORNER]
Array = NDArray[np.float32]
Points = NDArray[np.floating]
AROUND = 4  # pixels around the lips in which they are torn apart at a pixel's edge
ITS_PLACE = 1e-3  # pixels: what comes from so near is in its own place
SEAM = 0.012  # of the view's side: width of the dark line along which lips meet
RIM = 0.006  # of the view's side: of what lies within the lips, nothing so near to them is taken


class LipFlow(NamedTuple):
    """How a reference becomes a mouth that is as told.

    Attributes:
        whence: Where each pixel comes from. Around the lips in layers: what goes with the upper
            lip, over it what goes with the lower, over both what lies between them.
        unseen: `[S, S]` in 0..1: what is between the lips, but not in the reference.
    """

    whence: Whence
    unseen: Array


def lip_flow(target: Points, source: Points, still: Points, size: int) -> LipFlow:
    """The flow that fetches lips and jaw from `source` to `target`.

    Args:
        target: `[55, 2]` of `SHAPE` as they are to be, in the view's pixels.
        source: `[55, 2]` where the reference has them.
        still: `[M, 2]` landmarks that are where they belong.
        size: Side of the view, a multiple of 4.
    """
    source = _parted(source, target, SEAM * size)
    mouth, box = Mouth.of(target[INNER]), _box(target[INNER], size)
    upper, lower = _torn(target, source, still, size)
    below = enlarged(mouth.seats(cell_middles(size)).below, size)
    places = every_place(size) + upper + below[..., None] * (lower - upper)
    here, unseen = every_place(size)[box], np.zeros((size, size), np.float32)
    if not here.size:
        return LipFlow(Whence(places), unseen)
    between = Mouth.of(source[INNER]).held(here, RIM * size)
    seats = mouth.seats(here)
    unseen[box] = seats.within * (np.abs(between - here) > ITS_PLACE).any(2)
    layers = Layers(box, (here + upper[box], here + lower[box], between), seats)
    return LipFlow(Whence(places, layers), np.asarray(cv2.blur(unseen, (3, 3)), np.float32))


def _parted(source: Points, target: Points, seam: float) -> Points:
    """A reference's lips without the seam between them, as far as they are to open.

    Else lips that were shut would keep it, a dark line beside the gap.
    """
    gap, own = (lips[LOWER_EDGE] - lips[UPPER_EDGE] for lips in (target, source))
    wanted, there = (np.linalg.norm(apart, axis=1, keepdims=True) for apart in (gap, own))
    lacking = np.maximum(np.minimum(wanted, seam) - there, 0.0)
    push = gap / np.maximum(wanted, 1e-6) * lacking / 2
    parted = source.copy()
    parted[UPPER_EDGE] -= push
    parted[LOWER_EDGE] += push
    return parted


@cache
def every_place(size: int) -> Array:
    """Every pixel's own place, `[S, S, 2]`."""
    return np.ascontiguousarray(np.indices((size, size), np.float32)[::-1].transpose(1, 2, 0))


def _box(lips: Points, size: int) -> tuple[slice, slice]:
    """Rows and columns that some points lie in, and some around them."""
    low, high = (np.clip(points.round().astype(int), 0, size)
                 for points in (lips.min(0) - AROUND, lips.max(0) + AROUND))  # fmt: skip
    return slice(low[1], high[1]), slice(low[0], high[0])


def _torn(target: Points, source: Points, still: Points, size: int) -> tuple[Array, ...]:
    """The flow of what goes with the upper lip, and of what goes with the lower."""
    places = np.concatenate([target, still])
    moves = np.concatenate([source - target, np.zeros_like(still)])
    return plate_flows(places, moves, (LOWER_EDGE, UPPER_EDGE), size)


class Seats(NamedTuple):
    """How pixels lie to a mouth, `[...]` in 0..1.

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

    def seats(self, places: Array) -> Seats:
        """How pixels around places `[..., 2]` lie."""
        along, across, upper, lower = self._seen(places)
        beyond = np.maximum(np.maximum(-along, along - self.upper[-1, 0]), 0.0)
        within = np.minimum(across + 0.5, lower) - np.maximum(across - 0.5, upper)
        below = 0.5 + (across - (upper + lower) / 2) / (1.0 + beyond)
        return Seats(np.clip(below, 0.0, 1.0), np.clip(within, 0.0, 1.0) * (beyond == 0.0))

    def held(self, places: Array, rim: float) -> Array:
        """Places `[..., 2]`, those that are not within the lips moved there, `rim` from them."""
        along, across, upper, lower = self._seen(places)
        middle = (upper + lower) / 2
        across = np.clip(across, np.minimum(upper + rim, middle), np.maximum(lower - rim, middle))
        along = np.clip(along, 0.0, self.upper[-1, 0])
        return self._placed(along, across)

    def _seen(self, places: Array) -> tuple[Array, Array, Array, Array]:
        """Each place along and across, and both lips there."""
        x, y = places[..., 0] - np.float32(self.left[0]), places[..., 1] - np.float32(self.left[1])
        along, across = (np.float32(axis[0]) * x + np.float32(axis[1]) * y for axis in self.axes)
        upper, lower = (np.interp(along, *edge.T).astype(np.float32)
                        for edge in (self.upper, self.lower))  # fmt: skip
        return along, across, upper, np.maximum(upper, lower)

    def _placed(self, along: Array, across: Array) -> Array:
        right, down = self.axes.astype(np.float32)
        placed = self.left + along[..., None] * right + across[..., None] * down
        return np.asarray(placed, np.float32)
