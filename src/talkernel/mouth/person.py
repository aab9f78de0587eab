"""Learns a person's appearance from a track: an open and a closed mouth, and the neutral shape."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import Crop
from talkernel.face.lips import lip_shape, mouth_opening
from talkernel.face.view import crop_view
from talkernel.media import Picture
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.descriptor import FaceDescriptor, describe_face, outlier_score
from talkernel.mouth.light import Light, fit_light, sample_skin, steadied
from talkernel.mouth.neutral import NeutralShape, target_lips
from talkernel.mouth.reference import (
    Points,
    Reference,
    SourceFrame,
    WarpedReference,
    warp_references,
)
from talkernel.mouth.region import smooth_step

Array = NDArray[np.float32]
# Openings and gains in canonical units.
OPEN = 0.25  # a wider mouth shows nothing more
CLOSED = 0.01  # up to here a mouth counts as closed
MIN_GAIN = 0.04  # by which a reference must score higher to replace the one before
OUTLIER_COST = 0.8  # of an outlier score of 1
LEARNED = 50  # frames that define how the face usually looks
FADE_RANGE = (0.05, 0.2)  # target openings over which the closed mouth fades to the open one


class Appearance(NamedTuple):
    """A person's appearance, from which their mouth is drawn.

    Attributes:
        open: A view with their mouth open.
        closed: A view with it closed: lips from an open mouth look stretched when they close.
        neutral: `[165]` their neutral shape; None if the model's references are not warped.
        skin: Skin samples of the frame to be edited, see `sample_skin`; None: it has the
            references' light.
    """

    open: Reference
    closed: Reference
    neutral: Array | None
    skin: Array | None = None

    def warped(
        self, points: Points, size: int, code: Array, basis: LipBasis | None
    ) -> WarpedReference:
        """The reference for one frame, its lips moved to the target of a lip code.

        Args:
            points: `[468, 3]` landmarks of the frame's view.
            size: Side of that view.
            code: `[K]` lip code.
            basis: Decodes the lip code; None: the lips are not moved.
        """
        if self.neutral is None or basis is None:
            return self.open.warped(points, size, None, self._light(self.open))
        shape = self.neutral + basis.decode(code)
        target, opacity = target_lips(shape, points), closedness(shape)
        if opacity == 0.0 or self.closed is self.open:
            return self.open.warped(points, size, target, self._light(self.open))
        both = [self.open, self.closed]
        lights = [self._light(reference) for reference in both]
        opened, closed = warp_references(both, points, size, target, lights)
        if opacity == 1.0 and closed.disoccluded is not None and not closed.disoccluded.any():
            return closed  # it would cover the open one completely
        return opened.overlaid_by(closed, opacity)

    def _light(self, reference: Reference) -> Light | None:
        """The map from a reference's light to that of the frame to be edited."""
        if self.skin is None or reference.skin is None or reference.source is None:
            return None
        return fit_light(reference.skin, self.skin, reference.source.layout)


def closedness(shape: Array) -> float:
    """How closed the mouth of a shape `[165]` is, 0 to 1."""
    least, most = FADE_RANGE
    opening = float(mouth_opening(shape[None])[0])
    return 1.0 - float(smooth_step((opening - least) / (most - least)))


class _BestFrame(NamedTuple):
    """The frame that serves best as one of the references so far.

    Attributes:
        score: How open or how closed its mouth is; higher is better.
        descriptor: How its face looks.
        reference: The reference made from it.
    """

    score: float
    descriptor: FaceDescriptor
    reference: Reference

    def loses_to(self, score: float, descriptor: FaceDescriptor, usual: FaceDescriptor) -> bool:
        """Whether another frame is better by a margin, outliers penalised in both."""
        own = self.score - OUTLIER_COST * outlier_score(self.descriptor, usual)
        return score - OUTLIER_COST * outlier_score(descriptor, usual) > own + MIN_GAIN


class Person:
    """Learns a person's appearance frame by frame.

    The references are the frame with the most open mouth and one with a closed mouth, among those
    in which the face looks as usual: not covered by a hand, not turned away, not blurred. The
    first frames define what is usual.

    Args:
        size: Side of the generator's view.
        basis: Decodes lip codes, if the model warps its reference by them.
    """

    def __init__(self, size: int, basis: LipBasis | None) -> None:
        self._size, self._neutral = size, None if basis is None else NeutralShape(basis)
        self._best: list[_BestFrame | None] = [None, None]  # for open and for closed
        self._usual: FaceDescriptor | None = None
        self._learned = 0
        self._skin: Array | None = None

    def update(self, picture: Picture, crop: Crop, landmarks: Points) -> Person:
        """Learn from one more frame.

        Args:
            picture: The unedited frame.
            crop: The generator's crop.
            landmarks: `[468, 3]` in the frame's pixels.

        Returns:
            The person.
        """
        shape = lip_shape(landmarks)[None]
        if self._neutral is not None:
            self._neutral.update(shape)
        opening = float(mouth_opening(shape)[0])
        scores = min(OPEN, opening), -max(CLOSED, opening)
        if self._may_improve(scores):
            self._compare(picture, crop, landmarks, scores)
        return self

    def light(self, picture: Picture, landmarks: Points) -> Array:
        """Skin samples of the next frame, steadied over time; see `sample_skin`."""
        self._skin = steadied(self._skin, sample_skin(picture, landmarks))
        return self._skin

    @property
    def appearance(self) -> Appearance:
        """The appearance learned so far, after at least one frame."""
        opened, closed = (best.reference for best in self._best if best is not None)
        return Appearance(opened, closed, None if self._neutral is None else self._neutral.shape)

    def _may_improve(self, scores: tuple[float, float]) -> bool:
        """Whether the frame is worth describing: it defines the usual face, or could be better."""
        usual = self._usual
        if usual is None or self._learned < LEARNED:
            return True
        return any(self._better(scores, usual, usual))

    def _compare(
        self, picture: Picture, crop: Crop, landmarks: Points, scores: tuple[float, float]
    ) -> None:
        """Make the frame a reference where it is better than the best one so far."""
        descriptor = describe_face(picture, crop, landmarks)
        better = self._better(scores, descriptor, self._learn(descriptor))
        if not any(better):
            return
        reference = self._reference(picture, crop, landmarks)
        self._best = [
            _BestFrame(score, descriptor, reference) if wins else best
            for best, score, wins in zip(self._best, scores, better, strict=True)
        ]

    def _learn(self, descriptor: FaceDescriptor) -> FaceDescriptor:
        """The usual face: the mean of the first frames."""
        if self._usual is None or self._learned < LEARNED:
            self._learned += 1
            usual = self._usual or descriptor
            self._usual = usual.mixed(descriptor, 1.0 / self._learned)
        return self._usual

    def _better(
        self, scores: tuple[float, float], descriptor: FaceDescriptor, usual: FaceDescriptor
    ) -> list[bool]:
        """Whether a frame is a better open and a better closed reference."""
        return [
            best is None or best.loses_to(score, descriptor, usual)
            for best, score in zip(self._best, scores, strict=True)
        ]

    def _reference(self, picture: Picture, crop: Crop, landmarks: Points) -> Reference:
        view, points = crop_view(picture, crop, self._size), crop.to_view(landmarks, self._size)
        source = SourceFrame.of(picture, crop.from_view(self._size))
        return Reference(view, points, source, sample_skin(picture, landmarks))
