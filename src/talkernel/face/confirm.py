"""Takes back the last frames of a track that turned out to show another face.

Likeness is compared every second or so. So frames wait until the next comparison. When it fails,
each waiting frame is compared, and those that show neither person pass through unedited: the
middle of a dissolve, a wipe, or a pan.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator

from talkernel.face.likeness import Likeness, similarity
from talkernel.face.people import Embedding
from talkernel.face.track import CHECK_AGAIN, EndedTrack, Observation, TrackedFace, check_interval
from talkernel.media.frame import Picture

CLEAR = 0.65  # similarity of an undisturbed face to its person, in most frames of a track
Observed = tuple[Picture, Observation]


def confirm(observed: Iterable[Observed], likeness: Likeness) -> Iterator[Observed]:
    """Correct the tracker's observations by what it found out later.

    Args:
        observed: Pictures and the tracker's observations, in order.
        likeness: Embeds faces.

    Yields:
        The same pictures with corrected observations, a `check_interval` or so later.
    """
    waiting: deque[Observed] = deque()
    for picture, seen in observed:
        for end in seen.ended:
            _correct(waiting, end, likeness)
        waiting.append((picture, seen))
        while len(waiting) > check_interval(picture) + CHECK_AGAIN:
            yield waiting.popleft()
    yield from waiting


def _correct(waiting: deque[Observed], end: EndedTrack, likeness: Likeness) -> None:
    """Give each waiting frame of an ended track to the person whom it shows, or to nobody."""
    for at in reversed(range(len(waiting))):
        picture, seen = waiting[at]
        face = seen.of_track(end.track)
        if face is None:
            continue
        embedding = likeness.of(picture, face.landmarks)
        if end.likeness is not None and similarity(embedding, end.likeness) >= CLEAR:
            return
        kept = end.successor if _is_successor(end, embedding) else None
        waiting[at] = picture, _replace(seen, face, kept)


def _is_successor(end: EndedTrack, embedding: Embedding) -> bool:
    return end.next_likeness is not None and similarity(embedding, end.next_likeness) >= CLEAR


def _replace(seen: Observation, face: TrackedFace, successor: TrackedFace | None) -> Observation:
    """The observation with a face given to its successor's track, or taken out."""
    faces = [other for other in seen.faces if other is not face]
    if successor is not None:
        same = dataclasses.replace(face, track=successor.track, person=successor.person)
        faces.append(same)
    reason = seen.reason if faces else "the person changes"
    return dataclasses.replace(seen, faces=tuple(faces), reason=reason)
