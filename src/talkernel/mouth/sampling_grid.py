"""Sampling grids: where the pixels of a view are fetched from in another picture."""

from __future__ import annotations

from math import ceil, floor
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Box = tuple[slice, slice]


class Layers(NamedTuple):
    """A part of a view in which one layer lies over another, each with a grid of its own.

    Attributes:
        box: Rows and columns of the view that it is.
        coords: `[h, w, 2]` each, as of `SamplingGrid`.
        alphas: `[h, w]` each in 0..1, the opacity of each layer but the first.
    """

    box: Box
    coords: tuple[Array, ...]
    alphas: tuple[Array, ...]

    def sample(self, picture: NDArray[Any]) -> Array:
        """What is there, `[h, w]` or `[h, w, C]`."""
        below, *layers = (remap(picture, coords).astype(np.float32) for coords in self.coords)
        for layer, alpha in zip(layers, self.alphas, strict=True):
            below += (alpha if below.ndim == 2 else alpha[..., None]) * (layer - below)
        return below


class SamplingGrid(NamedTuple):
    """Where each pixel of a view comes from: a backward warp.

    Attributes:
        coords: `[H, W, 2]` (x, y) in pixels of another picture.
        layers: The part in which several grids lie over one another.
    """

    coords: Array
    layers: Layers | None = None

    def transformed(self, affine: NDArray[Any]) -> SamplingGrid:
        """The same grid on a picture to which an affine `[2, 3]` leads from the other."""
        layers = self.layers
        if layers is not None:
            moved = tuple(_transformed(one, affine) for one in layers.coords)
            layers = layers._replace(coords=moved)
        return SamplingGrid(_transformed(self.coords, affine), layers)

    def resized(self, shape: tuple[int, int], part: Box) -> SamplingGrid:
        """The grid of a part of the view, the view being of another size.

        Args:
            shape: Width and height of the whole view, enlarged or reduced.
            part: Rows and columns of that.
        """
        coords = np.asarray(cv2.resize(self.coords, shape)[part], np.float32)
        layers = self.layers and _resized(self.layers, self.coords.shape, shape, part)
        return SamplingGrid(coords, layers)

    def sample(self, picture: NDArray[Any]) -> NDArray[Any]:
        """What is there, `[H, W]` or `[H, W, C]`, of the picture's type."""
        seen = remap(picture, self.coords)
        if self.layers is not None:
            seen[self.layers.box] = np.rint(self.layers.sample(picture))
        return seen


def remap(picture: NDArray[Any], coords: Array) -> NDArray[Any]:
    """A picture at some coordinates `[h, w, 2]`; beyond it its border is repeated."""
    replicate = cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(picture, coords, None, cv2.INTER_LINEAR, borderMode=replicate))  # type: ignore[call-overload]  # a map of two channels needs no second


def _transformed(coords: Array, affine: NDArray[Any]) -> Array:
    return np.asarray(cv2.transform(coords, affine), np.float32)


def _resized(
    layers: Layers, whole: tuple[int, ...], shape: tuple[int, int], part: Box
) -> Layers | None:
    """What lies both in the layers' box and in a part of the resized view.

    Args:
        layers: Of a view.
        whole: Height and width of the view as it was.
        shape: Its width and height now.
        part: Rows and columns of that.
    """
    factors = [after / before for after, before in zip(shape[::-1], whole, strict=False)]
    inside = [
        slice(
            max(mine.start, ceil((box.start + 0.5) * factor - 0.5)),
            min(mine.stop, floor((box.stop - 0.5) * factor - 0.5) + 1),
        )
        for box, mine, factor in zip(layers.box, part, factors, strict=True)
    ]
    height, width = (side.stop - side.start for side in inside)
    if height <= 0 or width <= 0:
        return None
    (row, column), (down, across) = ((side.start for side in inside), factors)
    back = np.array(
        [
            [1 / across, 0, (column + 0.5) / across - 0.5 - layers.box[1].start],
            [0, 1 / down, (row + 0.5) / down - 0.5 - layers.box[0].start],
        ]
    )

    def sampled(plane: Array) -> Array:
        how, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
        got = cv2.warpAffine(plane, back, (width, height), flags=how, borderMode=border)
        return np.asarray(got, np.float32)

    rows, columns = (
        slice(side.start - mine.start, side.stop - mine.start)
        for side, mine in zip(inside, part, strict=True)
    )
    return Layers((rows, columns), *(tuple(map(sampled, one)) for one in layers[1:]))
