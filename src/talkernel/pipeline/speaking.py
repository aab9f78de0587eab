"""Finds who speaks when in a video: the face whose mouth moves with the video's own sound.

For each frame the model predicts a lip code from the sound. The mesh shows the lip code of each
face. Both are compared by a canonical correlation analysis, fitted to clips of people who speak:
the log-likelihood ratio of "this mouth makes this sound" against "it does not". A Viterbi search
turns the ratios of all faces into turns.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.engine import Engine
from talkernel.errors import NoAudioError, OptionError
from talkernel.face.confirm import confirm
from talkernel.face.lips import lip_shape
from talkernel.face.track import FaceTracker, Observation, TrackedFace
from talkernel.media import FaceSource, open_speech
from talkernel.model.lip_basis import LipBasis
from talkernel.mouth.lip_driver import LipDriver
from talkernel.pipeline.turns import NOBODY, Shown, find_turns, speech_evidence, speech_match

Array = NDArray[np.float32]
NEAR = 0.3  # of the crop's side: a face this near to a speaker's place is the speaker's


class Sighting(NamedTuple):
    """A face in one frame of the video.

    Attributes:
        frame: Number of the frame.
        person: Number of the person.
        place: `[3]` x, y and side of its crop in pixels.
        motion: `[K]` its lip code, for the mean neutral shape.
    """

    frame: int
    person: int
    place: Array
    motion: Array


class Turn(NamedTuple):
    """Somebody speaks in one frame.

    Attributes:
        place: `[3]` x, y and side of their crop in pixels.
        reason: How sure it is, in plain words.
    """

    place: Array
    reason: str


@dataclass(frozen=True)
class Speakers:
    """Who speaks in each frame of a video.

    Attributes:
        turns: For each frame in which somebody in the picture speaks, who.
    """

    turns: dict[int, Turn] = field(default_factory=dict)

    def only(self, frame: int, seen: Observation) -> Observation:
        """An observation of one frame without the faces of those who do not speak in it."""
        turn = self.turns.get(frame)
        faces = [
            replace(face, reason=turn.reason) for face in seen.faces if turn and _at(face, turn)
        ]
        reason = seen.reason if faces or not seen.faces else "nobody in the picture speaks"
        return replace(seen, faces=tuple(faces), reason=reason)


def _at(face: TrackedFace, turn: Turn) -> bool:
    x, y, side = turn.place
    return bool(np.hypot(face.geometry[0] - x, face.geometry[1] - y) < NEAR * side)


def find_speakers(source: FaceSource, engine: Engine) -> Speakers:
    """Watch and hear the whole video once.

    Args:
        source: The video.
        engine: Predicts lip codes from its sound.

    Raises:
        NoAudioError: The video has no sound.
        OptionError: The model has no lip code.
    """
    if engine.basis is None:
        raise OptionError(
            "--people speaking needs a model with a lip code.", remedy="Use the default model."
        )
    spoken, sightings = _listen(source, engine), _watch(source, engine.basis)
    if not sightings:
        return Speakers()
    return _speakers(sightings, spoken, float(source.fps))


def _listen(source: FaceSource, engine: Engine) -> Array:
    """Lip codes predicted from the video's own sound, `[T, K]`."""
    try:
        if source.is_photo:
            raise NoAudioError(f"{source.path} is a photo.")
        speech = open_speech(source.path)
    except NoAudioError as error:
        raise NoAudioError(
            f"--people speaking compares mouths with the video's own sound, but {error}",
            remedy="Use --people all, or choose one person.",
        ) from error
    driver = LipDriver(engine, source.fps)
    motions = [motion for block in speech.blocks() for motion in driver.push(block)]
    return np.stack([motion.lip_code for motion in (*motions, *driver.finish())])


def _watch(source: FaceSource, basis: LipBasis) -> list[Sighting]:
    """All faces of all frames."""
    tracker, sightings = FaceTracker(everybody=True), []
    observed = ((picture, tracker.update(picture)) for picture in source.frames())
    for frame, (_, seen) in enumerate(confirm(observed, tracker.likeness)):
        for face in seen.faces:
            code = basis.encode(lip_shape(face.landmarks)[None] - basis.neutral)[0]
            place = face.geometry[:3].astype(np.float32)
            sightings.append(Sighting(frame, face.person, place, code))
    return sightings


def _speakers(sightings: list[Sighting], spoken: Array, fps: float) -> Speakers:
    """Decide who speaks in each frame."""
    count = 1 + max(one.frame for one in sightings)
    by_person: dict[int, dict[int, Sighting]] = defaultdict(dict)
    for one in sightings:
        by_person[one.person][one.frame] = one
    people, match = list(by_person.values()), speech_match()
    evidence = [speech_evidence(spoken, _mouths(seen), count, fps, match) for seen in people]
    turns: dict[int, Turn] = {}
    for first, last, person, score in find_turns(np.stack(evidence, 1), fps):
        if person != NOBODY:
            frames = people[person].keys() & set(range(first, last + 1))
            reason = f"their mouth moves with the sound (evidence {score:.1f})"
            turns |= {frame: Turn(people[person][frame].place, reason) for frame in frames}
    return Speakers(turns)


def _mouths(seen: dict[int, Sighting]) -> list[Shown]:
    """The runs of successive frames that show a person."""
    numbers = np.array(sorted(seen))
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return [Shown(int(run[0]), np.stack([seen[frame].motion for frame in run])) for run in runs]
