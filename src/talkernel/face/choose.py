"""Chooses whom to follow among several faces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from talkernel.choices import Box
from talkernel.errors import FaceChoiceError
from talkernel.face.detect import Detection, FaceDetector
from talkernel.face.likeness import Likeness
from talkernel.face.mesh import FaceMesh, Region
from talkernel.face.people import Embedding
from talkernel.media.frame import Picture


class Chooser(ABC):
    """Picks the face to follow.

    Attributes:
        lasting: Whether the choice means one person for the whole video. If not, a face is
            chosen anew in each shot.
        likeness: The person's embedding, if it is known before the video begins.
        reason: Why this person is chosen, in plain words.
    """

    reason = "the chosen person"
    lasting = True
    likeness: Embedding | None = None

    @abstractmethod
    def first(self, faces: Sequence[Detection]) -> Detection | None:
        """The face to start with.

        Args:
            faces: All faces of a frame, largest first.

        Returns:
            A face, or None if the chosen one is not among them.
        """


class LargestFace(Chooser):
    """The largest face: the default."""

    reason = "the largest face"
    lasting = False

    def first(self, faces: Sequence[Detection]) -> Detection | None:
        """The first one: they are sorted by size."""
        return faces[0] if faces else None


class FaceByIndex(Chooser):
    """The N-th face from the left, counted from 0, in the first frame that has as many.

    Args:
        index: N; frames before one with enough faces pass through.

    Raises:
        FaceChoiceError: N is negative.
    """

    def __init__(self, index: int) -> None:
        if index < 0:
            raise FaceChoiceError(f"--face-index {index} is negative; faces count from 0.")
        self.index = index

    def first(self, faces: Sequence[Detection]) -> Detection | None:
        """The N-th from the left, or None if there are fewer."""
        ordered = sorted(faces, key=lambda face: face.box[0] + face.box[2])
        return ordered[self.index] if self.index < len(ordered) else None


class FaceInBox(Chooser):
    """The largest face whose centre lies within a box, in the first frame that has one.

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

    def first(self, faces: Sequence[Detection]) -> Detection | None:
        """The largest in the box, or None."""
        return next((face for face in faces if self._contains(face)), None)

    def _contains(self, face: Detection) -> bool:
        top, bottom, left, right = self.box
        x, y = face.centre
        return left <= x <= right and top <= y <= bottom


class FaceLikeReference(Chooser):
    """The person in a reference picture.

    Args:
        reference: A picture of the person to follow; the largest face in it counts.

    Raises:
        FaceChoiceError: The picture shows no face.
    """

    def __init__(self, reference: Picture) -> None:
        faces = FaceDetector().detect(reference)
        if not faces:
            raise FaceChoiceError("--reference-face shows no face.")
        landmarks, _ = FaceMesh().landmarks(reference, Region.of_detection(faces[0]))
        self.likeness = Likeness().of(reference, landmarks)

    def first(self, faces: Sequence[Detection]) -> Detection | None:
        """None: the person is found by their likeness alone."""
        return None
