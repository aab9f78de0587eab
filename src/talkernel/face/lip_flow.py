"""Where the reference has what belongs to each pixel, once its lips are moved as told.

Between landmarks the flow is a thin plate's (Bookstein 1989): as smooth as they allow. Within the
lips it is none: teeth do not move with the lips that pass over them.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import INNER, INNER_LIP

CORNER = INNER_LIP.index(308)  # the right one; both lips' edges are listed from the left one
UPPER = [0, *range(CORNER + 1, len(INNER_LIP)), CORNER]
AROUND = [*range(CORNER + 1), *UPPER[-2:0:-1]]  # along the lower lip and back along the upper
Array = NDArray[np.float32]
Points = NDArray[np.floating]
Real = TypeVar("Real", NDArray[np.float32], NDArray[np.float64])
STEP = 4  # pixels between places where the plate is worked out; between them it is linear
SLACK = 5e-4  # how far the plate may pass a landmark by; landmarks jitter
BORDER = 5  # places along each border of the view, which stay
RIM = 0.006  # of the view's side: of what lies within the lips, nothing so near to them is taken
WELL = 0.0134  # of the view's side: so far from the lips' edges is well within them
SPILL = 3  # pixels, more than a soft edge reaches beyond its polygon
ROUNDED = 4  # binary digits of a pixel's place in polygons


class LipFlow(NamedTuple):
    """Whence each pixel comes, once lips and jaw are as told.

    Attributes:
        flow: `[S, S, 2]` (x, y) in pixels, from where a pixel goes to where it comes from.
        shown: `[S, S]` in 0..1, well within the lips: where the reference has the very place.
    """

    flow: Array
    shown: Array


def lip_flow(target: Points, source: Points, still: Points, size: int) -> LipFlow:
    """The flow that fetches lips and jaw from `source` to `target`.

    Args:
        target: `[55, 2]` of `SHAPE` as they are to be, in the view's pixels.
        source: `[55, 2]` where the reference has them.
        still: `[M, 2]` landmarks that are where they belong.
        size: Side of the view, a multiple of 4.
    """
    flow, shown = plate_flow(target, source, still, size), np.zeros((size, size), np.float32)
    within, rows, columns = _within(target[INNER], size)
    if within.size:
        here, unmoved = flow[rows, columns], _unmoved(source[INNER], rows, columns, size)
        here += within[..., None] * (unmoved - here)
        well = cv2.erode(within, np.ones((2 * round(WELL * size) + 1, 3), np.uint8))
        shown[rows, columns] = well * (unmoved == 0.0).all(2)
    return LipFlow(flow, np.asarray(cv2.blur(shown, (3, 3)), np.float32))


def _within(lips: Points, size: int) -> tuple[Array, slice, slice]:
    """How far each pixel lies within the inner lips `[20, 2]`, in 0..1, and which those are."""
    low, high = (np.clip(f(v).astype(int), 0, size) for f, v in
                 ((np.floor, lips.min(0) - SPILL), (np.ceil, lips.max(0) + SPILL + 1)))  # fmt: skip
    mask = np.zeros(np.maximum(high - low, 0)[::-1], np.uint8)
    outline = np.rint((lips[AROUND] - low) * (1 << ROUNDED)).astype(np.int32)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, ROUNDED)
    share = np.asarray(mask / np.float32(255.0), np.float32)
    return share, slice(low[1], high[1]), slice(low[0], high[0])


def _unmoved(lips: Points, rows: slice, columns: slice, size: int) -> Array:
    """The flow within the lips: none, but from within the reference's, its inner lips `[20, 2]`."""
    left, right = lips[0, 0], max(lips[0, 0], lips[CORNER, 0])
    y, x = (np.arange(at.start, at.stop, dtype=np.float32) for at in (rows, columns))
    taken = np.clip(x, left, right)
    upper, lower = (np.interp(taken, np.maximum.accumulate(edge[:, 0]), edge[:, 1])
                    for edge in (lips[UPPER], lips[: CORNER + 1]))  # fmt: skip
    middle = (upper + lower) / 2
    found = np.clip(y[:, None], np.minimum(upper + RIM * size, middle),
                    np.maximum(lower - RIM * size, middle))  # fmt: skip
    return np.stack(np.broadcast_arrays(taken - x, found - y[:, None]), -1).astype(np.float32)


def plate_flow(target: Points, source: Points, still: Points, size: int) -> Array:
    """The thin plate's flow `[S, S, 2]` that fetches landmarks `[N, 2]`; see `lip_flow`."""
    anchors = np.concatenate([target, still, _border(size)]) / size
    values = np.zeros((len(anchors) + 3, 2))
    values[: len(target)] = source - target
    plate = np.linalg.solve(_system(anchors), values)
    coarse = _bent(_grid(size), anchors.astype(np.float32)) @ plate.astype(np.float32)
    side = size // STEP
    return np.asarray(cv2.resize(coarse.reshape(side, side, 2), (size, size)), np.float32)


def _system(anchors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The plate's equations, `[N + 3, N + 3]`."""
    count = len(anchors)
    system = np.zeros((count + 3, count + 3))
    system[:count] = _bent(anchors, anchors)
    system[:count, :count] += SLACK * np.eye(count)
    system[count:, :count] = system[:count, count:].T
    return system


def _bent(places: Real, anchors: Real) -> Real:
    """What each anchor, and the plane, do at some places: `[P, N + 3]`."""
    bend = np.empty((len(places), len(anchors) + 3), places.dtype)
    squares = (places**2).sum(1)[:, None] + (anchors**2).sum(1) - 2.0 * places @ anchors.T
    squares = np.maximum(squares, 1e-12)
    np.multiply(squares, np.log(squares), out=bend[:, :-3])
    bend[:, -3], bend[:, -2:] = 1.0, places
    return bend


@cache
def _grid(size: int) -> Array:
    """Middles of the plate's cells, as shares of the view's side."""
    steps = ((np.arange(0, size, STEP) + (STEP - 1) / 2) / size).astype(np.float32)
    return np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)


@cache
def _border(size: int) -> NDArray[np.float64]:
    steps = np.linspace(0.0, size - 1.0, BORDER)
    every = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    outer = ((every == 0) | (every == size - 1)).any(1)
    return np.asarray(every[outer], np.float64)
