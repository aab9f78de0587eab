"""Makes obviously broken videos, which check that raters pay attention."""

from __future__ import annotations

from pathlib import Path
from random import Random

import cv2
import numpy as np

from talkernel.media import Picture, Plane, VideoWriter, open_face, open_speech

SQUARES = 16  # coarse pixels along the picture's shorter side
HOLD = 0.5  # seconds that one picture is held
Planes = tuple[Plane, Plane, Plane]


def break_video(path: Path, target: Path, frame_count: int, rng: Random) -> None:
    """Write a video that is clearly the worst by every question.

    Its picture is pixelated (visual quality), freezes for half a second and then jumps
    (continuity) to frames in random order, unrelated to the speech (lip sync).

    Args:
        path: A good video with sound.
        target: Where to write; an .mp4.
        frame_count: Pictures of the good video.
        rng: For the order.
    """
    source, speech = open_face(path), open_speech(path)
    hold = max(1, round(HOLD * source.fps))
    moments = [_small(p) for number, p in enumerate(source.frames()) if number % hold == 0]
    rng.shuffle(moments)
    with VideoWriter(
        target, source=source, speech=speech, frame_count=frame_count, crf=23
    ) as writer:
        for number, picture in enumerate(source.frames()):
            picture.planes = _enlarged(moments[number // hold], picture)
            writer.write(picture)


def _small(picture: Picture) -> Planes:
    factor = SQUARES / min(picture.width, picture.height)
    y, u, v = (
        _resized(plane, *(max(1, round(side * factor)) for side in plane.shape[::-1]))
        for plane in picture.planes
    )
    return y, u, v


def _enlarged(small: Planes, picture: Picture) -> Planes:
    y, u, v = (
        cv2.resize(coarse, plane.shape[::-1], interpolation=cv2.INTER_NEAREST)
        for coarse, plane in zip(small, picture.planes, strict=True)
    )
    return y, u, v


def _resized(plane: Plane, width: int, height: int) -> Plane:
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA))
