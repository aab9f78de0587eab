"""Two people in one video: the published portrait, and the same with other features."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

from talkernel.face.detect import FaceDetector
from talkernel.face.mesh import FaceMesh, Region
from talkernel.media.frame import Picture
from talkernel.media.sample import picture_of_rgb

Image = NDArray[np.uint8]
Landmarks = NDArray[np.float32]
EYES_APART = 61.0  # pixels between the outer corners of the portrait's eyes
# Landmark and where it goes, in units of `EYES_APART`: inner eye corners, nose tip, brows.
OTHER_FACE = (
    (133, -0.12, 0.0),
    (362, 0.12, 0.0),
    (1, 0.0, -0.12),
    (105, 0.0, -0.15),
    (334, 0.0, -0.15),
)
WIDTH, HEIGHT = 640, 360


def found(image: Image) -> tuple[Picture, Landmarks]:
    """The picture and its face's landmarks, as a tracker finds them."""
    picture, mesh = picture_of_rgb(image), FaceMesh()
    region = Region.of_detection(FaceDetector().detect(picture)[0])
    for _ in range(3):
        points, presence = mesh.landmarks(picture, region)
        region = Region.of_landmarks(points)
    assert presence > 0.9
    return picture, points


def rebuilt(image: Image, strength: float) -> Image:
    """The portrait with its eyes moved apart, its nose shortened and its brows raised."""
    points = found(image)[1]
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    from_x, from_y = x.copy(), y.copy()
    for number, right, down in OTHER_FACE:
        distance = np.hypot(x - points[number, 0], y - points[number, 1]) / EYES_APART
        near = strength * EYES_APART * np.exp(-((distance / 0.19) ** 2))
        from_x, from_y = from_x - right * near, from_y - down * near
    moved = cv2.remap(image, from_x.astype(np.float32), from_y.astype(np.float32), cv2.INTER_LINEAR)
    return np.asarray(moved, np.uint8)


@cache
def people() -> tuple[Image, Image]:
    """Ann and Bob: `[360, 320, 3]` each, in front of different walls."""
    both = astronaut(), rebuilt(astronaut(), 2.0)[..., ::-1]
    tiles = [np.ascontiguousarray(image[:400, 60:416]) for image in both]
    tiles = [cv2.resize(tile, (320, 360), interpolation=cv2.INTER_AREA) for tile in tiles]
    walls = np.random.default_rng(4).integers(0, 255, (2, 12, 11, 3), np.uint8)
    for tile, wall in zip(tiles, walls, strict=True):
        large = cv2.resize(wall, (320, 360), interpolation=cv2.INTER_NEAREST)
        tile[:, :60], tile[:, 260:], tile[:24] = large[:, :60], large[:, 260:], large[:24]
    ann, bob = (np.asarray(tile, np.uint8) for tile in tiles)
    return ann, bob


def shot(person: int, at: float = 160.0) -> Image:
    """One person alone: 0 Ann, 1 Bob; their picture's left edge at `at`."""
    wall = np.random.default_rng(person).integers(30, 220, (9, 16, 3), np.uint8)
    canvas = np.asarray(cv2.resize(wall, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)
    return _pasted(canvas, people()[person], at)


def two_shot(left: float = 0.0, covered: bool = False) -> Image:
    """Ann at the left, moved by `left` pixels, and Bob at the right. A board may hide Ann."""
    canvas = _pasted(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), people()[0], left)
    canvas[:, 320:] = people()[1]
    if covered:
        canvas[20:330, 40:280] = 235
    return canvas


def _pasted(canvas: Image, tile: Image, at: float) -> Image:
    move = np.array([[1.0, 0.0, at], [0.0, 1.0, 0.0]])
    return np.asarray(
        cv2.warpAffine(
            tile, move, (WIDTH, HEIGHT), dst=canvas.copy(), borderMode=cv2.BORDER_TRANSPARENT
        ),
        np.uint8,
    )


def interview(length: int = 20) -> list[Image]:
    """Ann, Bob, Ann, with cuts between them."""
    return [shot(who, 160 + 0.5 * (n % 7)) for who in (0, 1, 0) for n in range(length)]


def walkout() -> list[Image]:
    """Ann walks out to the left; Bob stays."""
    return [two_shot(-12.0 * max(0, n - 20)) for n in range(60)]


def covered() -> list[Image]:
    """Ann is hidden for ten frames."""
    return [two_shot(0.5 * (n % 5), 20 <= n < 30) for n in range(50)]


def dissolve() -> list[Image]:
    """Ann fades into Bob over ten frames."""
    weights = np.clip((np.arange(60) - 24) / 10, 0.0, 1.0)
    return [np.asarray(cv2.addWeighted(shot(0), 1 - w, shot(1), w, 0.0), np.uint8) for w in weights]


def wipe() -> list[Image]:
    """Bob's picture is pushed over Ann's in ten frames."""
    edges = np.clip((np.arange(60) - 24) / 10, 0.0, 1.0) * WIDTH
    return [np.hstack([shot(1)[:, : int(x)], shot(0)[:, int(x) :]]) for x in edges]


def pan() -> list[Image]:
    """The camera turns from Ann to Bob in 16 frames."""
    both = np.hstack([shot(0), shot(1)])
    lefts = np.clip((np.arange(70) - 24) / 16, 0.0, 1.0) * WIDTH
    return [np.ascontiguousarray(both[:, int(x) : int(x) + WIDTH]) for x in lefts]


def write_video(path: Path, images: Iterable[Image]) -> Path:
    """A lossless video at 25 frames a second."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    return path


def same_set(length: int = 40) -> list[Image]:
    """Ann, then Bob, in the same place in front of the same wall."""
    ann, bob = shot(0), shot(0)
    bob[24:HEIGHT, 220:420] = people()[1][24:HEIGHT, 60:260]
    return [ann] * length + [bob] * length


def blacked_out() -> list[Image]:
    """Ann; the light goes out and on again."""
    light = np.abs(np.linspace(-1.0, 1.0, 21))
    dark = [np.asarray(shot(0) * value, np.uint8) for value in light]
    return [shot(0)] * 20 + dark + [shot(0)] * 20
