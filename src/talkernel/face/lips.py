"""Lip shape: how a mouth is formed, whoever's it is and however the head is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from talkernel.face.pose import HeadPose

OUTER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375,
             291, 185, 40, 39, 37, 0, 267, 269, 270, 409)  # fmt: skip
INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324,
             308, 191, 80, 81, 82, 13, 312, 311, 310, 415)  # fmt: skip
JAW = (152, 148, 176, 149, 136, 172, 377, 400, 378, 365, 397, 175, 199, 200, 18)
SHAPE = (*OUTER_LIP, *INNER_LIP, *JAW)
INNER = slice(len(OUTER_LIP), len(OUTER_LIP) + len(INNER_LIP))  # of `SHAPE`
CORNER = INNER_LIP.index(308)  # the right one; both lips' edges are listed from the left one
LOWER_EDGE = slice(INNER.start + 1, INNER.start + CORNER)  # of `SHAPE`, without the corners
UPPER_EDGE = slice(INNER.start + CORNER + 1, INNER.stop)
UPPER_MIDDLE, LOWER_MIDDLE = (82, 13, 312), (87, 14, 317)
LOOSE = 1e-5  # square canonical units: shapes are not known better
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


@dataclass(frozen=True)
class LipBasis:
    """Principal components of lip motion, which turn shapes into lip codes.

    Attributes:
        neutral: `[165]` mean neutral shape of many people.
        mean: `[165]` mean deviation from neutral.
        components: `[K, 165]`, orthonormal.
        scale: `[K]` standard deviation along each.
        guess: `[K, 166]` affine map from a shape to its code, the person's neutral shape unknown.
    """

    neutral: Array
    mean: Array
    components: Array
    scale: Array
    guess: Array

    @staticmethod
    def fit(tracks: Sequence[Array], size: int) -> LipBasis:
        """PCA of what shapes `[T, 165]` of some tracks are beside each track's neutral shape."""
        rests = [neutral_shape(shapes) for shapes in tracks]
        shapes, neutral = np.concatenate(tracks), np.mean(rests, axis=0)
        deviations = np.concatenate([a - b for a, b in zip(tracks, rests, strict=True)])
        mean = deviations.mean(0)
        covariance = np.cov(deviations - mean, rowvar=False)
        values, vectors = np.linalg.eigh(covariance)
        components, scale = vectors[:, ::-1][:, :size].T, np.sqrt(values[::-1][:size])
        codes = (deviations - mean) @ components.T / scale
        parts = (neutral, mean, components, scale, _ridge(shapes, codes))
        return LipBasis(*(part.astype(np.float32) for part in parts))

    @staticmethod
    def load(source: Path | IO[bytes]) -> LipBasis:
        """Read an `.npz` of the four arrays."""
        with np.load(source, allow_pickle=False) as file:
            return LipBasis(**{name: file[name] for name in file.files})

    @property
    def importance(self) -> Array:
        """`[K]` weights of mean 1 for a loss: large motions first, small ones not forgotten."""
        weight = np.sqrt(self.scale)
        return np.asarray(weight / weight.mean(), np.float32)

    def encode(self, deviations: Array) -> Array:
        """Deviations from neutral `[T, 165]` to lip codes `[T, K]` of unit variance."""
        return np.asarray((deviations - self.mean) @ self.components.T / self.scale, np.float32)

    def decode(self, codes: Array) -> Array:
        """Lip codes `[T, K]` to deviations from neutral `[T, 165]`."""
        return np.asarray((codes * self.scale) @ self.components + self.mean, np.float32)

    def at_rest(self, shapes: Array) -> Array:
        """The person's neutral shape that each shape `[T, 165]` lets one guess, likewise."""
        return np.asarray(shapes - self.decode(shapes @ self.guess[:, :-1].T + self.guess[:, -1]))

    def opening(self, codes: Array) -> Array:
        """Mouth opening `[T]`, canonical units, that lip codes `[T, K]` give the mean face."""
        return mouth_opening(self.neutral + self.decode(codes))


def _ridge(inputs: Array, outputs: Array) -> Array:
    """Affine map `[K, N + 1]` from `[T, N]` to `[T, K]`, by regression."""
    middle, target = inputs.mean(0, np.float64), outputs.mean(0, np.float64)
    centred = inputs - middle
    covariance = centred.T @ centred / len(inputs) + LOOSE * np.eye(len(middle))
    slopes = np.linalg.solve(covariance, centred.T @ (outputs - target) / len(inputs)).T
    return np.asarray(np.hstack([slopes, (target - slopes @ middle)[:, None]]), np.float32)


_MIRROR = {61: 291, 146: 375, 91: 321, 181: 405, 84: 314, 185: 409, 40: 270, 39: 269, 37: 267,
           78: 308, 95: 324, 88: 318, 178: 402, 87: 317, 191: 415, 80: 310, 81: 311, 82: 312,
           148: 377, 176: 400, 149: 378, 136: 365, 172: 397}  # fmt: skip


def mirrored(deviations: Array) -> Array:
    """Deviations `[T, 165]` of the same mouths seen in a mirror."""
    swap = _MIRROR | {b: a for a, b in _MIRROR.items()}
    order = [SHAPE.index(swap.get(i, i)) for i in SHAPE]
    points = deviations.reshape(len(deviations), len(SHAPE), 3)[:, order]
    return np.asarray(points * np.array([-1, 1, 1]), np.float32).reshape(deviations.shape)
