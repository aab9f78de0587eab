"""Things before the mouth: hands, microphones, whatever people hold up.

All of them reach in from beyond the picture, as they do in life. The veil blurs what it covers,
and a dark thing under it looks like an open mouth: f tells them apart by what it sees of the
thing beyond the veil.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.lab.train.transplant import Image, Points

Vector = NDArray[np.float64]
CHEEKS = (205, 425)  # landmarks amid skin
LEAST, MOST = 0.1, 0.6  # share of the lips that is to be covered: what is left can be read
NEAR, FAR = -0.15, 0.6  # of the crop's side: how far from the lips' middle a thing's tip can be
HALVINGS = 7  # of this range
EDGE = 3  # pixels of soft edge


class Stroke(NamedTuple):
    """A polygon `[N, 2]` in pixels from the tip, drawn `width` pixels thick; two points: a rod."""

    corners: Vector
    width: float


class Occluder(NamedTuple):
    """A thing in front: what it looks like `[S, S, 3]`, and where it is `[S, S]`, 0 to 1."""

    texture: Image
    weight: NDArray[np.float32]

    def lay_over(self, image: Image) -> Image:
        """Put it before a picture `[S, S, 3]`."""
        covered = cv2.blendLinear(self.texture, image, self.weight, 1.0 - self.weight)
        return np.asarray(covered, np.uint8)


def random_occluder(
    image: Image, points: Points, lips: Image, scale: float, rng: np.random.Generator
) -> Occluder:
    """Something that hides a part of the lips.

    Args:
        image: The face `[S, S, 3]`, out of which come the colours.
        points: Its landmarks `[468, 2]`.
        lips: `[S, S]`, 255 at the lips.
        scale: Pixels that a whole face crop would have at the view's scale.
        rng: Decides.
    """
    angle = rng.uniform(-0.3, np.pi + 0.3)  # from one side, from below, from the other
    outward = np.array([np.cos(angle), np.sin(angle)])
    shape, surface = ((_hand, _skin), (_microphone, _mesh), (_object, _stuff))[rng.integers(3)]
    mask = _placed(shape(outward, scale, rng), lips, outward, rng.uniform(LEAST, MOST), scale)
    texture = _rounded(surface(image, points, scale, rng), mask, scale)
    weight = cv2.blur(mask, (EDGE, EDGE)).astype(np.float32) / np.float32(255.0)
    return Occluder(texture, weight)


def _placed(
    strokes: Sequence[Stroke], lips: Image, outward: Vector, share: float, scale: float
) -> Image:
    """Where a thing is, its tip as far in as it can be without covering more of the lips."""
    rows, columns = np.nonzero(lips)
    middle = np.array([columns.mean(), rows.mean()])
    near, far = NEAR * scale, FAR * scale
    for _ in range(HALVINGS):
        tip = (near + far) / 2
        covered = _drawn(strokes, middle + tip * outward, len(lips))[rows, columns].mean() / 255
        near, far = (tip, far) if covered > share else (near, tip)
    return _drawn(strokes, middle + far * outward, len(lips))


def _drawn(strokes: Sequence[Stroke], tip: Vector, size: int) -> Image:
    mask = np.zeros((size, size), np.uint8)
    for corners, width in strokes:
        outline = [np.rint(corners + tip).astype(np.int32)]
        cv2.fillPoly(mask, outline, 255)
        cv2.polylines(mask, outline, True, 255, max(1, round(width)))
    return mask


def _hand(outward: Vector, scale: float, rng: np.random.Generator) -> list[Stroke]:
    """Some fingers side by side, and the back of a hand that they come from."""
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
    """A head, round or long, on a stick."""
    width = rng.uniform(0.12, 0.26) * scale
    end = outward * rng.uniform(0.05, 0.6) * width
    stick = np.array([end, outward * 2 * scale])
    return [
        Stroke(np.array([np.zeros(2), end]), width),
        Stroke(stick, rng.uniform(0.25, 0.6) * width),
    ]


def _object(outward: Vector, scale: float, rng: np.random.Generator) -> list[Stroke]:
    """A cup, a sheet, a telephone: four corners, two of them beyond the picture."""
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
    """This person's own, off a cheek, in a light of its own."""
    patch = _patch(image, points[int(rng.choice(CHEEKS))], 0.06 * scale)
    return _grained(patch * np.exp(rng.normal(0.0, 0.15)), len(image), 3.0, rng)


def _mesh(image: Image, _: Points, scale: float, rng: np.random.Generator) -> Image:
    """Dark, and coarse in grain."""
    colour = rng.uniform(10, 70) + rng.normal(0.0, 4.0, (1, 1, 3))
    return _grained(colour, len(image), rng.uniform(4.0, 14.0), rng)


def _stuff(image: Image, _: Points, scale: float, rng: np.random.Generator) -> Image:
    """A piece from elsewhere in the picture, above the mouth, enlarged and turned about."""
    size = len(image)
    at = rng.uniform([0, 0], [size, 0.4 * size])
    patch = _patch(image, at, rng.uniform(0.04, 0.25) * scale)
    return _grained(np.rot90(patch, int(rng.integers(4))), size, 2.0, rng)


def _patch(image: Image, at: NDArray[np.floating], side: float) -> Vector:
    """A square piece around a place, or as near to it as the picture goes."""
    extent = max(4, round(side))
    column, row = np.clip(np.rint(at - side / 2), 0, len(image) - extent).astype(int)
    return image[row : row + extent, column : column + extent].astype(np.float64)


def _grained(colours: Vector, size: int, grain: float, rng: np.random.Generator) -> Image:
    """Colours `[A, B, 3]` stretched over a picture, with grain of two pixels."""
    noise = rng.standard_normal((size // 2, size // 2), np.float32) * np.float32(grain)
    surface = cv2.resize(np.ascontiguousarray(colours, np.float32), (size, size))
    grainy = surface + cv2.resize(noise, (size, size))[:, :, None]
    return np.asarray(np.clip(grainy, 0, 255), np.uint8)


def _rounded(texture: Image, mask: Image, scale: float) -> Image:
    """A surface that grows darker towards the thing's edge, as a round one does."""
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    light = 0.5 + 0.5 * np.sqrt(np.minimum(1.0, depth / np.float32(0.05 * scale)))
    return np.asarray(texture * light[:, :, None], np.uint8)
