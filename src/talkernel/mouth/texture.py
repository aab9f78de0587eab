"""Composites the motion image with texture from the reference's own frame.

The generator works at low resolution and makes up what it draws. So teeth, lips and skin that the
warped reference shows are sampled from its source frame, at that frame's resolution. The
generator fills only the disoccluded rest: the inside of a mouth that opens wider.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.mouth.reference import SourceFrame, WarpedReference
from talkernel.mouth.sampling_grid import Box

Array = NDArray[np.float32]
# The enlarged motion image looks blurred beside the sampled texture: an unsharp mask helps.
SHARPEN = 0.8  # its strength, from twofold enlargement on
MAX_CHANGE = 12.0  # of 255, by which it changes a sample: more would leave bright halos
EDGE = 4.4  # pixels of the motion image: width of an edge


def composite(
    motion: Sequence[Array],
    reference: WarpedReference,
    is_luma: bool,
    shape: tuple[int, int],
    part: Box,
) -> list[Array]:
    """The reference's texture, with the motion image where it is disoccluded.

    Args:
        motion: The motion image's samples `[h, w]`: luma, which is sharpened, or U and V.
            They are not used if the reference is complete.
        reference: A reference with texture (`WarpedReference.has_texture`).
        is_luma: Whether these are samples of luma.
        shape: Width and height of the whole crop on those planes.
        part: Rows and columns of the crop that `motion` covers.

    Returns:
        As `motion`.
    """
    assert reference.disoccluded is not None and reference.source is not None
    texture = _texture(reference, is_luma, shape, part)
    if reference.is_complete:
        return texture
    disoccluded = cv2.resize(reference.disoccluded, shape)[part]
    if is_luma:
        factor, depth = shape[0] / len(reference.disoccluded), reference.source.layout.depth
        motion = [sharpened(motion[0], factor, depth)]
    return [
        np.asarray(own + disoccluded * (value - own), np.float32)
        for own, value in zip(texture, motion, strict=True)
    ]


def _texture(
    reference: WarpedReference, is_luma: bool, shape: tuple[int, int], part: Box
) -> list[Array]:
    """Samples of the reference and its overlay, luma or U and V: `[h, w]` each."""
    assert reference.source is not None
    grid = reference.grid.transformed(_to_plane(reference.source, is_luma)).resized(shape, part)
    samples = reference.source.luma if is_luma else reference.source.chroma
    texture = [np.asarray(plane, np.float32) for plane in cv2.split(grid.sample(samples))]
    if reference.light is not None and not reference.light.is_identity:
        channels = (0,) if is_luma else (1, 2)
        texture = [reference.light.applied(*one) for one in zip(channels, texture, strict=True)]
    if reference.overlay is not None:
        alpha = cv2.resize(reference.overlay.alpha, shape)[part]
        above = _texture(reference.overlay.reference, is_luma, shape, part)
        for own, other in zip(texture, above, strict=True):
            own += alpha * (other - own)
    return texture


def _to_plane(source: SourceFrame, is_luma: bool) -> NDArray[np.float64]:
    """Affine `[2, 3]` from the reference's view to the samples of its frame's luma or chroma."""
    shifts = (0, 0) if is_luma else source.layout.chroma_shift
    unit = np.array([1 << shift for shift in shifts])[:, None]  # luma samples per sample
    affine = source.affine / unit
    affine[:, 2:] += 0.5 / unit - 0.5
    return np.asarray(affine, np.float64)


def sharpened(luma: Array, enlarged: float, depth: int) -> Array:
    """Sharpen the luma `[h, w]` of an enlarged motion image (unsharp mask).

    Args:
        luma: Samples of `depth` bits.
        enlarged: Factor of the enlargement; up to 1 nothing changes.
        depth: Bits per sample.
    """
    if enlarged <= 1.0:
        return luma
    strength, limit = SHARPEN * min(1.0, enlarged - 1.0), MAX_CHANGE * (1 << (depth - 8))
    odd = 2 * round(EDGE * enlarged / 2) + 1
    detail = np.clip(luma - cv2.stackBlur(luma, (odd, odd)), -limit, limit)
    return np.asarray(luma + strength * detail, np.float32)
