"""Collects each person's appearance over their track, some frames ahead of the edit.

With frames buffered, the open and closed references and the neutral shape are known from the
first edited frame on, and the picture does not change when a better reference is found. A live
avatar cannot wait and buffers none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from talkernel.face.stabilise import PlacedFrame, Placement
from talkernel.media.frame import Picture
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.person import Appearance, Person

LEARN_AHEAD = 50  # frames buffered
BUFFER_BYTES = 192 * 2**20  # most memory for them


class FrameAnalysis(NamedTuple):
    """What is known about one source frame.

    Attributes:
        placement: Where to edit it; None: the frame passes through.
        person: Whose face it is. Every further frame of the track refines them.
        reason: Why it passes through.
    """

    placement: Placement | None
    person: Person | None
    reason: str | None

    @property
    def appearance(self) -> Appearance | None:
        """The person's appearance from the frames so far."""
        return None if self.person is None else self.person.appearance


BufferedFrame = tuple[Picture, FrameAnalysis]


def analyse(
    placed: Iterable[PlacedFrame], size: int, basis: LipBasis | None, ahead: int
) -> Iterator[BufferedFrame]:
    """Add the person to every placed frame; each track gets a new one.

    Args:
        placed: Unedited frames with their placement.
        size: Side of the generator's view.
        basis: Decodes lip codes, if the model warps its reference by them.
        ahead: Frames to buffer; fewer if they are large.

    Yields:
        The same frames in order, `ahead` frames later.
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
