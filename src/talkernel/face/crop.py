"""The face crop: a square fixed to the skull, not to the jaw (Section VI-A); and f's part of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import JAW, OUTER_LIP
from talkernel.face.pose import HeadPose, canonical_face

CENTRE = np.array([[0.0, 0.75, 0.0]])  # canonical units: just under the nose
SIDE = 3.64  # canonical units: forehead to chin is 2.8, the rest is room for the jaw


@dataclass(frozen=True)
class Crop:
    """A square of the frame, on even pixels so that chroma planes are cut exactly.

    Attributes:
        left: May be negative, or beyond the frame: the border is then repeated.
        top: Likewise.
        side: In pixels, even.
    """

    left: int
    top: int
    side: int

    def to_view(self, points: NDArray[np.floating], size: int) -> NDArray[np.floating]:
        """Frame points `[N, 2 or 3]` to the pixels of a view `size` wide, depth likewise."""
        corner = np.array([self.left, self.top, 0.0], np.float32)[: points.shape[1]]
        return (points - corner) * np.float32(size / self.side)

    def from_view(self, size: int) -> NDArray[np.float64]:
        """Affine `[2, 3]` from pixels of a view `size` wide to the frame's, both by their middles.

        As resizing has it; `to_view` counts from the corners.
        """
        scale = self.side / size
        shift = 0.5 * scale - 0.5
        return np.array([[scale, 0, self.left + shift], [0, scale, self.top + shift]])

    @staticmethod
    def around(x: float, y: float, side: float) -> Crop:
        """The even square nearest to a centre and a side in pixels."""
        whole = max(2, 2 * round(side / 2))
        left, top = (2 * round((v - whole / 2) / 2) for v in (x, y))
        return Crop(left, top, whole)


def crop_geometry(pose: HeadPose, scale: float = SIDE) -> NDArray[np.float64]:
    """Centre and side of the crop, `[3]` x, y, side in pixels, for one frame's head pose."""
    x, y, _ = pose.to_frame(CENTRE)[0]
    return np.array([x, y, scale * pose.scale])


def mouth_centre(pose: HeadPose) -> NDArray[np.float64]:
    """Middle of lips and jaw as they are at rest, however the head is turned: `[2]`, x, y."""
    region = pose.to_frame(canonical_face()[[*OUTER_LIP, *JAW]])[:, :2]
    return np.asarray((region.min(0) + region.max(0)) / 2)


def face_geometry(pose: HeadPose) -> NDArray[np.float64]:
    """`crop_geometry` and `mouth_centre` in one, `[5]`, to be smoothed together."""
    return np.concatenate([crop_geometry(pose), mouth_centre(pose)])


def crop_of(geometry: NDArray[np.float64], share: float) -> Crop:
    """What f is given.

    Args:
        geometry: `[5]` of `face_geometry`, smoothed.
        share: `ModelConfig.crop_share`.
    """
    x, y, side, mouth_x, mouth_y = map(float, geometry)
    if share == 1.0:
        return Crop.around(x, y, side)
    return Crop.around(mouth_x, mouth_y, share * side)
