"""What a bundle's tracks look like inside: crops as a video, landmarks as small differences.

Only numpy, OpenCV and torch are needed to read it, so that a bundle trains wherever torch runs.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.errors import CorruptMediaError
from talkernel.face.lips import SHAPE
from talkernel.face.mesh_size import LANDMARKS
from talkernel.face.pose import RIGID
from talkernel.lab.tracks.track import STORED, Track, encode_crop
from talkernel.lab.train.transplant import LOWER_FACE
from talkernel.speech.mel import WAV2LIP, WHISPER, MelKind

POINTS = sorted({*RIGID, *SHAPE, *LOWER_FACE})  # the landmarks that training looks at
STEP = 1 / 8  # crop pixels, to which landmarks are rounded
LEVELS = {WAV2LIP: 32.0, WHISPER: 100.0}  # steps in a unit of a mel spectrogram, in a byte
TRACKS = "tracks"  # folder of the archive


@dataclass(frozen=True)
class BundledTrack(Track):
    """A track out of a bundle: every one of its frames has a crop; the mel is given, where it is.

    Attributes:
        spectra: By kind, in place of the wave's.
    """

    spectra: Mapping[MelKind, NDArray[np.float32]] = field(default_factory=dict)

    def mel_of(self, kind: MelKind) -> NDArray[np.float32]:
        """Mel spectrogram `[80, columns]`, of the kind that was packed."""
        return self.spectra[kind]


def pack_points(points: NDArray[np.floating]) -> NDArray[np.int16]:
    """Landmarks `[N, 468, 3]` in crop pixels as differences from frame to frame."""
    steps = np.rint(points[:, POINTS] / STEP).astype(np.int16)
    return np.asarray(np.diff(steps, axis=0, prepend=np.zeros_like(steps[:1])), np.int16)


def unpack_points(packed: NDArray[np.int16]) -> NDArray[np.float32]:
    """What `pack_points` packed; other landmarks are NaN."""
    points = np.full((len(packed), LANDMARKS, 3), np.nan, np.float32)
    points[:, POINTS] = np.cumsum(packed, axis=0, dtype=np.int16) * np.float32(STEP)
    return points


def pack_mel(mel: NDArray[np.float32], kind: MelKind) -> NDArray[np.uint8]:
    """A mel spectrogram in bytes."""
    return np.asarray(np.clip(np.rint((mel - kind.silence) * LEVELS[kind]), 0, 255), np.uint8)


def unpack_mel(packed: NDArray[np.uint8], kind: MelKind) -> NDArray[np.float32]:
    """What `pack_mel` packed."""
    return packed.astype(np.float32) / np.float32(LEVELS[kind]) + np.float32(kind.silence)


def mel_name(kind: MelKind) -> str:
    """What a mel spectrogram is called among a track's arrays."""
    return f"mel{kind.rate}"


def read_tracks(archive: zipfile.ZipFile) -> Iterator[Track]:
    """The tracks of a bundle, their crops as they were stored."""
    for name in archive.namelist():
        if name.startswith(f"{TRACKS}/") and name.endswith(".json"):
            stem = name.removesuffix(".json")
            with archive.open(f"{stem}.npz") as file, np.load(file, allow_pickle=False) as arrays:
                yield _track(
                    json.loads(archive.read(name)),
                    dict(arrays),
                    _crops(archive.read(f"{stem}.mp4"), stem),
                )


def _track(
    facts: dict[str, Any], arrays: dict[str, NDArray[Any]], crops: list[NDArray[np.uint8]]
) -> Track:
    points, index = unpack_points(arrays["points"]), arrays["crop_index"]
    landmarks = np.full((int(facts["frames"]), LANDMARKS, 3), np.nan, np.float32)
    landmarks[index] = points
    pose = np.hstack([arrays["turn"], np.full((len(points), 1), STORED)]).astype(np.float32)
    return BundledTrack(
        facts["name"],
        facts["identity"],
        landmarks,
        np.zeros(0, np.int16),
        index,
        pose,
        np.zeros((len(points), 2), np.float32),
        np.concatenate(crops),
        np.cumsum([0, *map(len, crops)]),
        np.ones(len(landmarks), np.bool_),
        facts["offset"],
        {
            kind: unpack_mel(arrays[mel_name(kind)], kind)
            for kind in LEVELS
            if mel_name(kind) in arrays
        },
    )


def _crops(video: bytes, stem: str) -> list[NDArray[np.uint8]]:
    """All frames of a video as JPEGs, which unlike a video can be read in any order."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crops.mp4"
        path.write_bytes(video)
        capture, crops = cv2.VideoCapture(str(path)), []
        while (read := capture.read())[0]:
            crops.append(encode_crop(np.asarray(read[1][:, :, ::-1], np.uint8)))
    if not crops:
        raise CorruptMediaError(f"The crops of {stem} in the bundle cannot be read.")
    return crops
