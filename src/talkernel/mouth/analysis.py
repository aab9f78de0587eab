"""Who is in each frame: a track is watched for a while before its frames are edited.

The references are then a wide and a shut mouth from the first frame on, and the neutral shape is
known: nothing changes in the picture when a better one is seen. A live avatar cannot wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from talkernel.face.stabilise import PlacedFrame, Placement
from talkernel.media.frame import Picture
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.person import Appearance, Person

LOOK_AHEAD = 50  # frames buffered
BUFFER_BYTES = 192 * 2**20  # most memory for them


class FrameAnalysis(NamedTuple):
    """What is known of one source frame.

    Attributes:
        placement: Where to edit it; None: it passes through.
        person: Who is in it. They become better known with every frame of their track.
        reason: Why it passes through.
    """

    placement: Placement | None
    person: Person | None
    reason: str | None

    @property
    def appearance(self) -> Appearance | None:
        """What the person looks like, as far as is known now."""
        return None if self.person is None else self.person.appearance


BufferedFrame = tuple[Picture, FrameAnalysis]


def analyse(
    placed: Iterable[PlacedFrame], size: int, basis: LipBasis | None, ahead: int
) -> Iterator[BufferedFrame]:
    """Add the person to every placed frame; each track gets a new one.

    Args:
        placed: Frames not yet edited, with their placement.
        size: Side of the generator's view.
        basis: What lip codes mean, where the reference is warped by them.
        ahead: Frames buffered; fewer where they are large.
    """
    buffered: deque[BufferedFrame] = deque()
    person, track = None, -1
    for picture, placement, reason in placed:
        if placement is None or placement.track != track:
            person = None
        if placement is not None:
            person, track = person or Person(size, basis), placement.track
            person.update(picture, placement.crop, placement.landmarks)
        buffered.append((picture, FrameAnalysis(placement, person, reason)))
        while len(buffered) > min(ahead, BUFFER_BYTES // picture.nbytes):
            yield buffered.popleft()
    yield from buffered
