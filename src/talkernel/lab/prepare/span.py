"""One face through one shot: landmarks, crops and measurements, collected frame by frame."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import SIDE, crop_geometry
from talkernel.face.detect import Detection
from talkernel.face.lips import OUTER_LIP
from talkernel.face.mesh import LANDMARKS
from talkernel.face.pose import HeadPose
from talkernel.face.track import FACE_HEIGHT, TrackedFace
from talkernel.lab.tracks.track import STORED, encode_crop
from talkernel.media import Picture
from talkernel.media.sample import warp_rgb

CROP_EVERY = 2  # frames per stored crop: neighbouring frames are nearly the same
MOUTH = 3  # index of the mouth among a detection's points
Array = NDArray[np.float32]


@dataclass(frozen=True)
class StoredCrop:
    """A face cut out of a frame.

    Attributes:
        index: Frame number within the span.
        jpeg: JPEG bytes of 304 x 304 pixels.
        pose: `[4]` yaw, pitch, roll in radians and the crop's side in video pixels.
        corner: `[2]` upper left corner in video pixels.
        sharpness: See `sharpness`; about 0.1 to 0.5.
    """

    index: int
    jpeg: NDArray[np.uint8]
    pose: Array
    corner: Array
    sharpness: float


@dataclass
class FaceSpan:
    """One face through successive frames at 25 a second.

    Attributes:
        start: Number of its first frame in the video.
        landmarks: For each frame `[468, 3]` in video pixels, NaN where the face was not found.
        reasons: For each frame without the face, why.
        crops: Of every second frame.
        scores: Frame number and score of each detection.
        mouth_errors: Frame number, and distance between the detector's and the mesh's mouth in
            face heights.
        mouth_inside: For each frame, whether the whole mouth is inside the picture; true where
            the face was not found.
    """

    start: int
    landmarks: list[Array] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    crops: list[StoredCrop] = field(default_factory=list)
    scores: list[tuple[int, float]] = field(default_factory=list)
    mouth_errors: list[tuple[int, float]] = field(default_factory=list)
    mouth_inside: list[bool] = field(default_factory=list)

    def add(self, picture: Picture, face: TrackedFace | None, reason: str) -> None:
        """Append the next frame.

        Args:
            picture: The frame.
            face: The face in it, or None.
            reason: Why there is none.
        """
        number = len(self.landmarks)
        if face is None:
            self.landmarks.append(np.full((LANDMARKS, 3), np.nan, np.float32))
            self.reasons.append(reason)
            self.mouth_inside.append(True)
            return
        points = face.landmarks
        self.landmarks.append(points)
        self.mouth_inside.append(_within(points[list(OUTER_LIP)], picture))
        if (self.start + number) % CROP_EVERY == 0:
            self.crops.append(_crop(number, picture, points, face.pose))

    def compare(self, found: Detection) -> None:
        """Compare the face in the last frame with the detector's result for the same frame."""
        points, number = self.landmarks[-1], len(self.landmarks) - 1
        if np.isnan(points[0, 0]):
            return
        mouth = points[list(OUTER_LIP), :2].mean(0)
        height = HeadPose.fit(points).scale * FACE_HEIGHT
        self.scores.append((number, found.score))
        error = float(np.linalg.norm(found.points[MOUTH] - mouth) / height)
        self.mouth_errors.append((number, error))

    def part(self, first: int, last: int) -> FaceSpan:
        """Frames `first` to `last - 1` of this span, counted from its first frame."""
        return FaceSpan(
            self.start + first,
            self.landmarks[first:last],
            [],
            [
                dataclasses.replace(c, index=c.index - first)
                for c in self.crops
                if first <= c.index < last
            ],
            [(n - first, v) for n, v in self.scores if first <= n < last],
            [(n - first, v) for n, v in self.mouth_errors if first <= n < last],
            self.mouth_inside[first:last],
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Landmarks and crops as the arrays of a `Track`."""
        jpegs = [crop.jpeg for crop in self.crops]
        return {
            "landmarks": np.array(self.landmarks, np.float32).reshape(-1, LANDMARKS, 3),
            "crop_index": np.array([crop.index for crop in self.crops], np.int64),
            "crop_pose": np.array([c.pose for c in self.crops], np.float32).reshape(-1, 4),
            "crop_corner": np.array([c.corner for c in self.crops], np.float32).reshape(-1, 2),
            "jpeg": np.concatenate([np.zeros(0, np.uint8), *jpegs]),
            "offsets": np.cumsum([0, *(len(jpeg) for jpeg in jpegs)], dtype=np.int64),
        }


def _within(points: Array, picture: Picture) -> bool:
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    inside = low.min() >= 0 and high[0] < picture.width and high[1] < picture.height
    return bool(inside)


def _crop(number: int, picture: Picture, landmarks: Array, pose: HeadPose) -> StoredCrop:
    x, y, side = crop_geometry(pose, SIDE * STORED / 256)
    corner, scale = np.array([x, y]) - side / 2, side / STORED
    affine = np.array([[scale, 0.0, corner[0]], [0.0, scale, corner[1]]])
    rgb = warp_rgb(picture, affine, STORED)
    jpeg = encode_crop(rgb)
    angles = np.array([pose.yaw, pose.pitch, pose.roll, side], np.float32)
    return StoredCrop(number, jpeg, angles, corner.astype(np.float32), sharpness(rgb))


def sharpness(rgb: NDArray[np.uint8]) -> float:
    """Energy of detail about two pixels wide, relative to detail about eight pixels wide.

    Measured in the middle of a crop `[304, 304, 3]`. A blurred or enlarged face has little fine
    detail.
    """
    grey = cv2.cvtColor(rgb[64:256, 64:240], cv2.COLOR_RGB2GRAY).astype(np.float32)
    soft, softer = (cv2.GaussianBlur(grey, (0, 0), width) for width in (1.5, 6.0))
    return float((grey - soft).std() / ((soft - softer).std() + 1.0))
