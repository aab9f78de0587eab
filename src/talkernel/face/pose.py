"""Head pose: a similarity transform fitted to the rigid landmarks of a face.

Only eyes, nose, temples, forehead and ears count, so an opening jaw neither moves nor scales the
crop. Undoing the transform leaves the expression: the motion of lips and jaw.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

# Landmarks that do not move with the expression.
EYE_CORNERS = (33, 133, 362, 263)
NOSE_RIDGE = (168, 6, 197, 195, 5, 4)
TEMPLES = (127, 356, 162, 389, 21, 251)
FOREHEAD = (10, 109, 338, 151)
EARS, NOSE_WINGS = (234, 454), (98, 327)
RIGID = (*EYE_CORNERS, *NOSE_RIDGE, *TEMPLES, *FOREHEAD, *EARS, *NOSE_WINGS)


@cache
def canonical_face() -> Points:
    """Mean face mesh `[468, 3]`: rigid landmarks at the origin with an RMS radius of 1.

    x points to the image's right, y down, z away from the camera. The mean is over the
    landmarks of the training clips.
    """
    with (files("talkernel.face") / "canonical.npy").open("rb") as file:
        return np.asarray(np.load(file), np.float64)


@dataclass(frozen=True)
class HeadPose:
    """Similarity transform from the canonical face to the frame.

    Attributes:
        scale: Pixels per canonical unit.
        rotation: `[3, 3]` rotation matrix.
        shift: `[3]` translation in pixels.
    """

    scale: float
    rotation: Points
    shift: Points

    @staticmethod
    def fit(landmarks: NDArray[np.floating]) -> HeadPose:
        """Least-squares fit to landmarks `[468, 3]` in pixels (Umeyama 1991)."""
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
        """Turn to the side in radians, 0 when frontal."""
        return float(np.arctan2(self.rotation[0, 2], self.rotation[2, 2]))

    @property
    def pitch(self) -> float:
        """Nod in radians, 0 for the mean of the training clips."""
        return float(np.arcsin(np.clip(self.rotation[1, 2], -1.0, 1.0)))

    @property
    def roll(self) -> float:
        """Tilt towards a shoulder in radians, 0 when upright."""
        return float(np.arctan2(self.rotation[1, 0], self.rotation[1, 1]))
