"""Regions of a pair: where the mouths are, where nothing may change, what the veil hides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

from talkernel.lab.train.transplant import Image, Points, lips_mask, lower_face_mask
from talkernel.lab.train.view import View
from talkernel.mouth.mask import mouth_mask
from talkernel.mouth.reference import WarpedReference


class RegionMasks(NamedTuple):
    """Regions in a view, `[S, S]` each, 0 to 255.

    Attributes:
        lips: The lips of both faces, and a margin.
        lower: Their lower faces, and a margin.
        outside: Where nothing may change.
        hidden: Where the veil lies.
        painted: Where M is what f paints, not the warped reference; everywhere without one.
    """

    lips: Image
    lower: Image
    outside: Image
    hidden: Image
    painted: Image

    @staticmethod
    def of(
        source: Points, target: Points, warped: WarpedReference | None, view: View, veiled: bool
    ) -> RegionMasks:
        """Regions by the landmarks `[468, 2]` of both faces; the veil lies on the source.

        `warped` is what the source is shown with.
        """
        both = [source, target]
        lower = lower_face_mask(both, view.size, view.scale)
        soft = mouth_mask(source, view.size, view.scale) * veiled
        painted = np.ones_like(soft)
        if warped is not None and warped.disoccluded is not None:
            painted = warped.disoccluded
        shades = (np.rint(255 * plane).astype(np.uint8) for plane in (soft, painted))
        return RegionMasks(lips_mask(both, view.size, view.scale), lower, _beyond(lower), *shades)


def mirrored(images: Iterable[Image]) -> list[Image]:
    """Pictures or regions `[S, S, ...]`, left and right exchanged."""
    return [image[:, ::-1] for image in images]


def _beyond(mask: Image) -> Image:
    """255 where a mask, grown a little, is not."""
    return np.asarray(255 - cv2.dilate(mask, np.ones((9, 9), np.uint8)), np.uint8)
