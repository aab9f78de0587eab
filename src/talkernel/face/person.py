"""What a shot has shown of a person: their own mouth, wide and shut, and how it is at rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.cover import cut
from talkernel.face.crop import Crop
from talkernel.face.glance import Glance, glance, oddness
from talkernel.face.lips import LipBasis, lip_shape, mouth_opening
from talkernel.face.reference import Origin, Points, Recalled, Reference, recalled
from talkernel.face.rest import Rest, told_lips
from talkernel.media import Picture
from talkernel.smooth_step import smooth_step

Array = NDArray[np.float32]
WIDE = 0.25  # canonical units of opening: from here on a mouth shows all that there is to see
SHUT = 0.01  # up to here it is shut
BETTER = 0.04  # by how much, in the same, a reference must be better to replace the one before
ODD = 0.8  # canonical units of opening that a glance which is odd through and through costs
LEARNED = 50  # frames that say how the face usually looks
MIXED = (0.05, 0.2)  # openings told, between which the shut mouth gives way to the wide one


class Known(NamedTuple):
    """A person as a frame is made with them.

    Attributes:
        wide: Their own mouth, open.
        shut: Likewise, shut; lips that were wide apart look stretched when they are told to meet.
        rest: `[165]` their neutral shape; None where no basis tells what lip codes mean.
    """

    wide: Reference
    shut: Reference
    rest: Array | None

    def recalled(self, points: Points, size: int, code: Array, basis: LipBasis | None) -> Recalled:
        """The reference as f is shown it; warped as `code` says, where there is a `basis` for it.

        Args:
            points: `[468, 3]` landmarks of the frame's view.
            size: Side of that view.
            code: `[K]` lip code.
            basis: What it means.
        """
        if self.rest is None or basis is None:
            return self.wide.recalled(points, size)
        shape = self.rest + basis.decode(code)
        told, share = told_lips(shape, points), share_of_shut(shape)
        if share == 0.0 or self.shut is self.wide:
            return self.wide.recalled(points, size, told)
        wide, shut = recalled([self.wide, self.shut], points, size, told)
        if share == 1.0 and shut.unseen is not None and not shut.unseen.any():
            return shut  # all of it
        return wide.under(shut, share)


def share_of_shut(shape: Array) -> float:
    """How much of a mouth told a shape `[165]` looks as it does when it is shut, 0 to 1."""
    least, most = MIXED
    opening = float(mouth_opening(shape[None])[0])
    return 1.0 - float(smooth_step((opening - least) / (most - least)))


class _Best:
    """The frame with the most of something, of those in which the face looks as usual."""

    def __init__(self, merit: float, seen: Glance, reference: Reference) -> None:
        self.reference = reference
        self._merit, self._seen = merit, seen

    def beaten_by(self, merit: float, seen: Glance, usual: Glance) -> bool:
        """Whether a frame of some merit that looks like `seen` would be a better one."""
        kept = self._merit - ODD * oddness(self._seen, usual)
        return merit - ODD * oddness(seen, usual) > kept + BETTER


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
        self._size, self._rest = size, None if basis is None else Rest(basis)
        self._best: list[_Best | None] = [None, None]  # the widest, the most shut
        self._usual: Glance | None = None
        self._learned = 0

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
        opening = float(mouth_opening(shape)[0])
        merits = min(WIDE, opening), -max(SHUT, opening)
        usual = self._usual
        if usual is None or self._learned < LEARNED or any(self._better(merits, usual, usual)):
            seen = glance(picture, crop, landmarks)
            usual = self._learn(seen)
            better = self._better(merits, seen, usual)
            if any(better):
                taken = self._taken(picture, crop, landmarks)
                self._best = [_Best(merit, seen, taken) if wins else best for best, merit, wins
                              in zip(self._best, merits, better, strict=True)]  # fmt: skip
        return self

    @property
    def known(self) -> Known:
        """What is known of them, after one frame or more."""
        wide, shut = (best.reference for best in self._best if best is not None)
        return Known(wide, shut, None if self._rest is None else self._rest.shape)

    def _learn(self, seen: Glance) -> Glance:
        """How they usually look, this glance among it while there are few."""
        if self._usual is None or self._learned < LEARNED:
            self._learned += 1
            usual = self._usual or seen
            self._usual = usual.mixed(seen, 1.0 / self._learned)
        return self._usual

    def _better(self, merits: tuple[float, float], seen: Glance, usual: Glance) -> list[bool]:
        """Whether a frame that looks like `seen` would be a better one to show each mouth."""
        return [best is None or best.beaten_by(merit, seen, usual)
                for best, merit in zip(self._best, merits, strict=True)]  # fmt: skip

    def _taken(self, picture: Picture, crop: Crop, landmarks: Points) -> Reference:
        view, points = cut(picture, crop, self._size), crop.to_view(landmarks, self._size)
        return Reference(view, points, Origin.of(picture, crop.from_view(self._size)))
