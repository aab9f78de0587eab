"""The lip basis: principal components of lip motion, which define the lip code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import mouth_opening, neutral_shape

SHAPE_NOISE = 1e-5  # variance of measured shapes, canonical units squared; regularises

Array = NDArray[np.float32]


@dataclass(frozen=True)
class LipBasis:
    """Principal components of lip motion: lip shapes to lip codes and back.

    Attributes:
        neutral: `[165]` mean neutral shape of many people, canonical units.
        mean: `[165]` mean deviation from the neutral shape.
        components: `[K, 165]` orthonormal components.
        scale: `[K]` standard deviation along each component.
        guess: `[K, 166]` affine map from a shape to its lip code, for a person whose neutral
            shape is not known.
    """

    neutral: Array
    mean: Array
    components: Array
    scale: Array
    guess: Array

    @staticmethod
    def fit(tracks: Sequence[Array], size: int) -> LipBasis:
        """Fit a basis by PCA on deviations from each track's neutral shape.

        Args:
            tracks: Lip shapes `[T, 165]` of each track, canonical units.
            size: Length K of the lip code.
        """
        neutrals = [neutral_shape(shapes) for shapes in tracks]
        shapes, neutral = np.concatenate(tracks), np.mean(neutrals, axis=0)
        deviations = np.concatenate([a - b for a, b in zip(tracks, neutrals, strict=True)])
        mean = deviations.mean(0)
        covariance = np.cov(deviations - mean, rowvar=False)
        values, vectors = np.linalg.eigh(covariance)
        components, scale = vectors[:, ::-1][:, :size].T, np.sqrt(values[::-1][:size])
        codes = (deviations - mean) @ components.T / scale
        parts = (neutral, mean, components, scale, _ridge(shapes, codes))
        return LipBasis(*(part.astype(np.float32) for part in parts))

    @staticmethod
    def load(source: Path | IO[bytes]) -> LipBasis:
        """Read an `.npz` file of the arrays."""
        with np.load(source, allow_pickle=False) as file:
            return LipBasis(**{name: file[name] for name in file.files})

    @property
    def importance(self) -> Array:
        """`[K]` loss weights of mean 1: the square root keeps small motions from vanishing."""
        weight = np.sqrt(self.scale)
        return np.asarray(weight / weight.mean(), np.float32)

    def encode(self, deviations: Array) -> Array:
        """Deviations from neutral `[T, 165]` to lip codes `[T, K]` of unit variance."""
        return np.asarray((deviations - self.mean) @ self.components.T / self.scale, np.float32)

    def decode(self, codes: Array) -> Array:
        """Lip codes `[T, K]` to deviations from neutral `[T, 165]`."""
        return np.asarray((codes * self.scale) @ self.components + self.mean, np.float32)

    def at_rest(self, shapes: Array) -> Array:
        """Estimate the person's neutral shape `[T, 165]` from each shape `[T, 165]`."""
        return np.asarray(shapes - self.decode(shapes @ self.guess[:, :-1].T + self.guess[:, -1]))

    def opening(self, codes: Array) -> Array:
        """Mouth opening `[T]` of the mean face with lip codes `[T, K]`, canonical units."""
        return mouth_opening(self.neutral + self.decode(codes))


def _ridge(inputs: Array, outputs: Array) -> Array:
    """Affine map `[K, N + 1]` from `[T, N]` to `[T, K]`, by ridge regression."""
    middle, target = inputs.mean(0, np.float64), outputs.mean(0, np.float64)
    centred = inputs - middle
    covariance = centred.T @ centred / len(inputs) + SHAPE_NOISE * np.eye(len(middle))
    slopes = np.linalg.solve(covariance, centred.T @ (outputs - target) / len(inputs)).T
    return np.asarray(np.hstack([slopes, (target - slopes @ middle)[:, None]]), np.float32)
