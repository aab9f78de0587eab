"""Light, motion and transitions on RGB pictures of one size, for labelled sequences."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Shot = list[Image]

WIDTH, HEIGHT = 640, 360
PIXEL = HEIGHT / 720  # one pixel of a 1280 x 720 picture


def lit(image: Image, gain: Any, lift: Any = 0.0) -> Image:
    """Samples times a gain plus a lift, clipped; both may be arrays."""
    return as_image(np.clip(image * np.float32(gain) + np.float32(lift), 0, 255))


def split(left: Image, right: Image, weight: float) -> Image:
    """A wipe from the left: the second picture up to this part of the width."""
    edge = round(weight * WIDTH)
    return np.hstack([right[:, :edge], left[:, edge:]])


def window(image: Image, x: float, y: float = 0.0) -> Image:
    """The part of a picture that begins at x, y; beyond its edge, its mirror image."""
    shift = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y]])
    size, edge = (WIDTH, HEIGHT), cv2.BORDER_REFLECT_101
    return as_image(cv2.warpAffine(image, shift, size, borderMode=edge))


def zoomed(image: Image, factor: float) -> Image:
    """Enlarged around its centre."""
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 0.0, factor)
    return as_image(cv2.warpAffine(image, matrix, (WIDTH, HEIGHT)))


def shaken(shot: Shot, step: float, rng: np.random.Generator) -> Shot:
    """Moved by up to half a step either way, so that neighbours differ by up to a step."""
    return [window(image, *rng.uniform(-step / 2, step / 2, 2)) for image in shot]


def boxed(image: Image, upright: bool) -> Image:
    """Black bars of an eighth at the sides, or at the top and bottom."""
    out = np.zeros_like(image)
    inside = np.s_[:, WIDTH // 8 : -WIDTH // 8] if upright else np.s_[HEIGHT // 8 : -HEIGHT // 8]
    out[inside] = image[inside]
    return out


def fitted(image: Image, backdrop: Image) -> Image:
    """A picture that fills the frame; one that is not wide is set as a person into a backdrop."""
    height, width = image.shape[:2]
    if width < 1.3 * height:
        return with_person(backdrop, _middle(image, 1.0), 1.0)
    return resized(_middle(image, WIDTH / HEIGHT), WIDTH, HEIGHT)


def with_person(backdrop: Image, person: Image, size: float, x: float = 0.5) -> Image:
    """The middle of a picture, cut out softly, at the bottom of a backdrop.

    Args:
        backdrop: `[360, 640, 3]`.
        person: A picture with a person in its middle.
        size: The person's height as a part of the backdrop's.
        x: Where the person's centre is, as a part of the width; may lie outside.
    """
    side = round(HEIGHT * size)
    square = resized(_middle(person, 1.0), side, side)
    return pasted(backdrop, square, round(x * WIDTH - side / 2), HEIGHT - side)


def pasted(image: Image, person: Image, left: int, top: int) -> Image:
    """An ellipse of one picture over another; what lies beyond the left or right edge is lost."""
    rows, columns = person.shape[:2]
    first, last = max(0, -left), min(columns, WIDTH - left)
    if last <= first:
        return image
    out, place = image.copy(), np.s_[top : top + rows, left + first : left + last]
    mask = _soft_ellipse(columns, rows)[:, first:last]
    out[place] = as_image(out[place] * (1 - mask) + person[:, first:last] * mask)
    return out


def backdrop(rng: np.random.Generator) -> Image:
    """A drawn room: a wall, lit from one side, with up to 20 things on it. `[360, 640, 3]`."""
    wall = rng.uniform(60, 220, 3) * np.linspace(0.8, 1.2, WIDTH)[None, :, None]
    image = as_image(np.clip(np.tile(wall, (HEIGHT, 1, 1)), 0, 255))
    for _ in range(int(rng.integers(0, 21))):
        corner, size = rng.integers(0, (WIDTH, HEIGHT)), rng.integers(20, 160, 2)
        colour = [int(c) for c in rng.integers(0, 256, 3)]
        cv2.rectangle(image, corner.tolist(), (corner + size).tolist(), colour, -1)
    return as_image(cv2.GaussianBlur(image, (0, 0), 2.0))


def resized(image: Image, width: int, height: int) -> Image:
    """Resized, without aliasing."""
    smaller = width < image.shape[1]
    mode = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return as_image(cv2.resize(image, (width, height), interpolation=mode))


def as_image(values: Any) -> Image:
    """As bytes."""
    return np.asarray(values, np.uint8)


def _middle(image: Image, aspect: float) -> Image:
    """The largest part around the centre with this ratio of width to height."""
    height, width = image.shape[:2]
    columns, rows = min(width, round(height * aspect)), min(height, round(width / aspect))
    left, top = (width - columns) // 2, (height - rows) // 2
    return image[top : top + rows, left : left + columns]


def _soft_ellipse(width: int, height: int) -> NDArray[np.float32]:
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    return np.asarray(np.clip((1.0 - np.hypot(x, y)) / 0.1, 0.0, 1.0), np.float32)[..., None]
