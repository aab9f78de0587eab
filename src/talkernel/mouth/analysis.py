"""Collects each person's appearance over their track, some frames ahead of the edit.

With frames buffered, the open and closed references and the neutral shape are known from the
first edited frame on, and the picture does not change when a better reference is found. A live
avatar cannot wait and buffers none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.face.stabilise import PlacedFrame, Placement
from talkernel.media.frame import Picture
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.person import Appearance, Person

Array = NDArray[np.float32]
LEARN_AHEAD = 50  # frames buffered
BUFFER_BYTES = 192 * 2**20  # most memory for them


class AnalysedFace(NamedTuple):
    """One face of a source frame.

    Attributes:
        placement: Where to edit it.
        person: Whose it is. Every further frame of the track refines them.
        skin: Samples that tell the light on it, see `sample_skin`.
    """

    placement: Placement
    person: Person
    skin: Array

    @property
    def appearance(self) -> Appearance:
        """The person's appearance from the frames so far, in this frame's light."""
        return self.person.appearance._replace(skin=self.skin)


class FrameAnalysis(NamedTuple):
    """What is known about one source frame.

    Attributes:
        faces: The faces to edit; none: the frame passes through.
        reason: Why it passes through.
    """

    faces: tuple[AnalysedFace, ...]
    reason: str | None


BufferedFrame = tuple[Picture, FrameAnalysis]


def analyse(
    placed: Iterable[PlacedFrame], size: int, basis: LipBasis | None, ahead: int
) -> Iterator[BufferedFrame]:
    """Add the appearance to every placed face; each track has its own.

    Args:
        placed: Unedited frames with their placements.
        size: Side of the generator's view.
        basis: Decodes lip codes, if the model warps its reference by them.
        ahead: Frames to buffer; fewer if they are large.

    Yields:
        The same frames in order, `ahead` frames later.
    """
    buffered: deque[BufferedFrame] = deque()
    people: dict[int, Person] = {}  # by the track, for tracks that go on
    for picture, placements, reason in placed:
        people = {one.track: people.get(one.track) or Person(size, basis) for one in placements}
        faces = tuple(_analysed(picture, one, people[one.track]) for one in placements)
        buffered.append((picture, FrameAnalysis(faces, reason)))
        while len(buffered) > min(ahead, BUFFER_BYTES // picture.nbytes):
            yield buffered.popleft()
    yield from buffered


def _analysed(picture: Picture, placement: Placement, person: Person) -> AnalysedFace:
    """Learn from a face, without what lies in front of it."""
    lifted = placement.overlay and placement.overlay.lift(picture)
    person.update(picture, placement.crop, placement.landmarks)
    skin = person.light(picture, placement.landmarks)
    if lifted:
        lifted.lay_back(picture)
    return AnalysedFace(placement, person, skin)
