"""A prepared track: one person talking in one shot, with landmarks, sound and face crops."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.errors import DataError
from talkernel.face.crop import mouth_centre
from talkernel.face.lips import lip_shape, neutral_shape
from talkernel.face.pose import HeadPose
from talkernel.files.atomic import write_text
from talkernel.lab.tracks.shard import Sample, read_shard, write_shard
from talkernel.speech.mel import MelKind, mel_spectrogram

Array = NDArray[np.float32]
FPS = 25
STORED = 304  # side in pixels of a stored crop: 304 / 256 of the network's crop, so views can shift
QUALITY = 93  # of the stored JPEGs
LIST = "shards.json"  # lists the complete shards by split; written after them


@dataclass(frozen=True)
class Track:
    """One person talking, at 25 frames a second.

    Attributes:
        name: Unique among all tracks.
        identity: Name of the person.
        landmarks: `[T, 468, 3]` in video pixels; NaN where no face was found.
        wave: `[n]` int16 at 16 kHz, starting with the first frame.
        crop_index: `[N]` frame number of each stored crop.
        crop_pose: `[N, 4]` yaw, pitch, roll in radians and crop side in video pixels.
        crop_corner: `[N, 2]` upper left corner of the crop in video pixels.
        jpeg: The crops' JPEG bytes, concatenated.
        offsets: `[N + 1]` position of each crop's first byte in `jpeg`.
        speech: `[T]` whether there is speech in the frame.
        offset: Frames by which the picture lags behind its sound.
    """

    name: str
    identity: str
    landmarks: Array
    wave: NDArray[np.int16]
    crop_index: NDArray[np.int64]
    crop_pose: Array
    crop_corner: Array
    jpeg: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    speech: NDArray[np.bool_]
    offset: int = 0

    @staticmethod
    def of(name: str, identity: str, arrays: Mapping[str, NDArray[Any]], offset: int = 0) -> Track:
        """Build a track from arrays named like its attributes; see `ARRAYS`."""
        landmarks, wave, index, pose, corner, jpeg, offsets, speech = (arrays[a] for a in ARRAYS)
        return Track(
            name, identity, landmarks, wave, index, pose, corner, jpeg, offsets, speech, offset
        )

    @cached_property
    def has_face(self) -> NDArray[np.bool_]:
        """`[T]` whether a face was found."""
        return ~np.isnan(self.landmarks[:, 0, 0])

    @cached_property
    def crop_points(self) -> Array:
        """`[N, 468, 3]` landmarks in crop pixels."""
        corner = np.pad(self.crop_corner, ((0, 0), (0, 1)))[:, None]
        scale = self.crop_pose[:, 3, None, None] / STORED
        return np.asarray((self.landmarks[self.crop_index] - corner) / scale, np.float32)

    @cached_property
    def crop_mouth(self) -> NDArray[np.float64]:
        """`[2]` centre of lips and jaw at rest in crop pixels: the median of about 8 crops."""
        some = self.crop_points[:: max(1, len(self.crop_index) // 8)]
        return np.asarray(np.median([mouth_centre(HeadPose.fit(p)) for p in some], axis=0))

    def view_middle(self, narrow: bool) -> NDArray[np.float64]:
        """Centre `[2]` of the generator's view, in crop pixels.

        Args:
            narrow: Whether the view shows the mouth only, not the whole crop.
        """
        return self.crop_mouth if narrow else np.full(2, STORED / 2)

    @cached_property
    def shapes(self) -> Array:
        """Lip shapes `[T, 165]`; frames without a face repeat the neutral shape."""
        found = np.stack([lip_shape(points) for points in self.landmarks[self.has_face]])
        shapes = np.tile(neutral_shape(found), (len(self.landmarks), 1))
        shapes[self.has_face] = found
        return shapes

    @cached_property
    def deviations(self) -> Array:
        """Lip shapes minus the person's neutral shape, `[T, 165]`."""
        return self.shapes - neutral_shape(self.shapes[self.has_face])

    @property
    def sound(self) -> Array:
        """The wave `[n]` as float32 in [-1, 1]."""
        return self.wave.astype(np.float32) / 32768.0

    def mel_of(self, kind: MelKind) -> Array:
        """Mel spectrogram of the sound, `[80, columns]`."""
        return mel_spectrogram(self.sound, kind)

    def crop(self, number: int) -> NDArray[np.uint8]:
        """Decode stored crop `number`: RGB `[304, 304, 3]`."""
        start, end = self.offsets[number : number + 2]
        image = cv2.imdecode(self.jpeg[start:end], cv2.IMREAD_COLOR_RGB)
        assert image is not None
        return np.asarray(image, np.uint8)


def encode_crop(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Encode a crop as JPEG bytes `[n]`, without chroma subsampling: lips differ in colour most."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    _, jpeg = cv2.imencode(".jpg", rgb[:, :, ::-1], options)
    return np.asarray(jpeg.ravel(), np.uint8)


ARRAYS = (
    "landmarks",
    "wave",
    "crop_index",
    "crop_pose",
    "crop_corner",
    "jpeg",
    "offsets",
    "speech",
)


def load_tracks(folder: Path, split: str) -> list[Track]:
    """All tracks of a split, sorted by name. Their arrays are memory-mapped, not read.

    Args:
        folder: Written by `talkernel prepare` or `write_tracks`.
        split: `train`, `val` or `test`.

    Raises:
        DataError: The folder holds no tracks.
    """
    listed = _listed(folder)
    tracks = [
        Track.of(meta["name"], meta["identity"], arrays, meta["offset"])
        for name in listed.get(split, [])
        for meta, arrays in read_shard(folder / name, ARRAYS)
    ]
    return sorted(tracks, key=lambda track: track.name)


def write_tracks(folder: Path, split: str, tracks: Sequence[Track]) -> None:
    """Write tracks for `load_tracks`, without the index and report that `prepare` adds.

    Args:
        folder: Created if missing; its other splits are kept.
        split: `train`, `val` or `test`; replaced if it exists.
        tracks: Their names must be unique and contain no dot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shard = f"{split}-00000.tar"
    write_shard(folder / shard, (sample_of(track) for track in tracks))
    others = json.loads((folder / LIST).read_text()) if (folder / LIST).exists() else {}
    write_list(folder, others | {split: [shard]})


def write_list(folder: Path, listed: Mapping[str, Sequence[str]]) -> None:
    """Write the list of shards per split. `load_tracks` ignores shards that are not listed."""
    write_text(folder / LIST, json.dumps(listed, indent=1))


def sample_of(track: Track, **facts: Any) -> Sample:
    """A track as a sample of a shard, with further values for its JSON part."""
    meta = {"name": track.name, "identity": track.identity, "offset": track.offset}
    return meta | facts, {name: getattr(track, name) for name in ARRAYS}


def _listed(folder: Path) -> dict[str, list[str]]:
    try:
        listed: dict[str, list[str]] = json.loads((folder / LIST).read_text())
    except FileNotFoundError:
        raise DataError(
            f"{folder} holds no prepared tracks.", remedy="Make some with `talkernel prepare`."
        ) from None
    return listed


def sampling_probabilities(identities: Sequence[str], counts: Sequence[int]) -> NDArray[np.float64]:
    """Probability of drawing each track.

    A person's probability grows with the square root of their number of frames, so that people
    with much material do not dominate. Within a person, it is proportional to the frames.

    Args:
        identities: The person of each track.
        counts: Frames of each track.
    """
    frames: dict[str, int] = {}
    for identity, count in zip(identities, counts, strict=True):
        frames[identity] = frames.get(identity, 0) + count
    weights = [n / np.sqrt(frames[i]) for i, n in zip(identities, counts, strict=True)]
    return np.asarray(np.array(weights) / np.sum(weights), np.float64)
