"""Where the pixels of a view are fetched from in another picture."""

from __future__ import annotations

from math import ceil, floor
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Box = tuple[slice, slice]


class Layers(NamedTuple):
    """A part of a view in which one thing lies over another, each with places of its own.

    Attributes:
        box: Rows and columns of the view that it is.
        places: `[h, w, 2]` each, as of `Whence`.
        over: `[h, w]` each in 0..1, how far each layer but the first covers those before it.
    """

    box: Box
    places: tuple[Array, ...]
    over: tuple[Array, ...]

    def fetched(self, picture: NDArray[Any]) -> Array:
        """What is there, `[h, w]` or `[h, w, 3]`."""
        seen, *layers = (looked_up(picture, places).astype(np.float32) for places in self.places)
        for layer, over in zip(layers, self.over, strict=True):
            seen += (over if seen.ndim == 2 else over[..., None]) * (layer - seen)
        return seen


class Whence(NamedTuple):
    """Where each pixel of a view comes from.

    Attributes:
        places: `[H, W, 2]` (x, y) in pixels of another picture.
        layers: The part that is more than that.
    """

    places: Array
    layers: Layers | None = None

    def moved(self, affine: NDArray[Any]) -> Whence:
        """Likewise in a picture to which an affine `[2, 3]` leads from the other."""
        layers = self.layers
        if layers is not None:
            layers = layers._replace(places=tuple(_moved(one, affine) for one in layers.places))
        return Whence(_moved(self.places, affine), layers)

    def enlarged(self, shape: tuple[int, int], part: Box) -> Whence:
        """The same for a part of the view as it is in another size.

        Args:
            shape: Width and height of the whole view, enlarged or reduced.
            part: Rows and columns of that.
        """
        places = np.asarray(cv2.resize(self.places, shape)[part], np.float32)
        return Whence(places, self.layers and _enlarged(self.layers, self.places, shape, part))

    def fetched(self, picture: NDArray[Any]) -> NDArray[Any]:
        """What is there, `[H, W]` or `[H, W, 3]`, of the picture's type."""
        seen = looked_up(picture, self.places)
        if self.layers is not None:
            seen[self.layers.box] = np.rint(self.layers.fetched(picture))
        return seen


def looked_up(picture: NDArray[Any], places: Array) -> NDArray[Any]:
    """A picture at some places `[h, w, 2]`; beyond it its border is repeated."""
    replicate = cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=replicate))  # type: ignore[call-overload]  # a map of two channels needs no second


def _moved(places: Array, affine: NDArray[Any]) -> Array:
    return np.asarray(cv2.transform(places, affine), np.float32)


def _enlarged(layers: Layers, whole: Array, shape: tuple[int, int], part: Box) -> Layers | None:
    """What lies both in the layers' box and in a part of the enlarged view."""
    factors = [after / before for after, before in zip(shape[::-1], whole.shape, strict=False)]
    inside = [slice(max(mine.start, ceil((box.start + 0.5) * factor - 0.5)),
                    min(mine.stop, floor((box.stop - 0.5) * factor - 0.5) + 1))
              for box, mine, factor in zip(layers.box, part, factors, strict=True)]  # fmt: skip
    height, width = (side.stop - side.start for side in inside)
    if height <= 0 or width <= 0:
        return None
    (row, column), (down, across) = ((side.start for side in inside), factors)
    back = np.array([[1 / across, 0, (column + 0.5) / across - 0.5 - layers.box[1].start],
                     [0, 1 / down, (row + 0.5) / down - 0.5 - layers.box[0].start]])  # fmt: skip

    def sampled(plane: Array) -> Array:
        how, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
        got = cv2.warpAffine(plane, back, (width, height), flags=how, borderMode=border)
        return np.asarray(got, np.float32)

    rows, columns = (slice(side.start - mine.start, side.stop - mine.start)
                     for side, mine in zip(inside, part, strict=True))  # fmt: skip
    return Layers((rows, columns), *(tuple(map(sampled, one)) for one in layers[1:]))
