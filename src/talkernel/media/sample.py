"""Small RGB views of a picture's planes; the rest of the frame is never converted."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.media.frame import Matrix, Picture, PixelLayout, Plane

FULL = PixelLayout("yuv444p", 8, (0, 0), "bt601", True)
_LUMA = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


@cache
def yuv_to_rgb_matrix(layout: PixelLayout) -> NDArray[np.float32]:
    """Affine `[3, 4]` matrix from samples (Y, U, V, 1) of `layout` to RGB in 0..1; read-only."""
    inverse = np.linalg.inv(np.vstack([rgb_to_yuv_matrix(layout), [0.0, 0.0, 0.0, 1.0]]))
    return _read_only(inverse[:3])


@cache
def rgb_to_yuv_matrix(layout: PixelLayout) -> NDArray[np.float32]:
    """Affine `[3, 4]` matrix from (R, G, B, 1), RGB in 0..1, to samples of `layout`; read-only."""
    luma = _luma_weights(layout.matrix)
    blue = (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - luma[2]))
    red = (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - luma[0]))
    unit = float(1 << (layout.depth - 8))
    if layout.full_range:
        top = (1 << layout.depth) - 1.0
        gains, offsets = (top, top, top), (0.0, 128 * unit, 128 * unit)
    else:
        gains, offsets = (219 * unit, 224 * unit, 224 * unit), (16 * unit, 128 * unit, 128 * unit)
    rows = np.stack([luma, blue, red]) * np.array(gains)[:, None]
    return _read_only(np.hstack([rows, np.array(offsets)[:, None]]))


def _read_only(matrix: NDArray[np.floating]) -> NDArray[np.float32]:
    """A matrix that several callers share."""
    shared = matrix.astype(np.float32)
    shared.setflags(write=False)
    return shared


def _luma_weights(matrix: Matrix) -> NDArray[np.float64]:
    red, blue = _LUMA[matrix]
    return np.array([red, 1.0 - red - blue, blue])


def planes_to_rgb(planes: list[Plane], layout: PixelLayout) -> NDArray[np.uint8]:
    """Planes of one size `[H, W]` to RGB `[H, W, 3]`, 0..255."""
    matrix = yuv_to_rgb_matrix(layout) * 255.0
    samples = cv2.merge(planes)
    if samples.dtype == np.uint8:  # also rounds and clips
        return np.asarray(cv2.transform(samples, matrix), np.uint8)
    rgb = cv2.transform(samples.astype(np.float32), matrix)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def thumbnail(picture: Picture, size: int) -> tuple[NDArray[np.uint8], float]:
    """The whole picture, reduced into a black square.

    Args:
        picture: The frame.
        size: Side of the square, in pixels.

    Returns:
        RGB `[size, size, 3]` with the picture in its upper left, and the scale from frame
        pixels to the square's.
    """
    scale = size / max(picture.width, picture.height)
    width, height = round(picture.width * scale), round(picture.height * scale)
    shape = (max(width, 1), max(height, 1))
    planes = [cv2.resize(plane, shape, interpolation=cv2.INTER_AREA) for plane in picture.planes]
    square = np.zeros((size, size, 3), np.uint8)
    square[: shape[1], : shape[0]] = planes_to_rgb(planes, picture.layout)
    return square, scale


def part(picture: Picture, left: int, top: int, width: int, height: int) -> Picture:
    """A rectangle of a picture, sharing its samples; `left` and `top` must be even."""
    planes = []
    for index, plane in enumerate(picture.planes):
        sx, sy = picture.layout.chroma_shift if index else (0, 0)
        rows = slice(top >> sy, (top + height) >> sy)
        planes.append(plane[rows, left >> sx : (left + width) >> sx])
    return Picture((planes[0], planes[1], planes[2]), picture.layout, picture.time)


def warp_rgb(picture: Picture, affine: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """A rotated and scaled square view.

    Args:
        picture: The frame.
        affine: `[2, 3]`, from the view's pixels to the frame's.
        size: Side of the view.

    Returns:
        RGB `[size, size, 3]`; outside the frame the border is repeated.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    planes = [
        cv2.warpAffine(
            plane,
            _on_plane(affine, picture, plane),
            (size, size),
            flags=flags,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for plane in picture.planes
    ]
    return planes_to_rgb(planes, picture.layout)


def _on_plane(affine: NDArray[np.float64], picture: Picture, plane: Plane) -> NDArray[np.float64]:
    """The same map for a subsampled plane, whose pixel centres lie between luma's."""
    sx, sy = picture.layout.chroma_shift if plane is not picture.planes[0] else (0, 0)
    factors = np.array([2.0**-sx, 2.0**-sy])
    scaled = np.asarray(affine * factors[:, None], np.float64)
    scaled[:, 2] += (factors - 1.0) / 2.0
    return scaled


def picture_of_rgb(rgb: NDArray[np.uint8]) -> Picture:
    """RGB `[H, W, 3]` as a full-range 4:4:4 picture."""
    samples = cv2.transform(rgb.astype(np.float32) / 255.0, rgb_to_yuv_matrix(FULL))
    y, u, v = cv2.split(np.clip(np.rint(samples), 0, 255).astype(np.uint8))
    return Picture((y, u, v), FULL)
