"""Head pose from rigid landmarks: what of a face moves without talking.

A similarity transform is fitted between a canonical face and the rigid landmarks (eyes,
nose, temples, forehead). An opening jaw therefore neither moves nor scales the crop, and
what remains after undoing the transform is expression: lips and jaw.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

# Eye corners, bridge and tip of the nose, temples, forehead, ears, nose wings.
RIGID = (
    33,
    133,
    362,
    263,
    168,
    6,
    197,
    195,
    5,
    4,
    127,
    356,
    162,
    389,
    21,
    251,
    10,
    109,
    338,
    151,
    234,
    454,
    98,
    327,
)


@cache
def canonical_face() -> Points:
    """Mean face mesh `[468, 3]`: rigid landmarks at the origin with an RMS radius of 1.

    x runs to the image's right, y down, z away from the viewer; made from the landmarks
    of the training clips.
    """
    with (files("talkernel.face") / "canonical.npy").open("rb") as file:
        return np.asarray(np.load(file), np.float64)


@dataclass(frozen=True)
class HeadPose:
    """Similarity transform from the canonical face to the frame.

    Attributes:
        scale: Pixels per canonical unit.
        rotation: `[3, 3]`.
        shift: `[3]`, in pixels.
    """

    scale: float
    rotation: Points
    shift: Points

    @staticmethod
    def fit(landmarks: NDArray[np.floating]) -> HeadPose:
        """Least-squares fit (Umeyama) to landmarks `[468, 3]` in pixels."""
        rigid = list(RIGID)
        source, target = canonical_face()[rigid], np.asarray(landmarks, np.float64)[rigid]
        centre_s, centre_t = source.mean(0), target.mean(0)
        left, singular, right = np.linalg.svd((target - centre_t).T @ (source - centre_s))
        mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
        rotation = left @ mirror @ right
        spread = ((source - centre_s) ** 2).sum()
        scale = float((singular * np.diag(mirror)).sum() / spread)
        return HeadPose(scale, rotation, centre_t - scale * rotation @ centre_s)

    def to_frame(self, points: Points) -> Points:
        """Canonical points `[N, 3]` to frame pixels `[N, 3]`."""
        return self.scale * points @ self.rotation.T + self.shift

    def to_canonical(self, points: NDArray[np.floating]) -> Points:
        """Frame points `[N, 3]` in pixels to canonical units: the head pose removed."""
        return np.asarray((points - self.shift) @ self.rotation / self.scale)

    @property
    def yaw(self) -> float:
        """Turn to a side in radians, 0 when frontal."""
        return float(np.arctan2(self.rotation[0, 2], self.rotation[2, 2]))

    @property
    def pitch(self) -> float:
        """Nod in radians, 0 for the mean of the training clips."""
        return float(np.arcsin(np.clip(self.rotation[1, 2], -1.0, 1.0)))

    @property
    def roll(self) -> float:
        """Lean to a shoulder in radians, 0 when upright."""
        return float(np.arctan2(self.rotation[1, 0], self.rotation[1, 1]))
