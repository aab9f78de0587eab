"""Random views of a stored crop (shift, scale, rotation, colour), and the regions in a view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.lab.train.transplant import Points, lips_mask, lower_face_mask
from talkernel.mouth.mask import mouth_mask
from talkernel.mouth.reference import Image, WarpedReference, warp

CROP = 256  # side of the network's crop, in pixels of the stored crops
# Largest shift of a view, relative to that side. The pose places the mouth well, so a view of the
# mouth is shifted less than one of the whole crop.
WHOLE_SHIFT, MOUTH_SHIFT = 0.06, 0.03


class View(NamedTuple):
    """A square window on a stored crop.

    Attributes:
        affine: `[2, 3]` from crop to view pixels.
        zoom: View pixels per crop pixel.
        size: Side in pixels.
    """

    affine: NDArray[np.float64]
    zoom: float
    size: int

    @property
    def scale(self) -> float:
        """Side that the network's whole crop would have, in view pixels."""
        return CROP * self.zoom

    def see(self, crop: Image) -> Image:
        """The part of a stored crop inside the window, `[S, S, 3]`."""
        return warp(crop, self.affine, self.size)


def random_view(
    size: int, rng: np.random.Generator, crop: int, middle: NDArray[np.float64]
) -> View:
    """A slightly shifted, scaled and rotated view of the whole crop or of the mouth.

    Args:
        size: Side of the view in pixels. Smaller than `crop`, it shows the mouth only.
        rng: Source of randomness.
        crop: Side that the network's whole crop would have, in pixels.
        middle: `[2]` centre in crop pixels; see `Track.view_middle`.
    """
    shift = MOUTH_SHIFT if size < crop else WHOLE_SHIFT
    middle = middle + rng.uniform(-shift, shift, 2) * CROP
    zoom = crop / CROP * float(np.exp(rng.uniform(-0.14, 0.1)))
    centre = (float(middle[0]), float(middle[1]))
    affine = np.asarray(cv2.getRotationMatrix2D(centre, rng.normal(0, 4), zoom), np.float64)
    affine[:, 2] += size / 2 - middle
    return View(affine, zoom, size)


def recolour(images: list[Image], rng: np.random.Generator) -> list[Image]:
    """Apply one random change of brightness, contrast and colour to all pictures."""
    gain = np.exp(rng.normal(0.0, 0.12) + rng.normal(0.0, 0.03, 3))
    gamma = np.exp(rng.normal(0.0, 0.15))
    levels = np.linspace(0.0, 1.0, 256)[:, None] ** gamma * gain
    table = np.clip(np.rint(levels * 255.0), 0, 255).astype(np.uint8).reshape(1, 256, 3)
    return [np.asarray(cv2.LUT(image, table), np.uint8) for image in images]


def mirrored(images: Iterable[Image]) -> list[Image]:
    """Flip pictures or masks `[S, S, ...]` horizontally."""
    return [image[:, ::-1] for image in images]


class RegionMasks(NamedTuple):
    """Regions in a view, `[S, S]` each, 0 to 255; for the attributes see `Sample`."""

    lips: Image
    lower: Image
    outside: Image
    mouth_mask: Image
    painted: Image

    @staticmethod
    def of(
        source: Points, target: Points, warped: WarpedReference | None, view: View, masked: bool
    ) -> RegionMasks:
        """The regions of a pair.

        Args:
            source: Landmarks `[468, 2 or more]` of the input face, whose mouth is masked.
            target: Landmarks of the target face.
            warped: The reference shown with the input.
            view: The view in which the landmarks are.
            masked: Whether the input's mouth is masked at all.
        """
        both = [source, target]
        lower = lower_face_mask(both, view.size, view.scale)
        soft = mouth_mask(source, view.size, view.scale) * masked
        painted = np.ones_like(soft)
        if warped is not None and warped.disoccluded is not None:
            painted = warped.disoccluded
        masks = (np.rint(255 * plane).astype(np.uint8) for plane in (soft, painted))
        return RegionMasks(lips_mask(both, view.size, view.scale), lower, _outside(lower), *masks)


def _outside(mask: Image) -> Image:
    """The complement of a mask that is first grown by 4 pixels."""
    return np.asarray(255 - cv2.dilate(mask, np.ones((9, 9), np.uint8)), np.uint8)
