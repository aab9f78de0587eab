"""Blends the generator's output directly onto the frame's own YUV planes (Section IV-D).

Only samples inside the crop with non-zero attention are written. All others stay bit-identical.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import Crop
from talkernel.face.view import plane_box
from talkernel.media.frame import Picture, PixelLayout, Plane
from talkernel.media.sample import rgb_to_yuv_matrix
from talkernel.mouth.reference import WarpedReference
from talkernel.mouth.region import smooth_step
from talkernel.mouth.sampling_grid import Box
from talkernel.mouth.texture import composite

Array = NDArray[np.float32]
PlaneBox = tuple[int, int, int, int]  # left, top, width, height on a plane
EDGE = 0.08  # fraction of the crop over which attention falls to zero at its border
UNMOVED = 0.02  # pixels of the view: skin that moves less stays as it is
FAINT = 1.0 / 256.0  # attention below this changes no 8-bit sample and counts as zero


def to_network(view: NDArray[np.uint8]) -> Array:
    """Views `[S, S, 3 or 6]` in 0..255 to the network's input `[3 or 6, S, S]` in -1..1."""
    channels = np.stack(cv2.split(view)).astype(np.float32)
    channels /= 127.5  # in place: allocating memory costs more than the division
    channels -= 1.0
    return channels


def with_reference(motion: Array, reference: WarpedReference | None) -> Array:
    """The motion image `[3, S, S]` composited with the reference, at the generator's resolution."""
    if reference is None or reference.disoccluded is None:
        return motion
    shown = to_network(reference.image)
    return np.asarray(shown + reference.disoccluded * (motion - shown), np.float32)


def blend_onto_frame(
    picture: Picture,
    crop: Crop,
    attention: Array,
    motion: Array | None,
    strength: float = 1.0,
    reference: WarpedReference | None = None,
    skin: Array | None = None,
) -> None:
    """Blend the motion image into a frame, in place: eq. 7 at the frame's own resolution.

    Args:
        picture: The frame; its planes are written.
        crop: The generator's crop.
        attention: Blend weight `[S, S]` in 0..1.
        motion: Motion image `[3, S, S]`, RGB in -1..1; None if the reference is complete.
        strength: Opacity of the edit: 0 leaves the frame as it is, 1 applies the whole edit.
        reference: The generator's reference. Where it shows the mouth, its own pixels are used
            instead of the motion image, if its source frame is known.
        skin: `[C, C, 2]` flow by which the frame itself is warped before, see
            `FrameInput.skin_flow`: chin and jaw move with the mouth.
    """
    window = border_window(len(attention)) * np.float32(strength)
    weight = attention * window
    weight[weight < FAINT] = 0.0
    if skin is not None:
        cells = cv2.resize(window, skin.shape[:2], interpolation=cv2.INTER_AREA)
        skin = np.asarray(skin * cells[..., None], np.float32)
        skin[np.hypot(*cv2.split(skin)) < UNMOVED * len(skin) / len(attention)] = 0.0
    samples = None if motion is None else _to_yuv(motion, picture.layout)
    for channels in (slice(0, 1), slice(1, 3)):  # luma, then U and V, which share positions
        own = None if samples is None else samples[channels]
        _blend_planes(picture, channels, crop, weight, own, reference, skin)


def _blend_planes(
    picture: Picture,
    channels: slice,
    crop: Crop,
    weight: Array,
    samples: Array | None,
    reference: WarpedReference | None,
    skin: Array | None,
) -> None:
    """Warp P planes of one size by a flow `[C, C, 2]`, and blend samples `[P, S, S]` onto them."""
    planes: list[Plane] = list(picture.planes[channels])
    box = plane_box(picture, planes[0], crop)
    if skin is not None:
        moved = np.asarray(skin.any(axis=2))
        part = _visible_part(moved, box, planes[0].shape)
        if part is not None:
            _move_skin(planes, box, skin, part)
    part = _visible_part(weight > 0.0, box, planes[0].shape)
    if part is None:
        return
    shape = box[2:]
    values = [] if samples is None else [_resized(one, shape)[part] for one in samples]
    if reference is not None and reference.has_texture:
        values = composite(values, reference, len(planes) == 1, shape, part)
    weights, highest = _resized(weight, shape)[part], (1 << picture.layout.depth) - 1
    for plane, value in zip(planes, values, strict=True):
        _mix(plane[_in_plane(box, part)], value, weights, highest)


def _move_skin(planes: Sequence[Plane], box: PlaneBox, skin: Array, part: Box) -> None:
    """Warp a part of the crop on planes of one size, in place."""
    left, top, width, height = box
    rows, columns = part
    flow = _resized(skin, (width, height))[part] * np.float32(width / len(skin))
    flow[..., 0] += np.arange(left + columns.start, left + columns.stop, dtype=np.float32)
    flow[..., 1] += np.arange(top + rows.start, top + rows.stop, dtype=np.float32)[:, None]
    for plane in planes:
        moved = cv2.remap(plane, flow, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
        plane[_in_plane(box, part)] = moved


def _in_plane(box: PlaneBox, part: Box) -> Box:
    """Rows and columns of a plane that are those of a crop on it."""
    left, top, _, _ = box
    rows, columns = part
    return (
        slice(top + rows.start, top + rows.stop),
        slice(left + columns.start, left + columns.stop),
    )


def _visible_part(active: NDArray[np.bool_], box: PlaneBox, plane: tuple[int, ...]) -> Box | None:
    """Rows and columns of the crop that lie in the plane and may be active; None: none."""
    left, top, width, height = box
    rows = _visible(np.asarray(active.any(axis=1)), top, height, plane[0])
    columns = _visible(np.asarray(active.any(axis=0)), left, width, plane[1])
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    return rows, columns


def _to_yuv(motion: Array, layout: PixelLayout) -> Array:
    """A motion image `[3, S, S]` as samples of `layout`."""
    matrix = _motion_to_yuv(layout)
    samples = matrix[:, :3] @ motion.reshape(3, -1)
    samples += matrix[:, 3:]
    return np.asarray(samples.reshape(motion.shape), np.float32)


@cache
def _motion_to_yuv(layout: PixelLayout) -> Array:
    """Affine `[3, 4]` matrix from RGB in -1..1 to samples of `layout`."""
    matrix = rgb_to_yuv_matrix(layout).astype(np.float64)
    matrix[:, :3] *= 0.5
    matrix[:, 3] += matrix[:, :3].sum(1)
    return matrix.astype(np.float32)


@cache
def border_window(size: int) -> Array:
    """Window `[size, size]`: 1 inside, falling smoothly to 0 just before the border."""
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) - 1.0
    ramp = smooth_step(distance / (EDGE * size))
    return np.asarray(np.minimum(ramp[:, None], ramp[None, :]), np.float32)


def _resized(values: Array, shape: tuple[int, int]) -> Array:
    return np.asarray(cv2.resize(values, shape), np.float32)


def _mix(target: Plane, value: Array, weight: Array, highest: int) -> None:
    """Blend into a plane's samples, in place; samples of zero weight are not written."""
    mixed = np.rint(target + weight * (value - target))
    np.copyto(target, np.clip(mixed, 0, highest).astype(target.dtype), where=weight > 0.0)


def _visible(active: NDArray[np.bool_], start: int, length: int, limit: int) -> slice:
    """Samples along one side of the crop that lie in the plane and may have non-zero weight."""
    at = np.flatnonzero(active)
    if not len(at):
        return slice(0, 0)
    unit = length / len(active)
    first, last = int((at[0] - 1) * unit), int((at[-1] + 2) * unit) + 1
    return slice(max(0, -start, first), min(length, limit - start, last))
