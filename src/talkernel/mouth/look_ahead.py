"""What a person looks like: each shot is looked at for a while before its frames are edited.

The reference is then a wide mouth from the first frame on, and the mouth at rest known: nothing
of the picture changes when a wider mouth is seen. A live avatar cannot wait for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from talkernel.face.stabilise import Placement
from talkernel.media import Picture
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.person import Appearance, Person

LOOK_AHEAD = 50  # frames held back
HELD_BYTES = 192 * 2**20  # most memory for them


class Held(NamedTuple):
    """A frame held back, and who is in it, who may be seen again before it is edited."""

    picture: Picture
    placement: Placement
    person: Person | None

    def released(self) -> tuple[Picture, Placement, Appearance | None]:
        """The frame, with what the person is known to look like now."""
        appearance = None if self.person is None else self.person.appearance
        return self.picture, self.placement, appearance


def with_appearance(
    placed: Iterator[tuple[Picture, Placement]], size: int, basis: LipBasis | None, ahead: int
) -> Iterator[tuple[Picture, Placement, Appearance | None]]:
    """Add to each placed frame what is known of the person in it.

    Args:
        placed: Frames not yet edited, with their placement.
        size: Side of f's view.
        basis: What lip codes mean, where the reference is warped by them.
        ahead: Frames held back; fewer where they are large.
    """
    held: deque[Held] = deque()
    person: Person | None = None
    for picture, placement in placed:
        if placement.cut or placement.crop is None:
            person = None  # what comes next may be somebody else
        if placement.crop is not None:
            assert placement.landmarks is not None
            person = person or Person(size, basis)
            person.update(picture, placement.crop, placement.landmarks)
        held.append(Held(picture, placement, person))
        while len(held) > min(ahead, HELD_BYTES // _bytes(picture)):
            yield held.popleft().released()
    for frame in held:
        yield frame.released()


def _bytes(picture: Picture) -> int:
    return sum(plane.nbytes for plane in picture.planes)
