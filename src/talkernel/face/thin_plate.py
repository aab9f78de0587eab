"""Thin plates: flows as smooth as some landmarks that they pass allow (Bookstein 1989)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Points = NDArray[np.floating]
Real = TypeVar("Real", NDArray[np.float32], NDArray[np.float64])
STEP = 4  # pixels between places where a plate is worked out; between them it is linear
SLACK = 5e-4  # how far a plate may pass a landmark by; landmarks jitter
TINY = 1e-12  # square distance of a place from itself
BORDER = 5  # places along each border of the view, which stay


def plate_flows(
    places: Points, moves: Sequence[Points], without: Sequence[slice], size: int
) -> list[tuple[Array, ...]]:
    """Flows `[S, S, 2]` through landmarks.

    Args:
        places: `[N, 2]` in a view's pixels.
        moves: `[N, 2]` each, the flow there.
        without: Which landmarks a flow does not pass.
        size: Side of the view, a multiple of 4.

    Returns:
        For each of the moves, a flow for each choice of landmarks.
    """
    border = _border(size)
    anchors = np.concatenate([places, border]) / size
    values = [np.concatenate([one, np.zeros_like(border)]) for one in moves]
    plates = zip(*(_plates(anchors, values, but) for but in without), strict=True)
    cells = np.asarray((cell_middles(size) + 0.5) / size, np.float32)
    bent = _bent(cells.reshape(-1, 2), anchors.astype(np.float32))
    coarse = [(bent @ np.hstack(own).astype(np.float32)).reshape(*cells.shape[:2], -1)
              for own in plates]  # fmt: skip
    return [tuple(enlarged(flow, size) for flow in np.split(own, len(without), axis=2))
            for own in coarse]  # fmt: skip


def enlarged(cells: Array, size: int) -> Array:
    """What is known of each cell, `[S / 4, S / 4, ...]`, of each pixel, `[S, S, ...]`."""
    return np.asarray(cv2.resize(cells, (size, size)), np.float32)


def _plates(
    anchors: NDArray[np.float64], values: Sequence[NDArray[np.float64]], but: slice
) -> list[NDArray[np.float64]]:
    """Weights `[N + 3, 2]` of the plates through all anchors but some, for values `[N, 2]` each."""
    kept = np.delete(np.arange(len(anchors)), but)
    system, found = _system(anchors[kept]), []
    for wanted in values:  # one by one: BLAS would wake threads for more, which spin
        weights = np.zeros((len(anchors) + 3, 2))
        plane = np.zeros((3, 2))
        weights[[*kept, -3, -2, -1]] = np.linalg.solve(system, np.vstack([wanted[kept], plane]))
        found.append(weights)
    return found


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
    squares = (-2.0 * places) @ anchors.T  # so small that BLAS wakes no thread, which would spin
    squares += np.square(places).sum(1)[:, None]
    squares += np.square(anchors).sum(1)
    np.maximum(squares, TINY, out=squares)
    bend = np.empty((len(places), len(anchors) + 3), places.dtype)
    np.multiply(squares, cv2.log(squares), out=bend[:, :-3])
    bend[:, -3], bend[:, -2:] = 1.0, places
    return bend


@cache
def cell_middles(size: int) -> Array:
    """Where the cells are that a plate is worked out at, `[S / 4, S / 4, 2]` in pixels."""
    steps = np.arange(0, size, STEP, dtype=np.float32) + (STEP - 1) / 2
    return np.stack(np.meshgrid(steps, steps), -1)


@cache
def _border(size: int) -> NDArray[np.float64]:
    steps = np.linspace(0.0, size - 1.0, BORDER)
    every = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    outer = ((every == 0) | (every == size - 1)).any(1)
    return np.asarray(every[outer], np.float64)
