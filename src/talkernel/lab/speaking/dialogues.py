"""Scripts of dialogues made from clips of one person each: who speaks, and what is shown, when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.pipeline.turns import NOBODY

Frames = NDArray[np.int64]
Listener = Literal["talks", "is still", "is quiet", "is off screen"]
HIDDEN = -1  # no frame of a clip
UNDECIDED = -2  # in a pause, the one who speaks before, the one after and nobody are all right
QUIET = 1.0  # seconds that a quiet listener shows, to and fro
MOST = 5.0  # seconds of a turn


@dataclass(frozen=True)
class Kind:
    """A kind of dialogue.

    Attributes:
        name: In plain words.
        listener: What those do who are not speaking. "talks": their mouth moves on. "is quiet":
            they show the second of their clip in which the mouth moves least.
        people: How many there are.
        parts: Number of turns into which each clip is cut.
        pause: Seconds of silence between turns.
        only: The one person who is in the picture.
        reactions: Whether the listener is shown in the second half of each turn.
        answered: Whether not only the first person speaks.
    """

    name: str
    listener: Listener
    people: int = 2
    parts: int = 1
    pause: float = 0.0
    only: int | None = None
    reactions: bool = False
    answered: bool = True


KINDS = (
    Kind("side by side, both talk", "talks"),
    Kind("side by side, short turns", "talks", parts=2),
    Kind("side by side, still listener", "is still"),
    Kind("side by side, quiet listener", "is quiet"),
    Kind("side by side, pauses", "is quiet", pause=1.0),
    Kind("three side by side, all talk", "talks", people=3),
    Kind("shot/reverse shot", "is off screen"),
    Kind("shot/reverse shot, reactions", "is quiet", reactions=True),
    Kind("one in shot, the other unseen", "is quiet", only=0),
    Kind("voice of an unseen person", "talks", only=1, answered=False),
)


class Turn(NamedTuple):
    """One person speaks.

    Attributes:
        person: Number of their clip.
        clip_first: First frame of the clip that is heard.
        first: Number of the dialogue's frame in which it begins.
        length: Frames.
    """

    person: int
    clip_first: int
    first: int
    length: int

    @property
    def span(self) -> slice:
        """The dialogue's frames."""
        return slice(self.first, self.first + self.length)


class Script(NamedTuple):
    """A dialogue.

    Attributes:
        turns: Who speaks when.
        shown: `[P, T]` frames of the clips that are shown, or `HIDDEN`.
        speaker: `[T]` the person who speaks and is shown, `NOBODY` or `UNDECIDED`.
    """

    turns: list[Turn]
    shown: Frames
    speaker: Frames


def script_of(kind: Kind, lengths: Sequence[int], quiet: Sequence[int], fps: float) -> Script:
    """Write a dialogue.

    Args:
        kind: Its kind.
        lengths: Frames of each person's clip.
        quiet: First frame of the quiet second of each clip.
        fps: Frames a second of the clips and the dialogue.
    """
    spoken = [min(length, round(MOST * fps)) for length in lengths]
    turns = list(_turns(kind, spoken, round(kind.pause * fps)))
    count = turns[-1].first + turns[-1].length
    shown = np.full((kind.people, count), HIDDEN, np.int64)
    for person in range(kind.people):
        own = [turn for turn in turns if turn.person == person]
        clip = _Clip(lengths[person], quiet[person], round(QUIET * fps))
        shown[person] = _frames_shown(kind.listener, own, clip, count)
    _hide(kind, turns, shown)
    return Script(turns, shown, _speaker(turns, shown))


def _turns(kind: Kind, lengths: Sequence[int], pause: int) -> Iterator[Turn]:
    """Each person's clip, or each part of it, in turn."""
    first = 0
    for part in range(kind.parts):
        for person in range(kind.people if kind.answered else 1):
            length = lengths[person] // kind.parts
            yield Turn(person, part * length, first, length)
            first += length + pause


class _Clip(NamedTuple):
    """Frames of a clip: how many, and the first and the number of the quiet ones."""

    length: int
    quiet: int
    quiet_length: int


def _frames_shown(listener: Listener, own: Sequence[Turn], clip: _Clip, count: int) -> Frames:
    """The clip's frames that a person shows who speaks in their own turns, `[count]`."""
    time = np.arange(count)
    shown = np.full(count, HIDDEN)
    if listener == "is quiet":
        shown = clip.quiet + to_and_fro(time, clip.quiet_length)
    elif listener != "is off screen":
        shown = _continued(listener, own or [Turn(0, 0, 0, clip.length)], clip, time)
    for turn in own:
        shown[turn.span] = turn.clip_first + np.arange(turn.length)
    return shown


def _continued(listener: Listener, own: Sequence[Turn], clip: _Clip, time: Frames) -> Frames:
    """The clip played on, or held, before and after the nearest of a person's own turns."""
    beyond = [np.maximum(turn.first - time, time - turn.first - turn.length + 1) for turn in own]
    nearest = np.argmin(beyond, axis=0)
    starts, froms, lengths = (
        np.array([getattr(turn, name) for turn in own])[nearest]
        for name in ("first", "clip_first", "length")
    )
    if listener == "is still":
        return np.asarray(froms + np.clip(time - starts, 0, lengths - 1))
    return to_and_fro(froms + time - starts, clip.length)


def to_and_fro(numbers: Frames, length: int) -> Frames:
    """Numbers of frames, reflected at both ends of a clip."""
    period = max(1, 2 * (length - 1))
    folded = np.mod(numbers, period)
    return np.asarray(np.minimum(folded, period - folded))


def _hide(kind: Kind, turns: Sequence[Turn], shown: Frames) -> None:
    """Take out of the picture whoever the camera does not show."""
    if kind.only is not None:
        shown[np.arange(kind.people) != kind.only] = HIDDEN
    if kind.reactions:
        for turn in turns:
            middle = turn.first + turn.length // 2
            shown[1 - turn.person, turn.first : middle] = HIDDEN
            shown[turn.person, middle : turn.span.stop] = HIDDEN


def _speaker(turns: Sequence[Turn], shown: Frames) -> Frames:
    speaker = np.full(shown.shape[1], UNDECIDED, np.int64)
    for turn in turns:
        visible = shown[turn.person, turn.span] != HIDDEN
        speaker[turn.span] = np.where(visible, turn.person, NOBODY)
    return speaker
