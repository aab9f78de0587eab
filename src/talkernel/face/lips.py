"""Lip shape: how a mouth is formed, whoever's it is and however the head is held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkernel.face.pose import HeadPose

OUTER_LIP = (
    61,
    146,
    91,
    181,
    84,
    17,
    314,
    405,
    321,
    375,
    291,
    185,
    40,
    39,
    37,
    0,
    267,
    269,
    270,
    409,
)
INNER_LIP = (
    78,
    95,
    88,
    178,
    87,
    14,
    317,
    402,
    318,
    324,
    308,
    191,
    80,
    81,
    82,
    13,
    312,
    311,
    310,
    415,
)
JAW = (152, 148, 176, 149, 136, 172, 377, 400, 378, 365, 397, 175, 199, 200, 18)
SHAPE = (*OUTER_LIP, *INNER_LIP, *JAW)
INNER = slice(len(OUTER_LIP), len(OUTER_LIP) + len(INNER_LIP))  # of `SHAPE`
CORNER = INNER_LIP.index(308)  # the right one; both lips' edges are listed from the left one
LOWER_EDGE = slice(INNER.start + 1, INNER.start + CORNER)  # of `SHAPE`, without the corners
UPPER_EDGE = slice(INNER.start + CORNER + 1, INNER.stop)
UPPER_MIDDLE, LOWER_MIDDLE = (82, 13, 312), (87, 14, 317)
NEUTRAL_SHARE = 0.15  # of a track's frames: those with the mouth most closed

Array = NDArray[np.float32]


def lip_shape(landmarks: NDArray[np.floating]) -> Array:
    """Lips and jaw of one frame, head pose removed: `[468, 3]` pixels to `[165]` canonical."""
    pose = HeadPose.fit(landmarks)
    return pose.to_canonical(landmarks[list(SHAPE)]).ravel().astype(np.float32)


def mouth_opening(shapes: Array) -> Array:
    """Mean gap between the inner lips in canonical units: shapes `[T, 165]` to `[T]`.

    As seen from the front: depth is guessed, not seen, and would be most of a shut mouth's gap.
    Lips that pass each other, which a lip code can ask for, leave none.
    """
    points = shapes.reshape(len(shapes), len(SHAPE), 3)[..., :2]
    upper = points[:, [SHAPE.index(i) for i in UPPER_MIDDLE]]
    lower = points[:, [SHAPE.index(i) for i in LOWER_MIDDLE]]
    gap = lower - upper
    apart = np.linalg.norm(gap, axis=2) * (gap[..., 1] > 0.0)
    return np.asarray(apart.mean(1), np.float32)


def neutral_shape(shapes: Array) -> Array:
    """A person's mouth at rest `[165]`, from a track's shapes `[T, 165]`."""
    opening = mouth_opening(shapes)
    closed = opening <= np.quantile(opening, NEUTRAL_SHARE)
    return np.asarray(shapes[closed].mean(0), np.float32)


_MIRROR = {
    61: 291,
    146: 375,
    91: 321,
    181: 405,
    84: 314,
    185: 409,
    40: 270,
    39: 269,
    37: 267,
    78: 308,
    95: 324,
    88: 318,
    178: 402,
    87: 317,
    191: 415,
    80: 310,
    81: 311,
    82: 312,
    148: 377,
    176: 400,
    149: 378,
    136: 365,
    172: 397,
}


def mirrored(deviations: Array) -> Array:
    """Deviations `[T, 165]` of the same mouths seen in a mirror."""
    swap = _MIRROR | {b: a for a, b in _MIRROR.items()}
    order = [SHAPE.index(swap.get(i, i)) for i in SHAPE]
    points = deviations.reshape(len(deviations), len(SHAPE), 3)[:, order]
    return np.asarray(points * np.array([-1, 1, 1]), np.float32).reshape(deviations.shape)
