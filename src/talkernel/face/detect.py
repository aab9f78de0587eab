"""Face detection: BlazeFace, full range, on a 192x192 view of the frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.network import Network, model_path
from talkernel.media.frame import Picture
from talkernel.media.sample import part, thumbnail

SIZE = 192
GRID = 48
MIN_SCORE = 0.5
MAX_OVERLAP = 0.3
TILED = 640  # pictures this wide or high are also searched tile by tile, for small faces
TILE_FRACTION = 0.6  # of the picture's width and height in each tile


@dataclass(frozen=True)
class Detection:
    """A face found in a frame.

    Attributes:
        box: (left, top, right, bottom) in frame pixels.
        points: `[6, 2]` right eye, left eye, nose, mouth, right ear, left ear.
        score: 0 to 1.
    """

    box: tuple[float, float, float, float]
    points: NDArray[np.float32]
    score: float

    @property
    def centre(self) -> tuple[float, float]:
        """Centre of the box."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


class FaceDetector:
    """Finds all faces of a frame, the largest first."""

    def __init__(self) -> None:
        self._network = Network(model_path("face_detection_full_range.tflite"))
        cells = (np.arange(GRID, dtype=np.float32) + 0.5) * (SIZE / GRID)
        x, y = np.meshgrid(cells, cells)
        self._anchors = np.stack([x.ravel(), y.ravel()], axis=1)

    def detect(self, picture: Picture) -> list[Detection]:
        """Find faces of any size, from a close-up to a small face in a large picture.

        Args:
            picture: The frame.

        Returns:
            Detections in frame pixels, largest first; empty when there is none.
        """
        # The network misses faces that fill its view. A border makes them smaller.
        found = self._run(picture) or self._run(picture, border=0.5)
        if not found and max(picture.width, picture.height) >= TILED:
            for tile, left, top in _tiles(picture):
                found += [_shifted(face, left, top) for face in self._run(tile)]
        return _distinct(sorted(found, key=lambda face: -face.area))

    def _run(self, picture: Picture, border: float = 0.0) -> list[Detection]:
        """Run the network on a picture, `border` times its size added on each side."""
        pad = round(border * SIZE / (1 + 2 * border))
        view, scale = thumbnail(picture, SIZE - 2 * pad)
        framed = cv2.copyMakeBorder(view, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
        boxes, logits = self._network(framed.astype(np.float32)[None] / 127.5 - 1.0)
        found = self._decode(boxes[0], logits[0, :, 0])
        return [_scaled(_shifted(face, -pad, -pad), 1.0 / scale) for face in found]

    def _decode(self, boxes: NDArray[np.float32], logits: NDArray[np.float32]) -> list[Detection]:
        """Boxes `[2304, 16]` relative to their anchors and logits to detections."""
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits, -50, 50)))
        chosen = np.flatnonzero(scores > MIN_SCORE)
        values = boxes[chosen].reshape(-1, 8, 2).copy()
        values[:, 0] += self._anchors[chosen]
        values[:, 2:] += self._anchors[chosen, None]
        corners = np.hstack([values[:, 0] - values[:, 1] / 2, values[:, 1]])
        keep = cv2.dnn.NMSBoxes(corners.tolist(), scores[chosen].tolist(), MIN_SCORE, MAX_OVERLAP)
        return [_detection(corners[i], values[i, 2:], scores[chosen[i]]) for i in keep]


def _detection(
    corner: NDArray[np.float32], points: NDArray[np.float32], score: np.float32
) -> Detection:
    left, top, width, height = (float(v) for v in corner)
    return Detection((left, top, left + width, top + height), points, float(score))


def _scaled(face: Detection, factor: float) -> Detection:
    left, top, right, bottom = (v * factor for v in face.box)
    return Detection((left, top, right, bottom), face.points * factor, face.score)


def _shifted(face: Detection, right: float, down: float) -> Detection:
    box = tuple(v + by for v, by in zip(face.box, (right, down, right, down), strict=True))
    points = face.points + np.array([right, down], np.float32)
    return Detection(box, points, face.score)  # type: ignore[arg-type]


def _tiles(picture: Picture) -> Iterator[tuple[Picture, int, int]]:
    """Four overlapping parts of a large picture, with the left and top of each."""
    width, height = (int(v * TILE_FRACTION) // 2 * 2 for v in (picture.width, picture.height))
    for top in (0, (picture.height - height) // 2 * 2):
        for left in (0, (picture.width - width) // 2 * 2):
            yield part(picture, left, top, width, height), left, top


def _distinct(faces: list[Detection]) -> list[Detection]:
    """Drop faces whose centre lies in a larger one: overlapping tiles see the same face."""
    kept: list[Detection] = []
    for face in faces:
        x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
        if not any(k.box[0] < x < k.box[2] and k.box[1] < y < k.box[3] for k in kept):
            kept.append(face)
    return kept
