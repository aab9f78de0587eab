"""Finds who speaks when in a video: the face whose mouth moves with the video's own sound.

For each frame the model predicts a lip code from the sound, and the mesh shows the lip code of
each face. `speech_match` says how much evidence there is that they belong together, and `turns`
who therefore speaks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.engine import Engine
from talkernel.errors import ModelError
from talkernel.face.track import Observation, TrackedFace
from talkernel.media import FaceSource
from talkernel.model.lip_basis import LipBasis
from talkernel.pipeline.speech_match import Shown, SpeechMatch, speech_evidence, speech_match
from talkernel.pipeline.turns import NOBODY, Turn, find_turns
from talkernel.pipeline.watch import OTHERWISE, Seen, hear, watch

Array = NDArray[np.float32]
NEAR = 0.3  # of the crop's side: a face this near to a speaker's place is the speaker's
SUREST = 99  # per cent that are claimed at most


class Speaking(NamedTuple):
    """Somebody speaks in one frame.

    Attributes:
        place: `[3]` x, y and side of their crop in pixels.
        reason: Why they are taken for the speaker, in plain words.
    """

    place: Array
    reason: str


@dataclass(frozen=True)
class Speakers:
    """Who speaks in each frame of a video.

    Attributes:
        frames: For each frame in which somebody in the picture speaks, who.
    """

    frames: dict[int, Speaking] = field(default_factory=dict)

    def only(self, frame: int, seen: Observation) -> Observation:
        """An observation of one frame without the faces of those who do not speak in it."""
        one = self.frames.get(frame)
        faces = [replace(face, reason=one.reason) for face in seen.faces if one and _at(face, one)]
        reason = seen.reason if faces or not seen.faces else "nobody in the picture speaks"
        return replace(seen, faces=tuple(faces), reason=reason)


def _at(face: TrackedFace, one: Speaking) -> bool:
    x, y, side = one.place
    return bool(np.hypot(face.geometry[0] - x, face.geometry[1] - y) < NEAR * side)


def find_speakers(source: FaceSource, engine: Engine, count: int | None = None) -> Speakers:
    """Watch and hear a video once.

    It keeps the lip codes and places of all faces, about 30 MB for each person and hour.

    Args:
        source: The video.
        engine: Predicts lip codes from its sound.
        count: Number of frames, if not the whole video is needed.

    Raises:
        NoAudioError: The video has no sound, or a silent one.
        ModelError: The model has no lip code, or another one than the speech match.
    """
    match = speech_match()
    basis = _basis(engine, match)
    spoken, people = hear(source, engine, count), watch(source, basis, count)
    return _speakers(list(people.values()), spoken, float(source.fps), match)


def _basis(engine: Engine, match: SpeechMatch) -> LipBasis:
    """The basis of the model's lip codes, which must be those of the match."""
    basis = engine.basis
    if basis is None or not match.fits(basis):
        has = "no lip code" if basis is None else "another lip code"
        raise ModelError(
            f"--people speaking compares lip codes of the default model; this model has {has}.",
            remedy=f"Leave out --checkpoint. Or: {OTHERWISE}",
        )
    return basis


def _speakers(people: list[Seen], spoken: Array, fps: float, match: SpeechMatch) -> Speakers:
    """Decide who speaks in each frame."""
    if not people:
        return Speakers()
    count = 1 + max(int(seen.frames[-1]) for seen in people)
    evidence = [speech_evidence(spoken, _runs(seen), count, fps, match) for seen in people]
    speaking: dict[int, Speaking] = {}
    for turn in find_turns(np.stack(evidence, 1), fps):
        if turn.person != NOBODY:
            speaking |= _frames(people[turn.person], turn)
    return Speakers(speaking)


def _runs(seen: Seen) -> list[Shown]:
    """The runs of successive frames that show a person."""
    edges = np.flatnonzero(np.diff(seen.frames) > 1) + 1
    frames, codes = np.split(seen.frames, edges), np.split(seen.codes, edges)
    return [Shown(int(run[0]), part) for run, part in zip(frames, codes, strict=True)]


def _frames(seen: Seen, turn: Turn) -> dict[int, Speaking]:
    """The frames of a turn."""
    sure = min(round(100 * turn.certainty), SUREST)
    reason = f"speaks: the mouth moves with the sound ({sure} % sure)"
    first, stop = np.searchsorted(seen.frames, [turn.first, turn.last + 1])
    span = zip(seen.frames[first:stop].tolist(), seen.places[first:stop], strict=True)
    return {frame: Speaking(place, reason) for frame, place in span}
