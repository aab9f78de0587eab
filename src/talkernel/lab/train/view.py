"""A random look at a stored crop: where, how large, in which light."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.mouth.reference import Image, warp

CROP = 256  # pixels of the network's crop at the stored crops' scale
WHOLE_SHIFT, MOUTH_SHIFT = 0.06, 0.03  # of it: how far a view is off its place


class View(NamedTuple):
    """A square window on a stored crop: affine `[2, 3]` from crop to view pixels, zoom, side."""

    affine: NDArray[np.float64]
    zoom: float
    size: int

    @property
    def scale(self) -> float:
        """Side in view pixels of the network's whole crop."""
        return CROP * self.zoom

    def see(self, crop: Image) -> Image:
        """What the window shows, `[S, S, 3]`."""
        return warp(crop, self.affine, self.size)


def random_view(
    size: int, rng: np.random.Generator, crop: int, middle: NDArray[np.float64]
) -> View:
    """A shifted, scaled, slightly turned view: of the whole crop, or of the mouth's part of it.

    Args:
        size: Its side in pixels.
        rng: Decides.
        crop: Side in pixels that the network's whole crop would have.
        middle: `Track.view_middle`. Where it is the mouth's, the pose tells it well, so the view
            is shifted less.
    """
    shift = MOUTH_SHIFT if size < crop else WHOLE_SHIFT
    middle = middle + rng.uniform(-shift, shift, 2) * CROP
    zoom = crop / CROP * float(np.exp(rng.uniform(-0.14, 0.1)))
    centre = (float(middle[0]), float(middle[1]))
    affine = np.asarray(cv2.getRotationMatrix2D(centre, rng.normal(0, 4), zoom), np.float64)
    affine[:, 2] += size / 2 - middle
    return View(affine, zoom, size)


def recolour(images: list[Image], rng: np.random.Generator) -> list[Image]:
    """The same change of light, contrast and colour for all pictures of a pair."""
    gain = np.exp(rng.normal(0.0, 0.12) + rng.normal(0.0, 0.03, 3))
    gamma = np.exp(rng.normal(0.0, 0.15))
    levels = np.linspace(0.0, 1.0, 256)[:, None] ** gamma * gain
    table = np.clip(np.rint(levels * 255.0), 0, 255).astype(np.uint8).reshape(1, 256, 3)
    return [np.asarray(cv2.LUT(image, table), np.uint8) for image in images]
