"""Sampling grids: backward warps that say where each pixel of a view comes from."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Box = tuple[slice, slice]  # rows and columns


class GridLayers(NamedTuple):
    """A part of a view that is composited from several layers, each with its own grid.

    Attributes:
        box: Rows and columns of the part.
        coords: `[h, w, 2]` per layer, bottom first, as in `SamplingGrid`.
        alphas: `[h, w]` in 0..1, the opacity of each layer but the bottom one.
    """

    box: Box
    coords: tuple[Array, ...]
    alphas: tuple[Array, ...]

    def sample(self, picture: NDArray[Any]) -> Array:
        """The composited part, `[h, w]` or `[h, w, C]`."""
        result, *layers = (remap(picture, coords).astype(np.float32) for coords in self.coords)
        for layer, alpha in zip(layers, self.alphas, strict=True):
            result += (alpha if result.ndim == 2 else alpha[..., None]) * (layer - result)
        return result


class SamplingGrid(NamedTuple):
    """A backward warp: where each pixel of a view is sampled in another picture.

    Attributes:
        coords: `[H, W, 2]` (x, y) in pixels of that picture.
        layers: The part of the view that has several layers.
    """

    coords: Array
    layers: GridLayers | None = None

    def transformed(self, affine: NDArray[Any]) -> SamplingGrid:
        """The same warp sampled in another picture, to whose pixels an affine `[2, 3]` maps."""
        layers = self.layers
        if layers is not None:
            moved = tuple(_transformed(one, affine) for one in layers.coords)
            layers = layers._replace(coords=moved)
        return SamplingGrid(_transformed(self.coords, affine), layers)

    def resized(self, shape: tuple[int, int], part: Box) -> SamplingGrid:
        """The grid of a part of the view after the view is resized.

        Args:
            shape: New width and height of the whole view.
            part: Rows and columns of the resized view.
        """
        coords = np.asarray(cv2.resize(self.coords, shape)[part], np.float32)
        height, width = self.coords.shape[:2]
        factors = shape[1] / height, shape[0] / width
        return SamplingGrid(coords, self.layers and _resized(self.layers, factors, part))

    def sample(self, picture: NDArray[Any]) -> NDArray[Any]:
        """The warped view, `[H, W]` or `[H, W, C]`, of the picture's type."""
        view = remap(picture, self.coords)
        if self.layers is not None:
            view[self.layers.box] = np.rint(self.layers.sample(picture))
        return view


def remap(picture: NDArray[Any], coords: Array) -> NDArray[Any]:
    """Sample a picture at coordinates `[h, w, 2]`; its border is repeated outside it."""
    replicate = cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(picture, coords, None, cv2.INTER_LINEAR, borderMode=replicate))  # type: ignore[call-overload]  # a map of two channels needs no second


def _transformed(coords: Array, affine: NDArray[Any]) -> Array:
    return np.asarray(cv2.transform(coords, affine), np.float32)


def _resized(layers: GridLayers, factors: tuple[float, float], part: Box) -> GridLayers | None:
    """The layers of a part of the resized view, or None if they lie outside it.

    Args:
        layers: Layers of the view before it is resized.
        factors: By which its rows and its columns are resized.
        part: Rows and columns of the resized view.
    """
    inside = [_overlap(*sides) for sides in zip(layers.box, part, factors, strict=True)]
    height, width = (side.stop - side.start for side in inside)
    if height <= 0 or width <= 0:
        return None
    affine = _to_layers(layers.box, inside, factors)

    def resample(plane: Array) -> Array:
        how, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
        values = cv2.warpAffine(plane, affine, (width, height), flags=how, borderMode=border)
        return np.asarray(values, np.float32)

    rows, columns = (
        slice(side.start - own.start, side.stop - own.start)
        for side, own in zip(inside, part, strict=True)
    )
    return GridLayers((rows, columns), *(tuple(map(resample, planes)) for planes in layers[1:]))


def _overlap(box: slice, part: slice, factor: float) -> slice:
    """Pixels of `part` whose centres lie between those of a box that is resized by `factor`."""
    first = ceil((box.start + 0.5) * factor - 0.5)
    last = floor((box.stop - 0.5) * factor - 0.5)
    return slice(max(part.start, first), min(part.stop, last + 1))


def _to_layers(
    box: Box, inside: Sequence[slice], factors: tuple[float, float]
) -> NDArray[np.float64]:
    """Affine `[2, 3]` from pixels of the resized part to those of the layers' box."""
    (row, column), (down, across) = ((side.start for side in inside), factors)
    return np.array(
        [
            [1 / across, 0, (column + 0.5) / across - 0.5 - box[1].start],
            [0, 1 / down, (row + 0.5) / down - 0.5 - box[0].start],
        ]
    )
