"""The square crop of the face: fixed to the skull, so that a moving jaw does not move it (VI-A)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import JAW, OUTER_LIP
from talkernel.face.pose import HeadPose, canonical_face

CENTRE = np.array([[0.0, 0.75, 0.0]])  # canonical units: just under the nose
SIDE = 3.64  # canonical units: 2.8 from forehead to chin, the rest is room for the jaw


@dataclass(frozen=True)
class Crop:
    """A square of the frame, on even pixels so that it falls on whole chroma samples.

    Attributes:
        left: Left edge in pixels. It may lie outside the frame, whose border is then repeated.
        top: Top edge in pixels, which may lie outside too.
        side: Side in pixels, even.
    """

    left: int
    top: int
    side: int

    def to_view(self, points: NDArray[np.floating], size: int) -> NDArray[np.floating]:
        """Frame points `[N, 2 or 3]` to the pixels of a view `size` wide; depth is scaled too."""
        corner = np.array([self.left, self.top, 0.0], np.float32)[: points.shape[1]]
        return (points - corner) * np.float32(size / self.side)

    def from_view(self, size: int) -> NDArray[np.float64]:
        """Affine `[2, 3]` from the pixel centres of a view `size` wide to those of the frame.

        OpenCV's convention for resizing; `to_view` counts from pixel corners instead.
        """
        scale = self.side / size
        shift = 0.5 * scale - 0.5
        return np.array([[scale, 0, self.left + shift], [0, scale, self.top + shift]])

    @staticmethod
    def around(x: float, y: float, side: float) -> Crop:
        """The even square nearest to a centre and a side in pixels."""
        even = max(2, 2 * round(side / 2))
        left, top = (2 * round((v - even / 2) / 2) for v in (x, y))
        return Crop(left, top, even)


def crop_geometry(pose: HeadPose, scale: float = SIDE) -> NDArray[np.float64]:
    """Centre and side of the crop, `[3]` x, y, side in pixels, for one frame's head pose."""
    x, y, _ = pose.to_frame(CENTRE)[0]
    return np.array([x, y, scale * pose.scale])


def mouth_centre(pose: HeadPose) -> NDArray[np.float64]:
    """Centre of the neutral lips and jaw under this head pose: `[2]`, x, y in pixels."""
    region = pose.to_frame(canonical_face()[[*OUTER_LIP, *JAW]])[:, :2]
    return np.asarray((region.min(0) + region.max(0)) / 2)


def face_geometry(pose: HeadPose) -> NDArray[np.float64]:
    """`crop_geometry` and `mouth_centre` in one `[5]`, to be smoothed together."""
    return np.concatenate([crop_geometry(pose), mouth_centre(pose)])


def crop_of(geometry: NDArray[np.float64], fraction: float) -> Crop:
    """The generator's crop.

    Args:
        geometry: `[5]` of `face_geometry`, smoothed.
        fraction: Of the face crop's side (`ModelConfig.crop_share`). 1: the face crop itself, as
            in the paper; less: a crop around the mouth.
    """
    x, y, side, mouth_x, mouth_y = map(float, geometry)
    if fraction == 1.0:
        return Crop.around(x, y, side)
    return Crop.around(mouth_x, mouth_y, fraction * side)
