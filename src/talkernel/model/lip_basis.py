"""The lip basis: principal components of lip motion, which turn lip shapes into lip codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import mouth_opening, neutral_shape

LOOSE = 1e-5  # square canonical units: shapes are not known better

Array = NDArray[np.float32]


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
