"""Thin-plate splines: the smoothest flows through given landmarks (Bookstein 1989)."""

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
STEP = 4  # pixels per cell: splines are evaluated at cell centres and interpolated between them
SMOOTHING = 5e-4  # regularisation: a spline need not pass exactly through landmarks, which jitter
TINY = 1e-12  # added to squared distances, so that their logarithm is finite
BORDER = 5  # fixed points along each border of the view


def plate_flows(
    places: Points, moves: Sequence[Points], excluded: Sequence[slice], size: int
) -> list[list[Array]]:
    """Interpolate flows from landmarks to the cell centres of a view.

    Args:
        places: `[N, 2]` landmarks in the view's pixels.
        moves: `[N, 2]` each, the flow at the landmarks.
        excluded: For each wanted flow, the landmarks that it ignores.
        size: Side of the view, a multiple of 4.

    Returns:
        For each of `moves`, a flow `[S / 4, S / 4, 2]` for each of `excluded`.
    """
    border = _border(size)
    anchors = np.concatenate([places, border]) / size
    values = np.pad(np.hstack(moves).astype(np.float64), ((0, len(border) + 3), (0, 0)))
    system = _system(anchors)
    weights = np.stack([_spline_weights(system, values, left_out) for left_out in excluded])
    flows = _evaluate(weights.astype(np.float32), anchors.astype(np.float32), size)
    return [[flow[..., at : at + 2] for flow in flows] for at in range(0, 2 * len(moves), 2)]


def upsample(cells: Array, size: int) -> Array:
    """Interpolate values of cells `[S / 4, S / 4, ...]` to pixels `[S, S, ...]`."""
    return np.asarray(cv2.resize(cells, (size, size)), np.float32)


def upsample_part(cells: Array, box: Box) -> Array:
    """Interpolate values of cells to the pixels of a box only, `[h, w, ...]`."""
    firsts = [max(0, side.start // STEP - 1) for side in box]  # one cell beyond the box
    rows, columns = (
        slice(first, side.stop // STEP + 2) for first, side in zip(firsts, box, strict=True)
    )
    around = cv2.resize(cells[rows, columns], None, fx=STEP, fy=STEP)
    down, across = (
        slice(side.start - first * STEP, side.stop - first * STEP)
        for first, side in zip(firsts, box, strict=True)
    )
    return np.asarray(around[down, across], np.float32)


def _spline_weights(
    system: NDArray[np.float64], values: NDArray[np.float64], left_out: slice
) -> NDArray[np.float64]:
    """Weights `[N + 3, V]` of splines for values `[N + 3, V]`, some anchors left out."""
    kept = np.delete(np.arange(len(system)), left_out)
    weights = np.zeros_like(values)
    weights[kept] = np.linalg.solve(system[np.ix_(kept, kept)], values[kept])
    return weights


def _system(anchors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The linear system `[N + 3, N + 3]` of the spline's weights."""
    count, (x, y) = len(anchors), anchors.T
    squares = np.square(np.subtract.outer(x, x)) + np.square(np.subtract.outer(y, y)) + TINY
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(squares) + SMOOTHING * np.eye(count)
    system[:count, count], system[:count, count + 1 :] = 1.0, anchors
    system[count:, :count] = system[:count, count:].T
    return system


def _evaluate(splines: Array, anchors: Array, size: int) -> Array:
    """Splines of weights `[P, N + 3, V]` at the cell centres, `[P, S / 4, S / 4, V]`."""
    steps = np.asarray((cell_centres(size)[0, :, 0] + 0.5) / size, np.float32)
    x, y = np.square(steps - anchors[:, :1]), np.square(steps - anchors[:, 1:]) + np.float32(TINY)
    kernel = _kernel((y[:, :, None] + x[:, None, :]).reshape(len(anchors), -1))
    flows = []
    for weights in splines:  # one by one: BLAS would start threads for a larger product
        bent = (kernel.T @ weights[:-3]).reshape(len(steps), len(steps), -1)
        across, down = steps[:, None] * weights[-2], steps[:, None] * weights[-1]
        flows.append(bent + (weights[-3] + across + down[:, None]))
    return np.stack(flows)


def _kernel(squares: Real) -> Real:
    """The spline kernel r^2 log r^2 of squared distances `[A, B]` above 0."""
    kernel = np.asarray(cv2.log(squares), squares.dtype)
    kernel *= squares
    return kernel


@cache
def cell_centres(size: int) -> Array:
    """The centres of the cells, `[S / 4, S / 4, 2]` in pixels."""
    steps = np.arange(0, size, STEP, dtype=np.float32) + (STEP - 1) / 2
    return np.stack(np.meshgrid(steps, steps), -1)


@cache
def _border(size: int) -> NDArray[np.float64]:
    steps = np.linspace(0.0, size - 1.0, BORDER)
    every = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    outer = ((every == 0) | (every == size - 1)).any(1)
    return np.asarray(every[outer], np.float64)
