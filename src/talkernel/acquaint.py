"""Who is in the picture: each shot's person is looked at for a while before they are edited.

The reference is then a wide mouth from the first frame on, and the mouth at rest known: nothing
of the picture changes when a wider mouth is seen. A live avatar cannot wait for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from talkernel.face.lips import LipBasis
from talkernel.face.person import Known, Person
from talkernel.face.stabilise import Placement
from talkernel.media import Picture

AHEAD = 50  # frames held back
HELD_BYTES = 192 * 2**20  # most memory for them


class Guest(NamedTuple):
    """A frame on its way, and who is in it, who may be seen again before it is edited."""

    picture: Picture
    placement: Placement
    person: Person | None

    def leave(self) -> tuple[Picture, Placement, Known | None]:
        """The frame, with what is known of the person now."""
        known = None if self.person is None else self.person.known
        return self.picture, self.placement, known


def acquainted(
    placed: Iterator[tuple[Picture, Placement]], size: int, basis: LipBasis | None, ahead: int
) -> Iterator[tuple[Picture, Placement, Known | None]]:
    """Add to each placed frame what is known of the person in it.

    Args:
        placed: Frames not yet edited, with their placement.
        size: Side of f's view.
        basis: What lip codes mean, where the reference is warped by them.
        ahead: Frames held back; fewer where they are large.
    """
    waiting: deque[Guest] = deque()
    person: Person | None = None
    for picture, placement in placed:
        if placement.cut or placement.crop is None:
            person = None  # what comes next may be somebody else
        if placement.crop is not None:
            assert placement.landmarks is not None
            person = person or Person(size, basis)
            person.see(picture, placement.crop, placement.landmarks)
        waiting.append(Guest(picture, placement, person))
        while len(waiting) > min(ahead, HELD_BYTES // _bytes(picture)):
            yield waiting.popleft().leave()
    for guest in waiting:
        yield guest.leave()


def _bytes(picture: Picture) -> int:
    return sum(plane.nbytes for plane in picture.planes)
