"""What is fixed to the screen in front of a face: captions, logos, lower thirds.

A face moves when it speaks. Edges that stay at one place of the screen, and keep their brightness
while the jaw moves past them, do not belong to it. They are lifted off before a mouth is drawn,
and laid back on top afterwards.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import Crop
from talkernel.face.view import plane_box
from talkernel.media.frame import Picture, Plane

Mask = NDArray[np.uint8]
FILL = (5, 13, 41)  # pixels of the windows from which lifted samples are filled, smallest first
SOFT = 3  # pixels over which an overlay's edge is mixed


class Overlay(NamedTuple):
    """Where something lies in front of a face.

    Attributes:
        crop: The part of the frame that was looked at.
        mask: `[side, side]` of the crop, 255 where it lies.
    """

    crop: Crop
    mask: Mask

    def lift(self, picture: Picture) -> LiftedOverlay:
        """Take it off a frame, in place: its samples are filled from around it."""
        samples = []
        for plane in picture.planes:
            part, mask = self._on_plane(picture, plane)
            samples.append(part.copy())
            part[...] = _filled(part, mask)
        return LiftedOverlay(self, tuple(samples))

    def _on_plane(self, picture: Picture, plane: Plane) -> tuple[Plane, Mask]:
        """The crop's part of a plane, and the mask there."""
        left, top, width, height = plane_box(picture, plane, self.crop)
        rows = slice(max(0, top), max(0, min(top + height, plane.shape[0])))
        columns = slice(max(0, left), max(0, min(left + width, plane.shape[1])))
        mask = cv2.resize(self.mask, (width, height), interpolation=cv2.INTER_AREA)
        inside = mask[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
        return plane[rows, columns], np.asarray(inside, np.uint8)


class LiftedOverlay(NamedTuple):
    """An overlay that is taken off a frame, and what it showed.

    Attributes:
        overlay: The overlay.
        samples: The crop's part of each plane, before.
    """

    overlay: Overlay
    samples: tuple[Plane, ...]

    def lay_back(self, picture: Picture) -> None:
        """Put it on top of the same frame again, in place."""
        for plane, before in zip(picture.planes, self.samples, strict=True):
            part, mask = self.overlay._on_plane(picture, plane)
            weight = cv2.blur(mask, (SOFT, SOFT)).astype(np.float32) / 255.0
            weight[mask > 0] = 1.0
            mixed = part + weight * (before.astype(np.float32) - part)
            part[...] = np.rint(mixed).astype(part.dtype)


def _filled(part: Plane, mask: Mask) -> Plane:
    """A plane's part with the masked samples replaced by the mean of those around them."""
    known = (mask == 0).astype(np.float32)
    values, filled = part.astype(np.float32), np.zeros(part.shape, np.float32)
    missing = known == 0
    for width in FILL:
        weight = cv2.blur(known, (width, width))
        near = cv2.blur(values * known, (width, width))
        here = missing & (weight > 0.05)
        filled[here] = near[here] / weight[here]
        missing &= ~here
    values[known == 0] = np.where(missing, values, filled)[known == 0]
    return np.rint(values).astype(part.dtype)
