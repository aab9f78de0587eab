"""What M takes from the reference: teeth, lips and skin, sampled from the frame that shows them.

f paints at a few hundred pixels a face, and invents what it paints. So all that the warped
reference shows is taken from it, and f paints the disoccluded rest: what is seen in a mouth that
is wider open. It is sampled from the reference's own frame, at that frame's resolution.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.mouth.reference import SourceFrame, WarpedReference
from talkernel.mouth.sampling_grid import Box

Array = NDArray[np.float32]
# What is painted is enlarged beside what is not: an unsharp mask brings its edges nearer.
SHARPEN = 0.8  # strength, from twofold enlargement on
MOST = 12.0  # of 255, that it changes: more would leave a rim of light
EDGE = 4.4  # of f's pixels: width of an edge


def composite(
    painted: Sequence[Array], reference: WarpedReference, shape: tuple[int, int], part: Box
) -> list[Array]:
    """M on some planes of the frame: the reference, and what is painted where it is disoccluded.

    Args:
        painted: `[h, w]` each, M by f in samples: luma alone, which is sharpened, or U and V.
        reference: One whose frame is at hand.
        shape: Width and height of the whole crop on those planes.
        part: Rows and columns of the crop that `painted` are.
    """
    assert reference.disoccluded is not None and reference.source is not None
    in_luma = len(painted) == 1
    disoccluded = cv2.resize(reference.disoccluded, shape)[part]
    texture = _texture(reference, in_luma, shape, part)
    if in_luma:
        factor, depth = shape[0] / len(reference.disoccluded), reference.source.layout.depth
        painted = [sharpened(painted[0], factor, depth)]
    return [
        np.asarray(own + disoccluded * (value - own), np.float32)
        for own, value in zip(texture, painted, strict=True)
    ]


def _texture(
    reference: WarpedReference, in_luma: bool, shape: tuple[int, int], part: Box
) -> list[Array]:
    """What reference and overlay have there, in luma or in U and V: `[h, w]` each."""
    assert reference.source is not None
    grid = reference.grid.transformed(_to_plane(reference.source, in_luma)).resized(shape, part)
    samples = reference.source.luma if in_luma else reference.source.chroma
    texture = [np.asarray(plane, np.float32) for plane in cv2.split(grid.sample(samples))]
    if reference.overlay is not None:
        alpha = cv2.resize(reference.overlay.alpha, shape)[part]
        above = _texture(reference.overlay.reference, in_luma, shape, part)
        for own, other in zip(texture, above, strict=True):
            own += alpha * (other - own)
    return texture


def _to_plane(source: SourceFrame, in_luma: bool) -> NDArray[np.float64]:
    """Affine `[2, 3]` from the reference's view to the samples of a plane of its frame."""
    shifts = (0, 0) if in_luma else source.layout.chroma_shift
    unit = np.array([1 << shift for shift in shifts])[:, None]  # of a sample, in luma's
    affine = source.affine / unit
    affine[:, 2:] += 0.5 / unit - 0.5
    return np.asarray(affine, np.float64)


def sharpened(luma: Array, enlarged: float, depth: int) -> Array:
    """M's luma `[h, w]` enlarged so many times, its edges as steep as they could be at that size.

    Args:
        luma: In samples of `depth` bits.
        enlarged: Factor; up to 1 nothing changes.
        depth: Bits per sample.
    """
    if enlarged <= 1.0:
        return luma
    strength, most = SHARPEN * min(1.0, enlarged - 1.0), MOST * (1 << (depth - 8))
    odd = 2 * round(EDGE * enlarged / 2) + 1
    detail = np.clip(luma - cv2.stackBlur(luma, (odd, odd)), -most, most)
    return np.asarray(luma + strength * detail, np.float32)
