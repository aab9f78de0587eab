"""What a shot has shown of a person: their own mouth, wide and shut, and how it is at rest."""

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
from talkernel.mouth.neutral import NeutralShape, target_lips
from talkernel.mouth.reference import (
    Points,
    Reference,
    SourceFrame,
    WarpedReference,
    warp_references,
)
from talkernel.mouth.smooth_step import smooth_step

Array = NDArray[np.float32]
WIDE = 0.25  # canonical units of opening: from here on a mouth shows all that there is to see
SHUT = 0.01  # up to here it is shut
BETTER = 0.04  # by how much, in the same, a reference must be better to replace the one before
OUTLIER_COST = 0.8  # canonical units of opening that an outlier through and through is worth less
LEARNED = 50  # frames that say how the face usually looks
MIXED = (0.05, 0.2)  # target openings between which the shut mouth gives way to the wide one


class Appearance(NamedTuple):
    """What a person looks like, as a frame is made with it.

    Attributes:
        wide: Their own mouth, open.
        shut: Likewise, shut; lips that were wide apart look stretched when they are to meet.
        neutral: `[165]` their neutral shape; None where no basis tells what lip codes mean.
    """

    wide: Reference
    shut: Reference
    neutral: Array | None

    def warped(
        self, points: Points, size: int, code: Array, basis: LipBasis | None
    ) -> WarpedReference:
        """The reference as f is shown it; its lips as `code` says, where there is a `basis` for it.

        Args:
            points: `[468, 3]` landmarks of the frame's view.
            size: Side of that view.
            code: `[K]` lip code.
            basis: What it means.
        """
        if self.neutral is None or basis is None:
            return self.wide.warped(points, size)
        shape = self.neutral + basis.decode(code)
        target, opacity = target_lips(shape, points), closedness(shape)
        if opacity == 0.0 or self.shut is self.wide:
            return self.wide.warped(points, size, target)
        wide, shut = warp_references([self.wide, self.shut], points, size, target)
        if opacity == 1.0 and shut.disoccluded is not None and not shut.disoccluded.any():
            return shut  # all of it
        return wide.overlaid_by(shut, opacity)


def closedness(shape: Array) -> float:
    """How much a mouth of a shape `[165]` looks as it does when it is shut, 0 to 1."""
    least, most = MIXED
    opening = float(mouth_opening(shape[None])[0])
    return 1.0 - float(smooth_step((opening - least) / (most - least)))


class _Best:
    """The frame with the most of something, of those in which the face looks as usual."""

    def __init__(self, merit: float, seen: FaceDescriptor, reference: Reference) -> None:
        self.reference = reference
        self._merit, self._seen = merit, seen

    def beaten_by(self, merit: float, seen: FaceDescriptor, usual: FaceDescriptor) -> bool:
        """Whether a frame of some merit that looks like `seen` would be a better one."""
        kept = self._merit - OUTLIER_COST * outlier_score(self._seen, usual)
        return merit - OUTLIER_COST * outlier_score(seen, usual) > kept + BETTER


class Person:
    """Gets to know a person, frame by frame.

    References are the frame with the widest mouth and one with a shut mouth, of those in which
    the face looks as usual: no hand before it, the head not turned away, nothing blurred. What is
    usual, the first frames say.

    Args:
        size: Side of f's view.
        basis: What lip codes mean, where the reference is warped by them.
    """

    def __init__(self, size: int, basis: LipBasis | None) -> None:
        self._size, self._neutral = size, None if basis is None else NeutralShape(basis)
        self._best: list[_Best | None] = [None, None]  # the widest, the most shut
        self._usual: FaceDescriptor | None = None
        self._learned = 0

    def update(self, picture: Picture, crop: Crop, landmarks: Points) -> Person:
        """Take one more frame of them into account.

        Args:
            picture: The frame, not yet edited.
            crop: Where f would look.
            landmarks: `[468, 3]` in the frame's pixels.
        """
        shape = lip_shape(landmarks)[None]
        if self._neutral is not None:
            self._neutral.update(shape)
        opening = float(mouth_opening(shape)[0])
        merits = min(WIDE, opening), -max(SHUT, opening)
        usual = self._usual
        if usual is None or self._learned < LEARNED or any(self._better(merits, usual, usual)):
            seen = describe_face(picture, crop, landmarks)
            usual = self._learn(seen)
            better = self._better(merits, seen, usual)
            if any(better):
                taken = self._taken(picture, crop, landmarks)
                self._best = [
                    _Best(merit, seen, taken) if wins else best
                    for best, merit, wins in zip(self._best, merits, better, strict=True)
                ]
        return self

    @property
    def appearance(self) -> Appearance:
        """What is known of them, after one frame or more."""
        wide, shut = (best.reference for best in self._best if best is not None)
        return Appearance(wide, shut, None if self._neutral is None else self._neutral.shape)

    def _learn(self, seen: FaceDescriptor) -> FaceDescriptor:
        """How they usually look, this frame among it while there are few."""
        if self._usual is None or self._learned < LEARNED:
            self._learned += 1
            usual = self._usual or seen
            self._usual = usual.mixed(seen, 1.0 / self._learned)
        return self._usual

    def _better(
        self, merits: tuple[float, float], seen: FaceDescriptor, usual: FaceDescriptor
    ) -> list[bool]:
        """Whether a frame that looks like `seen` would be a better one to show each mouth."""
        return [
            best is None or best.beaten_by(merit, seen, usual)
            for best, merit in zip(self._best, merits, strict=True)
        ]

    def _taken(self, picture: Picture, crop: Crop, landmarks: Points) -> Reference:
        view, points = crop_view(picture, crop, self._size), crop.to_view(landmarks, self._size)
        return Reference(view, points, SourceFrame.of(picture, crop.from_view(self._size)))
