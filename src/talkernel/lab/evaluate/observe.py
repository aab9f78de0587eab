"""What is measured of a video once, whatever is asked of it later."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkernel.errors import NoFaceError
from talkernel.face.lips import lip_shape, mouth_opening
from talkernel.face.mesh import LANDMARKS
from talkernel.face.pose import HeadPose
from talkernel.face.track import FaceTracker
from talkernel.lab.evaluate.dlib_face import landmarks68
from talkernel.media import Picture, open_face

Array = NDArray[np.float32]
_NO_POINTS = np.full((68, 2), np.nan, np.float32)


@dataclass(frozen=True)
class Seen:
    """A video's faces.

    Attributes:
        path: The file.
        fps: Its frames a second.
        size: Its width and height in pixels.
        mesh: `[T, 468, 3]` face mesh in frame pixels; NaN where no face is seen.
        points: `[T, 68, 2]` dlib's landmarks in frame pixels; NaN likewise.
    """

    path: Path
    fps: Fraction
    size: tuple[int, int]
    mesh: Array
    points: Array

    def __len__(self) -> int:
        """Frames."""
        return len(self.mesh)

    @cached_property
    def has_face(self) -> NDArray[np.bool_]:
        """`[T]` whether a face is seen."""
        return ~np.isnan(self.mesh[:, 0, 0])

    @cached_property
    def opening(self) -> Array:
        """Mouth opening of every frame `[T]` in canonical units; NaN where no face is seen."""
        opening = np.full(len(self), np.nan, np.float32)
        shapes = [lip_shape(points) for points in self.mesh[self.has_face]]
        opening[self.has_face] = mouth_opening(np.stack(shapes))
        return opening

    def poses(self) -> dict[int, HeadPose]:
        """Head pose of every frame that has a face."""
        return {int(t): HeadPose.fit(self.mesh[t]) for t in np.flatnonzero(self.has_face)}


def observe(video: Path, *, dlib: bool = True) -> Seen:
    """Follow the face of a video and find its landmarks.

    Args:
        video: The file.
        dlib: Also find dlib's landmarks, which need the extra `eval`; they stay NaN otherwise.

    Raises:
        NoFaceError: No frame shows one.
    """
    source, tracker = open_face(video), FaceTracker()
    found = [_look(tracker, picture, dlib) for picture in source.frames()]
    mesh, points = (np.stack(part) for part in zip(*found, strict=True))
    seen = Seen(video, source.fps, (source.width, source.height), mesh, points)
    if not seen.has_face.any():
        raise NoFaceError(f"No face in {video}.")
    return seen


def _look(tracker: FaceTracker, picture: Picture, dlib: bool) -> tuple[Array, Array]:
    face = tracker.update(picture).face
    if face is None:
        return np.full((LANDMARKS, 3), np.nan, np.float32), _NO_POINTS
    return face.landmarks, landmarks68(picture.to_rgb(), face.pose) if dlib else _NO_POINTS
