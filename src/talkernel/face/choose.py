"""Chooses which of several faces to follow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.choices import Box
from talkernel.errors import FaceChoiceError
from talkernel.face.detect import Detection, FaceDetector
from talkernel.face.mesh import FaceMesh, Region
from talkernel.media.frame import Picture
from talkernel.media.sample import warp_rgb


class Chooser(ABC):
    """Picks a face when tracking starts or restarts."""

    def choose(
        self, picture: Picture, faces: Sequence[Detection], last_seen: Region | None
    ) -> Detection | None:
        """The face to follow.

        Args:
            picture: The frame.
            faces: All faces in it, largest first.
            last_seen: Where the face was when this shot lost it; a face still there is preferred.

        Returns:
            A face, or None when the chosen one is not in this frame.
        """
        if not faces:
            return None
        if last_seen is not None:
            nearest = min(faces, key=lambda face: _distance(face, last_seen))
            if _distance(nearest, last_seen) < 1.0:
                return nearest
        return self.first(picture, faces)

    @abstractmethod
    def first(self, picture: Picture, faces: Sequence[Detection]) -> Detection | None:
        """The face to start with, among one or more, largest first."""


class LargestFace(Chooser):
    """The largest face: the default."""

    def first(self, picture: Picture, faces: Sequence[Detection]) -> Detection | None:
        """The first one: they are sorted by size."""
        return faces[0]


class FaceByIndex(Chooser):
    """The N-th face from the left, counted from 0.

    Args:
        index: N; a frame with fewer faces passes through.

    Raises:
        FaceChoiceError: N is negative.
    """

    def __init__(self, index: int) -> None:
        if index < 0:
            raise FaceChoiceError(f"--face-index {index} is negative; faces count from 0.")
        self.index = index

    def first(self, picture: Picture, faces: Sequence[Detection]) -> Detection | None:
        """The N-th from the left, or None if there are fewer."""
        ordered = sorted(faces, key=lambda face: face.box[0] + face.box[2])
        return ordered[self.index] if self.index < len(ordered) else None


class FaceInBox(Chooser):
    """The largest face whose centre lies within a box.

    Args:
        box: Top, bottom, left, right in pixels.
        width: Width of the frame.
        height: Height of the frame.

    Raises:
        FaceChoiceError: The box is empty or reaches outside the frame.
    """

    def __init__(self, box: Box, width: int, height: int) -> None:
        top, bottom, left, right = box
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise FaceChoiceError(
                f"--box {top},{bottom},{left},{right} is not within the {width}x{height} picture "
                "(top,bottom,left,right)."
            )
        self.box = box

    def first(self, picture: Picture, faces: Sequence[Detection]) -> Detection | None:
        """The largest in the box, or None."""
        return next((face for face in faces if self._contains(face)), None)

    def _contains(self, face: Detection) -> bool:
        top, bottom, left, right = self.box
        x, y = _centre(face)
        return left <= x <= right and top <= y <= bottom


class FaceLikeReference(Chooser):
    """The face that looks most like the one in a reference picture.

    Upright views of equal size are compared, in grey and in coarse colours. That is enough to
    tell the people of one video apart, not to recognise them elsewhere.

    Args:
        reference: A picture of the person to follow.

    Raises:
        FaceChoiceError: The picture shows no face.
    """

    def __init__(self, reference: Picture) -> None:
        faces = FaceDetector().detect(reference)
        if not faces:
            raise FaceChoiceError("--reference-face shows no face.")
        self._mesh = FaceMesh()
        self._target = _appearance(self._mesh, reference, faces[0])

    def first(self, picture: Picture, faces: Sequence[Detection]) -> Detection | None:
        """The one most similar to the reference."""
        return max(faces, key=lambda face: self._similarity(picture, face))

    def _similarity(self, picture: Picture, face: Detection) -> float:
        return float(_appearance(self._mesh, picture, face) @ self._target)


def _appearance(mesh: FaceMesh, picture: Picture, face: Detection) -> NDArray[np.float32]:
    """A unit vector that describes an upright view of a face, cropped to its outline."""
    landmarks, _ = mesh.landmarks(picture, Region.of_detection(face))
    view = warp_rgb(picture, Region.of_landmarks(landmarks).affine(), 192)[32:160, 32:160]
    small = cv2.resize(view, (24, 24), interpolation=cv2.INTER_AREA).astype(np.float32)
    coarse = cv2.resize(small, (4, 4), interpolation=cv2.INTER_AREA)
    grey, colour = small.mean(2).ravel(), (coarse - coarse.mean()).ravel()
    return _unit(np.concatenate([_unit(grey - grey.mean()), _unit(colour)]))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-9), np.float32)


def _centre(face: Detection) -> tuple[float, float]:
    left, top, right, bottom = face.box
    return (left + right) / 2, (top + bottom) / 2


def _distance(face: Detection, region: Region) -> float:
    """Distance of a face from a region, in units of the region's side."""
    x, y = _centre(face)
    return float(np.hypot(x - region.centre[0], y - region.centre[1]) / region.side)
