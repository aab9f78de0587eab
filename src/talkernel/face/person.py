"""What a shot has shown of a person: their own mouth, seen wide, and how it is at rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import LipBasis, lip_shape, mouth_opening
from talkernel.face.reference import Image, Origin, Points, Recalled, Reference
from talkernel.face.rest import Rest, told_lips

Array = NDArray[np.float32]
WIDE = 0.25  # canonical units of opening: from here on a mouth shows all that there is to see
WIDER = 0.04  # by how much a mouth must be wider to take the place of the one before


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
            told = told_lips(self.rest, code, basis, points)
        return self.reference.recalled(points, size, told)


class Person:
    """Gets to know a person, frame by frame: the first, then wider mouths until one is wide.

    Talking mouths open wide within a second or so; after that the reference stays.

    Args:
        basis: What lip codes mean, where the reference is warped by them.
    """

    def __init__(self, basis: LipBasis | None) -> None:
        self._rest = None if basis is None else Rest(basis)
        self._kept: tuple[Reference, Origin] | None = None
        self._opening = 0.0

    @staticmethod
    def of_still(view: Image, points: Points, origin: Origin, basis: LipBasis | None) -> Known:
        """All that one picture tells of somebody."""
        person = Person(basis)
        person.see(points, lambda: (Reference(view, points), origin))
        return person.known

    def see(self, landmarks: Points, taken: Callable[[], tuple[Reference, Origin]]) -> None:
        """One more frame of them.

        Args:
            landmarks: `[468, 3]`, in any pixels.
            taken: Makes a reference of the frame, which is not yet edited.
        """
        shape = lip_shape(landmarks)[None]
        if self._rest is not None:
            self._rest.see(shape)
        if self._kept is None or self._opening < WIDE:
            opening = float(mouth_opening(shape)[0])
            if self._kept is None or opening > self._opening + WIDER:
                self._kept, self._opening = taken(), opening

    @property
    def known(self) -> Known:
        """What is known of them, after one frame or more."""
        assert self._kept is not None
        return Known(*self._kept, None if self._rest is None else self._rest.shape)
