"""Face landmarks: MediaPipe's attention mesh on an upright square crop of one face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkernel.face.attention_mesh import LIPS, read_attention_mesh
from talkernel.face.detect import Detection
from talkernel.face.network import Network, model_path
from talkernel.media.frame import Picture
from talkernel.media.sample import warp_rgb

SIZE = 192
LANDMARKS = 468
MARGIN = 1.5  # side of the region over that of the face
RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)  # outer and inner corners


@dataclass(frozen=True)
class Region:
    """The square that the mesh network sees: centre and side in pixels, roll in radians."""

    centre: tuple[float, float]
    side: float
    roll: float

    @staticmethod
    def of_detection(face: Detection) -> Region:
        """The region around a detected face, rolled so that the eyes are horizontal."""
        left, top, right, bottom = face.box
        side = MARGIN * max(right - left, bottom - top)
        return Region(((left + right) / 2, (top + bottom) / 2), side, _roll(*face.points[:2]))

    @staticmethod
    def of_landmarks(points: NDArray[np.float32]) -> Region:
        """The region around the previous frame's landmarks `[468, 3]`."""
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        centre = (low + high) / 2
        right, left = points[list(RIGHT_EYE), :2].mean(0), points[list(LEFT_EYE), :2].mean(0)
        side = MARGIN * float((high - low).max())
        return Region((float(centre[0]), float(centre[1])), side, _roll(right, left))

    def affine(self) -> NDArray[np.float64]:
        """`[2, 3]` from the region's 192 pixels to the frame's."""
        scale = self.side / SIZE
        cos, sin = scale * np.cos(self.roll), scale * np.sin(self.roll)
        turn = np.array([[cos, -sin], [sin, cos]])
        shift = np.array(self.centre) - turn @ np.full(2, (SIZE - 1) / 2)
        return np.hstack([turn, shift[:, None]])


class FaceMesh:
    """468 landmarks of one face."""

    def __init__(self) -> None:
        path = model_path("face_landmark_with_attention.tflite")
        self._network = Network(path, read_attention_mesh)

    def landmarks(self, picture: Picture, region: Region) -> tuple[NDArray[np.float32], float]:
        """Landmarks within a region.

        Args:
            picture: The frame.
            region: Roughly where the face is.

        Returns:
            Landmarks `[468, 3]`: x, y in frame pixels, z in the same unit, smaller is nearer.
            And the probability, 0 to 1, that the region holds a face.
        """
        affine = region.affine()
        view = warp_rgb(picture, affine, SIZE).astype(np.float32)[None] / 255.0
        mesh, lips, logit = self._network(view)
        points = mesh.reshape(LANDMARKS, 3).astype(np.float64)
        points[list(LIPS), :2] = lips.reshape(len(LIPS), 2)
        flat = points[:, :2] @ affine[:, :2].T + affine[:, 2]
        depth = points[:, 2:] * (region.side / SIZE)
        presence = 1.0 / (1.0 + np.exp(-float(logit.ravel()[0])))
        return np.hstack([flat, depth]).astype(np.float32), presence


def _roll(right: NDArray[np.float32], left: NDArray[np.float32]) -> float:
    """Angle of the line from the person's right eye to the left one, 0 when horizontal."""
    across = left - right
    return float(np.arctan2(across[1], across[0]))
