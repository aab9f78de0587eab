"""Synthetic objects in front of the mouth: hands, microphones, cups.

Each reaches in from outside the picture, as real ones do. Under the mouth mask's blur a dark object
looks like an open mouth. The generator can distinguish them by the part of the object outside the
mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.lab.train.transplant import Image, Points

Vector = NDArray[np.float64]
CHEEKS = (205, 425)  # landmarks surrounded by skin
# Range of the fraction of the lips that is covered. Enough stays visible for the lip critic.
LEAST, MOST = 0.1, 0.6
# Range of the distance between the object's tip and the lips' centre, in sides of the crop.
NEAR, FAR = -0.15, 0.6
HALVINGS = 7  # bisection steps in this range
EDGE = 3  # pixels of soft edge


class Stroke(NamedTuple):
    """A filled polygon with a thick outline.

    Attributes:
        corners: `[N, 2]` in pixels relative to the object's tip. Two corners make a rod.
        width: Thickness of the outline in pixels.
    """

    corners: Vector
    width: float


class Occluder(NamedTuple):
    """An object in front of the face.

    Attributes:
        texture: Its colours `[S, S, 3]`.
        weight: Its opacity `[S, S]`, 0 to 1.
    """

    texture: Image
    weight: NDArray[np.float32]

    def lay_over(self, image: Image) -> Image:
        """Blend the object over a picture `[S, S, 3]`."""
        covered = cv2.blendLinear(self.texture, image, self.weight, 1.0 - self.weight)
        return np.asarray(covered, np.uint8)


def random_occluder(
    image: Image, points: Points, lips: Image, scale: float, rng: np.random.Generator
) -> Occluder:
    """Draw an object that covers a part of the lips.

    Args:
        image: The face `[S, S, 3]`, which supplies skin and background colours.
        points: Its landmarks `[468, 2]`.
        lips: `[S, S]`, 255 at the lips.
        scale: Side that a whole face crop would have, in pixels.
        rng: Source of randomness.
    """
    angle = rng.uniform(-0.3, np.pi + 0.3)  # from the left, from below or from the right
    outward = np.array([np.cos(angle), np.sin(angle)])
    kinds = ((_hand, _skin), (_microphone, _microphone_surface), (_object, _background))
    shape, surface = kinds[rng.integers(3)]
    mask = _placed(shape(outward, scale, rng), lips, outward, rng.uniform(LEAST, MOST), scale)
    texture = _rounded(surface(image, points, scale, rng), mask, scale)
    weight = cv2.blur(mask, (EDGE, EDGE)).astype(np.float32) / np.float32(255.0)
    return Occluder(texture, weight)


def _placed(
    strokes: Sequence[Stroke], lips: Image, outward: Vector, fraction: float, scale: float
) -> Image:
    """Mask of an object, moved in as far as possible while it covers `fraction` of the lips."""
    rows, columns = np.nonzero(lips)
    middle = np.array([columns.mean(), rows.mean()])
    near, far = NEAR * scale, FAR * scale
    for _ in range(HALVINGS):
        tip = (near + far) / 2
        covered = _drawn(strokes, middle + tip * outward, len(lips))[rows, columns].mean() / 255
        near, far = (tip, far) if covered > fraction else (near, tip)
    return _drawn(strokes, middle + far * outward, len(lips))


def _drawn(strokes: Sequence[Stroke], tip: Vector, size: int) -> Image:
    mask = np.zeros((size, size), np.uint8)
    for corners, width in strokes:
        outline = [np.rint(corners + tip).astype(np.int32)]
        cv2.fillPoly(mask, outline, 255)
        cv2.polylines(mask, outline, True, 255, max(1, round(width)))
    return mask


def _hand(outward: Vector, scale: float, rng: np.random.Generator) -> list[Stroke]:
    """Two to four fingers side by side, and the back of the hand."""
    across, count = np.array([-outward[1], outward[0]]), int(rng.integers(2, 5))
    width, length = rng.uniform(0.055, 0.08) * scale, rng.uniform(0.15, 0.35) * scale
    knuckles = outward * (length + width) + across * rng.uniform(-1, 1) * width
    fingers = []
    for place in np.arange(count) - (count - 1) / 2:
        beside = across * place * 1.15 * width
        tip = beside + outward * (place**2 * 0.15 + rng.uniform(0, 0.4)) * width
        fingers.append(Stroke(np.array([tip, knuckles + beside]), width))
    back = np.array([knuckles + outward * 0.4 * count * width, outward * 2 * scale])
    return [*fingers, Stroke(back, 1.1 * count * width)]


def _microphone(outward: Vector, scale: float, rng: np.random.Generator) -> list[Stroke]:
    """A round or long head on a stick."""
    width = rng.uniform(0.12, 0.26) * scale
    end = outward * rng.uniform(0.05, 0.6) * width
    stick = np.array([end, outward * 2 * scale])
    return [
        Stroke(np.array([np.zeros(2), end]), width),
        Stroke(stick, rng.uniform(0.25, 0.6) * width),
    ]


def _object(outward: Vector, scale: float, rng: np.random.Generator) -> list[Stroke]:
    """A cup, sheet or phone: a quadrilateral with two corners outside the picture."""
    across = np.array([-outward[1], outward[0]])
    left, right = rng.uniform(0.08, 0.3, 2) * scale
    slant = outward * rng.uniform(0, 0.1) * scale
    corners = [
        -across * left,
        across * right + slant,
        across * right * rng.uniform(0.7, 1.3) + outward * 2 * scale,
        -across * left + outward * 2 * scale,
    ]
    return [Stroke(np.array(corners), rng.uniform(0.01, 0.08) * scale)]


def _skin(image: Image, points: Points, scale: float, rng: np.random.Generator) -> Image:
    """The person's own skin, taken from a cheek, in another brightness."""
    patch = _patch(image, points[int(rng.choice(CHEEKS))], 0.06 * scale)
    return _grained(patch * np.exp(rng.normal(0.0, 0.15)), len(image), 3.0, rng)


def _microphone_surface(image: Image, _: Points, scale: float, rng: np.random.Generator) -> Image:
    """A dark surface with coarse grain."""
    colour = rng.uniform(10, 70) + rng.normal(0.0, 4.0, (1, 1, 3))
    return _grained(colour, len(image), rng.uniform(4.0, 14.0), rng)


def _background(image: Image, _: Points, scale: float, rng: np.random.Generator) -> Image:
    """A part of the picture above the mouth, enlarged and rotated."""
    size = len(image)
    at = rng.uniform([0, 0], [size, 0.4 * size])
    patch = _patch(image, at, rng.uniform(0.04, 0.25) * scale)
    return _grained(np.rot90(patch, int(rng.integers(4))), size, 2.0, rng)


def _patch(image: Image, at: NDArray[np.floating], side: float) -> Vector:
    """A square patch centred at a point, moved so that it stays inside the picture."""
    extent = max(4, round(side))
    column, row = np.clip(np.rint(at - side / 2), 0, len(image) - extent).astype(int)
    return image[row : row + extent, column : column + extent].astype(np.float64)


def _grained(colours: Vector, size: int, grain: float, rng: np.random.Generator) -> Image:
    """Stretch colours `[A, B, 3]` over the picture, and add grain two pixels wide."""
    noise = rng.standard_normal((size // 2, size // 2), np.float32) * np.float32(grain)
    surface = cv2.resize(np.ascontiguousarray(colours, np.float32), (size, size))
    grainy = surface + cv2.resize(noise, (size, size))[:, :, None]
    return np.asarray(np.clip(grainy, 0, 255), np.uint8)


def _rounded(texture: Image, mask: Image, scale: float) -> Image:
    """Darken a surface towards the object's edge, so that it looks round."""
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    light = 0.5 + 0.5 * np.sqrt(np.minimum(1.0, depth / np.float32(0.05 * scale)))
    return np.asarray(texture * light[:, :, None], np.uint8)
