"""Pictures and videos of a face in the public domain: NASA's portrait of Eileen Collins."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

Image = NDArray[np.uint8]


def portrait_on_canvas(
    width: int = 640,
    height: int = 360,
    at: tuple[float, float] = (200.0, 20.0),
    scale: float = 0.6,
    opened: float = 0.0,
) -> Image:
    """The scaled portrait on a grey canvas, its upper left at `at`, its jaw `opened` by pixels."""
    affine = np.array([[scale, 0, at[0]], [0, scale, at[1]]])
    canvas = np.full((height, width, 3), 90, np.uint8)
    portrait = astronaut()[:400, 60:400]
    if opened:
        portrait = jaw_dropped(portrait, opened)
    warped = cv2.warpAffine(
        portrait, affine, (width, height), dst=canvas, borderMode=cv2.BORDER_TRANSPARENT
    )
    return np.asarray(warped, np.uint8)


def jaw_dropped(portrait: Image, by: float) -> Image:
    """Move everything below the teeth down by some pixels, decreasing towards the throat."""
    y, x = np.mgrid[: portrait.shape[0], : portrait.shape[1]].astype(np.float32)
    teeth, chin, throat, middle = 148.0, 185.0, 235.0, 164.0
    beside = np.exp(-(((x - middle) / 30.0) ** 2))
    below = np.clip((throat - y) / (throat - chin), 0.0, 1.0)
    drawn = np.maximum(y - by * beside * below, teeth).astype(np.float32)
    source = np.where(y > teeth, drawn, y)
    return np.asarray(cv2.remap(portrait, x, source, cv2.INTER_LINEAR), np.uint8)


def blank(width: int = 640, height: int = 360) -> Image:
    """A grey picture without a face."""
    return np.full((height, width, 3), 90, np.uint8)


def write_portrait(
    path: Path,
    count: int = 30,
    *,
    fps: Fraction | int = 25,
    size: tuple[int, int] = (320, 240),
    scale: float = 0.7,
    hidden: range = range(0),
    opened: Sequence[float] | NDArray[np.float64] = (),
) -> Path:
    """A video of the moving portrait.

    Its face is painted over in the `hidden` frames. Its jaw opens by the pixels of `opened`.
    """
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("libx264", rate=fps, options={"crf": "12", "threads": "1"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p"
        for number in range(count):
            x, y = 40.0 + 1.5 * number, 4.0 + 3.0 * np.sin(number / 4)
            drop = opened[number] if number < len(opened) else 0.0
            image = portrait_on_canvas(*size, (x, y), scale, drop)
            if number in hidden:
                top, left = int(y + 20 * scale), int(x + 60 * scale)
                image[top : top + int(230 * scale), left : left + int(200 * scale)] = 90
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path
