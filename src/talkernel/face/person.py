"""What a shot has shown of a person: their own mouth, seen wide, and how it is at rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.cover import cut
from talkernel.face.crop import Crop
from talkernel.face.glance import glance, oddness
from talkernel.face.lips import LipBasis, lip_shape, mouth_opening
from talkernel.face.reference import Origin, Points, Recalled, Reference
from talkernel.face.rest import Rest, told_lips
from talkernel.media import Picture

Array = NDArray[np.float32]
WIDE = 0.25  # canonical units of opening: from here on a mouth shows all that there is to see
BETTER = 0.04  # by how much, in the same, a reference must be better to replace the one before
ODD = 0.8  # canonical units of opening that a glance which is odd through and through costs
LEARNED = 50  # frames that say how the face usually looks


class Known(NamedTuple):
    """A person as a frame is made with them.

    Attributes:
        reference: Their own mouth.
        origin: The frame it was seen in.
        rest: `[165]` their neutral shape; None where no basis tells what lip codes mean.
    """

    reference: Reference
    origin: Origin
    rest: Array | None

    def recalled(self, points: Points, size: int, code: Array, basis: LipBasis | None) -> Recalled:
        """The reference as f is shown it; warped as `code` says, where there is a `basis` for it.

        Args:
            points: `[468, 3]` landmarks of the frame's view.
            size: Side of that view.
            code: `[K]` lip code.
            basis: What it means.
        """
        told = None
        if self.rest is not None and basis is not None:
            told = told_lips(self.rest + basis.decode(code), points)
        return self.reference.recalled(points, size, told)


class _Kept(NamedTuple):
    """The best frame so far: how far its mouth is open, up to `WIDE`, and how it looks."""

    opening: float
    seen: Array
    reference: Reference
    origin: Origin


class Person:
    """Gets to know a person, frame by frame.

    The reference is the frame with the widest mouth of those in which the face looks as usual:
    no hand before it, the head not turned away. What is usual, the first frames say.

    Args:
        size: Side of f's view.
        basis: What lip codes mean, where the reference is warped by them.
    """

    def __init__(self, size: int, basis: LipBasis | None) -> None:
        self._size, self._rest = size, None if basis is None else Rest(basis)
        self._kept: _Kept | None = None
        self._usual, self._learned = np.zeros(1, np.float32), 0

    def see(self, picture: Picture, crop: Crop, landmarks: Points) -> Person:
        """One more frame of them.

        Args:
            picture: The frame, not yet edited.
            crop: Where f would look.
            landmarks: `[468, 3]` in the frame's pixels.
        """
        shape = lip_shape(landmarks)[None]
        if self._rest is not None:
            self._rest.see(shape)
        opening = min(WIDE, float(mouth_opening(shape)[0]))
        if self._learned < LEARNED or self._better(opening, self._usual):
            seen = glance(picture, crop, landmarks)
            self._learn(seen)
            if self._better(opening, seen):
                self._kept = _Kept(opening, seen, *self._taken(picture, crop, landmarks))
        return self

    @property
    def known(self) -> Known:
        """What is known of them, after one frame or more."""
        assert self._kept is not None
        rest = None if self._rest is None else self._rest.shape
        return Known(self._kept.reference, self._kept.origin, rest)

    def _learn(self, seen: Array) -> None:
        if self._learned < LEARNED:
            self._learned += 1
            self._usual = self._usual + (seen - self._usual) / np.float32(self._learned)

    def _better(self, opening: float, seen: Array) -> bool:
        """Whether a frame would be a better reference than the one that is kept."""
        if self._kept is None:
            return True
        kept = self._kept.opening - ODD * oddness(self._kept.seen, self._usual)
        return opening - ODD * oddness(seen, self._usual) > kept + BETTER

    def _taken(self, picture: Picture, crop: Crop, landmarks: Points) -> tuple[Reference, Origin]:
        view, points = cut(picture, crop, self._size), crop.to_view(landmarks, self._size)
        return Reference(view, points), Origin(picture, crop.from_view(self._size)).kept()
