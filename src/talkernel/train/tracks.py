"""Prepared tracks: one person talking, with landmarks, speech and face crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.audio import MelSpectrogram
from talkernel.face.lips import lip_shape, neutral_shape

Array = NDArray[np.float32]
FPS = 25
STORED = 304  # side in pixels of a stored crop, which shows 304 / 256 of the network's crop


@dataclass(frozen=True)
class Track:
    """What `prepare` wrote of one clip.

    Attributes:
        path: The `.npz` file.
        landmarks: `[T, 468, 3]` in clip pixels; NaN where there was no face.
        wave: `[n]` int16 at 16 kHz.
        crop_index: `[N]` frame number of each stored crop.
        crop_pose: `[N, 4]` yaw, pitch, roll in radians and crop side in clip pixels.
        crop_points: `[N, 468, 3]` landmarks in crop pixels.
        jpeg: Encoded crops, one after the other.
        offsets: `[N + 1]` where each begins.
    """

    path: Path
    landmarks: Array
    wave: NDArray[np.int16]
    crop_index: NDArray[np.int64]
    crop_pose: Array
    crop_points: Array
    jpeg: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @staticmethod
    def load(path: Path) -> Track:
        """Read a prepared track."""
        with np.load(path, allow_pickle=False) as file:
            names = ("landmarks", "wave", "crop_index", "crop_pose", "crop_points",
                     "jpeg", "offsets")  # fmt: skip
            return Track(path, *(file[name] for name in names))

    @property
    def name(self) -> str:
        """The clip's name."""
        return self.path.stem

    @property
    def identity(self) -> str:
        """The person, as the clip's name ends in it."""
        return self.name.rsplit("_", 1)[-1]

    @cached_property
    def has_face(self) -> NDArray[np.bool_]:
        """`[T]` whether landmarks were found."""
        return ~np.isnan(self.landmarks[:, 0, 0])

    @cached_property
    def shapes(self) -> Array:
        """Lip shapes `[T, 165]`; frames without a face repeat the neutral shape."""
        found = np.stack([lip_shape(points) for points in self.landmarks[self.has_face]])
        shapes = np.tile(neutral_shape(found), (len(self.landmarks), 1))
        shapes[self.has_face] = found
        return shapes

    @cached_property
    def deviations(self) -> Array:
        """Lip shapes less the person's neutral shape, `[T, 165]`."""
        return self.shapes - neutral_shape(self.shapes[self.has_face])

    @cached_property
    def mel(self) -> Array:
        """Mel spectrogram `[80, 80 columns a second]`."""
        stream = MelSpectrogram()
        wave = self.wave.astype(np.float32) / 32768.0
        return np.hstack([stream.push(wave), stream.flush()])

    def crop(self, number: int) -> NDArray[np.uint8]:
        """Stored crop `number`, RGB `[304, 304, 3]`."""
        start, end = self.offsets[number : number + 2]
        image = cv2.imdecode(self.jpeg[start:end], cv2.IMREAD_COLOR_RGB)
        assert image is not None
        return np.asarray(image, np.uint8)


def load_tracks(folder: Path, split: str) -> list[Track]:
    """All tracks of a split, in order of name."""
    return [Track.load(path) for path in sorted(folder.glob(f"{split}_*.npz"))]


def share_of_people(identities: Sequence[str], counts: Sequence[int]) -> NDArray[np.float64]:
    """Chance of each track: people by the square root of their frames, so that nobody rules."""
    frames: dict[str, int] = {}
    for identity, count in zip(identities, counts, strict=True):
        frames[identity] = frames.get(identity, 0) + count
    weights = [n / np.sqrt(frames[i]) for i, n in zip(identities, counts, strict=True)]
    return np.asarray(np.array(weights) / np.sum(weights), np.float64)
