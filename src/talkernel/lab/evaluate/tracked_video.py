"""Tracks the face through a video once, for all metrics; pairs the frames of two videos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkernel.errors import DataError, NoFaceError
from talkernel.face.lips import lip_shape, mouth_opening
from talkernel.face.mesh import LANDMARKS
from talkernel.face.pose import HeadPose
from talkernel.face.track import FaceTracker
from talkernel.lab.evaluate.dlib_face import landmarks68
from talkernel.media import Picture, open_face

SHORTEST = 0.8  # fraction of the longer video that the shorter must cover
Array = NDArray[np.float32]
Pair = tuple[int, int]
_NO_POINTS = np.full((68, 2), np.nan, np.float32)


@dataclass(frozen=True)
class TrackedVideo:
    """A video and its face in every frame.

    Attributes:
        path: The file.
        fps: Its frames a second.
        size: Its width and height in pixels.
        mesh: `[T, 468, 3]` face mesh in frame pixels; NaN where no face is found.
        points: `[T, 68, 2]` dlib's landmarks in frame pixels; NaN likewise.
    """

    path: Path
    fps: Fraction
    size: tuple[int, int]
    mesh: Array
    points: Array

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.mesh)

    @cached_property
    def has_face(self) -> NDArray[np.bool_]:
        """`[T]` whether a face is found."""
        return ~np.isnan(self.mesh[:, 0, 0])

    @cached_property
    def opening(self) -> Array:
        """Mouth opening of every frame `[T]` in canonical units; NaN where no face is found."""
        opening = np.full(len(self), np.nan, np.float32)
        shapes = [lip_shape(points) for points in self.mesh[self.has_face]]
        opening[self.has_face] = mouth_opening(np.stack(shapes))
        return opening

    def poses(self) -> dict[int, HeadPose]:
        """Head pose of every frame that has a face."""
        return {int(t): HeadPose.fit(self.mesh[t]) for t in np.flatnonzero(self.has_face)}


def track_video(video: Path, *, dlib: bool = True) -> TrackedVideo:
    """Track the face through a video and find its landmarks.

    Args:
        video: The file.
        dlib: Also find dlib's landmarks, which need the extra `eval`; they stay NaN otherwise.

    Raises:
        NoFaceError: No frame shows a face.
    """
    source, tracker = open_face(video), FaceTracker()
    found = [_landmarks(tracker, picture, dlib) for picture in source.frames()]
    mesh, points = (np.stack(part) for part in zip(*found, strict=True))
    tracked = TrackedVideo(video, source.fps, (source.width, source.height), mesh, points)
    if not tracked.has_face.any():
        raise NoFaceError(f"No face in {video}.")
    return tracked


def _landmarks(tracker: FaceTracker, picture: Picture, dlib: bool) -> tuple[Array, Array]:
    face = tracker.update(picture).face
    if face is None:
        return np.full((LANDMARKS, 3), np.nan, np.float32), _NO_POINTS
    return face.landmarks, landmarks68(picture.to_rgb(), face.pose) if dlib else _NO_POINTS


def frame_pairs(video: TrackedVideo, real: TrackedVideo) -> list[Pair]:
    """Numbers of the frames of `video` and `real` that are shown at the same time.

    One pair per frame of `real`, as long as both last. At equal rates frame k belongs to frame
    k; otherwise the frame shown in the middle of the real one's time is taken.

    Raises:
        DataError: The shorter covers less than 80 % of the longer.
    """
    seconds = [float(len(each) / each.fps) for each in (video, real)]
    if min(seconds) < SHORTEST * max(seconds):
        raise DataError(
            f"{video.path} lasts {seconds[0]:.2f} s and {real.path} {seconds[1]:.2f} s.",
            remedy="Give videos of the same length.",
        )
    pairs = [(int((j + 0.5) * video.fps / real.fps), j) for j in range(len(real))]
    return [(i, j) for i, j in pairs if i < len(video)]


def paired_pictures(
    video: TrackedVideo, real: TrackedVideo, pairs: list[Pair]
) -> Iterator[tuple[Pair, Picture, Picture]]:
    """The pictures of each pair, `video`'s first; only one pair is in memory at a time."""
    pictures, number, current = open_face(video.path).frames(), -1, None
    for (i, j), real_picture in zip(pairs, open_face(real.path).frames(), strict=False):
        while number < i:
            current, number = next(pictures), number + 1
        assert current is not None
        yield (i, j), current, real_picture
