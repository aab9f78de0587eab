"""Lip shapes: landmarks of lips and jaw with the head pose removed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkernel.face.pose import HeadPose

# Landmark numbers. Each edge of the lips is listed from its left end to its right end.
OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
OUTER_UPPER = (185, 40, 39, 37, 0, 267, 269, 270, 409)
INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
INNER_UPPER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LEFT_JAW, RIGHT_JAW = (148, 176, 149, 136, 172), (377, 400, 378, 365, 397)
OUTER_LIP = (*OUTER_LOWER, *OUTER_UPPER)
INNER_LIP = (*INNER_LOWER, *INNER_UPPER)
JAW = (152, *LEFT_JAW, *RIGHT_JAW, 175, 199, 200, 18)
SHAPE = (*OUTER_LIP, *INNER_LIP, *JAW)
INNER = slice(len(OUTER_LIP), len(OUTER_LIP) + len(INNER_LIP))  # of `SHAPE`
CORNER = len(INNER_LOWER) - 1  # the right corner, in `INNER_LIP`
LOWER_EDGE = slice(INNER.start + 1, INNER.start + CORNER)  # of `SHAPE`, without the corners
UPPER_EDGE = slice(INNER.start + CORNER + 1, INNER.stop)
UPPER_MIDDLE, LOWER_MIDDLE = (82, 13, 312), (87, 14, 317)
CLOSED_FRACTION = 0.15  # of a track's frames count as closed: those with the smallest opening

Array = NDArray[np.float32]


def lip_shape(landmarks: NDArray[np.floating]) -> Array:
    """Lips and jaw of one frame, head pose removed: `[468, 3]` pixels to `[165]` canonical."""
    pose = HeadPose.fit(landmarks)
    return pose.to_canonical(landmarks[list(SHAPE)]).ravel().astype(np.float32)


def mouth_opening(shapes: Array) -> Array:
    """Mean gap between the inner lips: shapes `[T, 165]` to `[T]` canonical units.

    Depth is left out: the mesh only guesses it, and it would dominate the gap of a closed mouth.
    Lips that cross, which a lip code can ask for, have no gap.
    """
    points = shapes.reshape(len(shapes), len(SHAPE), 3)[..., :2]
    upper = points[:, [SHAPE.index(i) for i in UPPER_MIDDLE]]
    lower = points[:, [SHAPE.index(i) for i in LOWER_MIDDLE]]
    gap = lower - upper
    widths = np.linalg.norm(gap, axis=2) * (gap[..., 1] > 0.0)
    return np.asarray(widths.mean(1), np.float32)


def neutral_shape(shapes: Array) -> Array:
    """A person's neutral mouth `[165]`: the mean closed shape of a track `[T, 165]`."""
    opening = mouth_opening(shapes)
    closed = opening <= np.quantile(opening, CLOSED_FRACTION)
    return np.asarray(shapes[closed].mean(0), np.float32)


def mirrored(deviations: Array) -> Array:
    """Deviations from neutral `[T, 165]`, mirrored left to right."""
    swap = _mirror_pairs()
    order = [SHAPE.index(swap.get(i, i)) for i in SHAPE]
    points = deviations.reshape(len(deviations), len(SHAPE), 3)[:, order]
    return np.asarray(points * np.array([-1, 1, 1]), np.float32).reshape(deviations.shape)


def _mirror_pairs() -> dict[int, int]:
    """Each landmark's mirror image, where that is another landmark of `SHAPE`."""
    edges = (OUTER_LOWER, OUTER_UPPER, INNER_LOWER, INNER_UPPER)
    pairs = {a: b for edge in edges for a, b in zip(edge, edge[::-1], strict=True)}
    jaw = dict(zip(LEFT_JAW, RIGHT_JAW, strict=True))
    return pairs | jaw | {right: left for left, right in jaw.items()}
