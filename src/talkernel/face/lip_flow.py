"""Where the reference has what belongs to each pixel, once its lips are moved as told.

Between landmarks the flow is a thin plate's (Bookstein 1989): as smooth as they allow.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Points = NDArray[np.floating]
Real = TypeVar("Real", NDArray[np.float32], NDArray[np.float64])
STEP = 4  # pixels between places where the plate is worked out; between them it is linear
SLACK = 5e-4  # how far the plate may pass a landmark by; landmarks jitter
BORDER = 5  # places along each border of the view, which stay


def lip_flow(target: Points, source: Points, still: Points, size: int) -> Array:
    """The flow that fetches `source` to `target`.

    Args:
        target: `[N, 2]` landmarks as they are to be, in the view's pixels.
        source: `[N, 2]` where the reference has them.
        still: `[M, 2]` landmarks that are where they belong.
        size: Side of the view, a multiple of 4.

    Returns:
        `[S, S, 2]` (x, y) in pixels, from where a pixel goes to where it comes from.
    """
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
