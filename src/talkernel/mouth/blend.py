"""Direct covering: the answer is laid straight onto the frame's own planes (Section IV-D).

Only the samples of the crop are touched, and of those only where the attention is not
zero; all others leave as they came, bit for bit.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import Crop
from talkernel.face.view import plane_box
from talkernel.media.frame import Picture, PixelLayout, Plane
from talkernel.media.sample import rgb_to_yuv_matrix
from talkernel.mouth.reference import WarpedReference
from talkernel.mouth.smooth_step import smooth_step
from talkernel.mouth.texture import composite

Array = NDArray[np.float32]
EDGE = 0.08  # share of the crop over which attention falls to zero at its border
FAINT = 1.0 / 256.0  # attention below this changes no 8-bit sample and counts as zero


def to_network(view: NDArray[np.uint8]) -> Array:
    """RGB `[S, S, 3]` in 0..255 to `[3, S, S]` in -1..1; two pictures' channels likewise."""
    channels = np.stack(cv2.split(view)).astype(np.float32)
    channels /= 127.5  # in place: new memory costs more than the division
    channels -= 1.0
    return channels


def with_reference(motion: Array, reference: WarpedReference | None) -> Array:
    """M `[3, S, S]` as it is laid on, the reference in it, but at f's resolution."""
    if reference is None or reference.disoccluded is None:
        return motion
    shown = to_network(reference.image)
    return np.asarray(shown + reference.disoccluded * (motion - shown), np.float32)


def blend_onto_frame(
    picture: Picture,
    crop: Crop,
    attention: Array,
    motion: Array,
    strength: float = 1.0,
    reference: WarpedReference | None = None,
) -> None:
    """Blend motion into a frame, in place: eq. 7 at the frame's own resolution.

    Args:
        picture: The frame; its planes are written.
        crop: Where the network looked.
        attention: Alpha `[S, S]` in 0..1.
        motion: M `[3, S, S]`, RGB in -1..1.
        strength: 0 leaves the frame as it is, 1 is the whole edit; between for fades.
        reference: The reference as f saw it; where its own frame is at hand, M takes from that
            what it shows.
    """
    alpha = attention * (border_window(attention.shape[0]) * np.float32(strength))
    alpha[alpha < FAINT] = 0.0
    samples = cv2.split(cv2.transform(cv2.merge(list(motion)), _motion_to_yuv(picture.layout)))
    down, across = (np.asarray(alpha.any(axis=axis)) for axis in (1, 0))
    for own in (slice(0, 1), slice(1, 3)):  # luma; U and V, which lie in the same places
        planes = picture.planes[own]
        left, top, width, height = plane_box(picture, planes[0], crop)
        rows = _visible(down, top, height, planes[0].shape[0])
        columns = _visible(across, left, width, planes[0].shape[1])
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        part, shape = (rows, columns), (width, height)
        values = [_stretched(np.asarray(one), shape)[part] for one in samples[own]]
        if reference is not None and reference.has_texture:
            values = composite(values, reference, shape, part)
        weight = _stretched(alpha, shape)[part]
        for plane, value in zip(planes, values, strict=True):
            target = plane[
                top + rows.start : top + rows.stop, left + columns.start : left + columns.stop
            ]
            _mix(target, value, weight, highest=(1 << picture.layout.depth) - 1)


@cache
def _motion_to_yuv(layout: PixelLayout) -> Array:
    """Affine `[3, 4]` matrix from M's RGB in -1..1 to samples of `layout`."""
    matrix = rgb_to_yuv_matrix(layout).astype(np.float64)
    matrix[:, :3] *= 0.5
    matrix[:, 3] += matrix[:, :3].sum(1)
    return matrix.astype(np.float32)


@cache
def border_window(size: int) -> Array:
    """`[size, size]`: 1 inside, falling smoothly to 0 before the border."""
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) - 1.0
    ramp = smooth_step(distance / (EDGE * size))
    return np.asarray(np.minimum(ramp[:, None], ramp[None, :]), np.float32)


def _stretched(values: Array, shape: tuple[int, int]) -> Array:
    return np.asarray(cv2.resize(values, shape), np.float32)


def _mix(target: Plane, value: Array, weight: Array, highest: int) -> None:
    """Blend into a plane's samples, in place; those of no weight are not written."""
    mixed = np.rint(target + weight * (value - target))
    np.copyto(target, np.clip(mixed, 0, highest).astype(target.dtype), where=weight > 0.0)


def _visible(active: NDArray[np.bool_], start: int, length: int, limit: int) -> slice:
    """Samples of a crop's side that lie in the plane and where attention may not be zero."""
    at = np.flatnonzero(active)
    if not len(at):
        return slice(0, 0)
    unit = length / len(active)
    first, last = int((at[0] - 1) * unit), int((at[-1] + 2) * unit) + 1
    return slice(max(0, -start, first), min(length, limit - start, last))
