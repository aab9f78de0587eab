"""Face detection: BlazeFace, full range, on a 192x192 view of the frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.models import model_path
from talkernel.face.network import Network
from talkernel.media.frame import Picture
from talkernel.media.sample import thumbnail

SIZE = 192
GRID = 48
MIN_SCORE = 0.6
MAX_OVERLAP = 0.3


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
        """Find faces; a close-up that fills the picture is found by a second look.

        Args:
            picture: The frame.

        Returns:
            Detections in frame pixels, largest first; empty when there is none.
        """
        view, scale = thumbnail(picture, SIZE)
        found = self._look(view, border=0.0)
        if not found:  # the network misses faces as large as its view
            found = self._look(view, border=0.5)
        faces = [_scaled(face, 1.0 / scale) for face in found]
        return sorted(faces, key=lambda face: -face.area)

    def _look(self, view: NDArray[np.uint8], border: float) -> list[Detection]:
        """Detect on a square view padded by `border` times its size on each side."""
        pad = round(border * SIZE)
        framed = cv2.copyMakeBorder(view, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
        zoom = framed.shape[0] / SIZE
        small = cv2.resize(framed, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        tensor = small.astype(np.float32)[None] / 127.5 - 1.0
        boxes, logits = self._network(tensor)
        found = self._decode(boxes[0], logits[0, :, 0])
        return [_moved(_scaled(face, zoom), -pad) for face in found]

    def _decode(
        self, boxes: NDArray[np.float32], logits: NDArray[np.float32]
    ) -> list[Detection]:
        """Boxes `[2304, 16]` relative to their anchors and logits to detections."""
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits, -50, 50)))
        chosen = np.flatnonzero(scores > MIN_SCORE)
        values = boxes[chosen].reshape(-1, 8, 2).copy()
        values[:, 0] += self._anchors[chosen]
        values[:, 2:] += self._anchors[chosen, None]
        corners = np.hstack([values[:, 0] - values[:, 1] / 2, values[:, 1]])
        keep = cv2.dnn.NMSBoxes(
            corners.tolist(), scores[chosen].tolist(), MIN_SCORE, MAX_OVERLAP
        )
        return [_detection(corners[i], values[i, 2:], scores[chosen[i]]) for i in keep]


def _detection(
    corner: NDArray[np.float32], points: NDArray[np.float32], score: np.float32
) -> Detection:
    left, top, width, height = (float(v) for v in corner)
    return Detection((left, top, left + width, top + height), points, float(score))


def _scaled(face: Detection, factor: float) -> Detection:
    left, top, right, bottom = (v * factor for v in face.box)
    return Detection((left, top, right, bottom), face.points * factor, face.score)


def _moved(face: Detection, by: float) -> Detection:
    left, top, right, bottom = (v + by for v in face.box)
    return Detection((left, top, right, bottom), face.points + np.float32(by), face.score)
