"""Thin plates: flows as smooth as some landmarks that they pass allow (Bookstein 1989)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.mouth.sampling_grid import Box

Array = NDArray[np.float32]
Points = NDArray[np.floating]
Real = TypeVar("Real", NDArray[np.float32], NDArray[np.float64])
STEP = 4  # pixels between places where a plate is worked out; between them it is linear
SLACK = 5e-4  # how far a plate may pass a landmark by; landmarks jitter
TINY = 1e-12  # square distance of a place from itself
BORDER = 5  # places along each border of the view, which stay


def plate_flows(
    places: Points, moves: Sequence[Points], without: Sequence[slice], size: int
) -> list[list[Array]]:
    """Flows through landmarks, in the middles of a view's cells.

    Args:
        places: `[N, 2]` in a view's pixels.
        moves: `[N, 2]` each, the flow there.
        without: Which landmarks a flow does not pass.
        size: Side of the view, a multiple of 4.

    Returns:
        For each of the moves, a flow `[S / 4, S / 4, 2]` for each choice of landmarks.
    """
    border = _border(size)
    anchors = np.concatenate([places, border]) / size
    values = np.pad(np.hstack(moves).astype(np.float64), ((0, len(border) + 3), (0, 0)))
    system = _system(anchors)
    plates = np.stack([_plates(system, values, but) for but in without])
    flows = _in_cells(plates.astype(np.float32), anchors.astype(np.float32), size)
    return [[flow[..., at : at + 2] for flow in flows] for at in range(0, 2 * len(moves), 2)]


def enlarged(cells: Array, size: int) -> Array:
    """What is known of each cell, `[S / 4, S / 4, ...]`, of each pixel, `[S, S, ...]`."""
    return np.asarray(cv2.resize(cells, (size, size)), np.float32)


def enlarged_part(cells: Array, box: Box) -> Array:
    """The same of the pixels of a box only, `[h, w, ...]`."""
    firsts = [max(0, side.start // STEP - 1) for side in box]  # a cell beyond what it covers
    rows, columns = (
        slice(first, side.stop // STEP + 2) for first, side in zip(firsts, box, strict=True)
    )
    around = cv2.resize(cells[rows, columns], None, fx=STEP, fy=STEP)
    down, across = (
        slice(side.start - first * STEP, side.stop - first * STEP)
        for first, side in zip(firsts, box, strict=True)
    )
    return np.asarray(around[down, across], np.float32)


def _plates(
    system: NDArray[np.float64], values: NDArray[np.float64], but: slice
) -> NDArray[np.float64]:
    """Weights `[N + 3, V]` of the plates through all anchors but some, for values `[N + 3, V]`."""
    kept = np.delete(np.arange(len(system)), but)
    weights = np.zeros_like(values)
    weights[kept] = np.linalg.solve(system[np.ix_(kept, kept)], values[kept])
    return weights


def _system(anchors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The plate's equations, `[N + 3, N + 3]`."""
    count, (x, y) = len(anchors), anchors.T
    squares = np.square(np.subtract.outer(x, x)) + np.square(np.subtract.outer(y, y))
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bend(squares) + SLACK * np.eye(count)
    system[:count, count], system[:count, count + 1 :] = 1.0, anchors
    system[count:, :count] = system[:count, count:].T
    return system


def _in_cells(plates: Array, anchors: Array, size: int) -> Array:
    """Plates of weights `[P, N + 3, V]` in the middles of cells, `[P, S / 4, S / 4, V]`."""
    steps = np.asarray((cell_middles(size)[0, :, 0] + 0.5) / size, np.float32)
    x, y = np.square(steps - anchors[:, :1]), np.square(steps - anchors[:, 1:])
    bends = _bend((y[:, :, None] + x[:, None, :]).reshape(len(anchors), -1))
    flows = []
    for weights in plates:  # one by one: BLAS would wake threads for more, which spin
        bent = (bends.T @ weights[:-3]).reshape(len(steps), len(steps), -1)
        across, down = steps[:, None] * weights[-2], steps[:, None] * weights[-1]
        flows.append(bent + (weights[-3] + across + down[:, None]))
    return np.stack(flows)


def _bend(squares: Real) -> Real:
    """What an anchor does at some square distances `[A, B]`, which are lost."""
    np.maximum(squares, TINY, out=squares)  # in place: new memory costs more than this does
    bend = np.asarray(cv2.log(squares), squares.dtype)
    bend *= squares
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
