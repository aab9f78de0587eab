"""Measures how often `--people speaking` decides rightly, on dialogues made from clips."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from talkernel.engine import Engine, load_engine
from talkernel.errors import DataError
from talkernel.lab.evaluate.clips import Clip, find_clips
from talkernel.lab.speaking.dialogues import KINDS, UNDECIDED, Frames, Kind
from talkernel.lab.speaking.render import Dialogue, write_dialogue
from talkernel.media import open_face
from talkernel.pipeline.speaking import find_speakers
from talkernel.pipeline.turns import NOBODY
from talkernel.summary import Summary

RATES = (Fraction(25), Fraction(30000, 1001))  # take turns
FAILS = 0.5  # a clip of which fewer frames are recognised as speaking fails


@dataclass(frozen=True)
class Outcome:
    """One dialogue.

    Attributes:
        kind: Name of its kind.
        clips: Names of its clips.
        truth: `[T]` who speaks; see `Script.speaker`.
        decided: `[T]` who was taken for the speaker, or `NOBODY`.
    """

    kind: str
    clips: tuple[str, ...]
    truth: Frames
    decided: Frames

    def share(self, true: bool | None = None, found: bool | None = None) -> float:
        """Fraction of frames that are right, or that are wrong in one way.

        Args:
            true: For wrong frames: whether somebody in the picture speaks.
            found: For wrong frames: whether somebody is taken for the speaker.
        """
        truth, decided = (part[self.truth != UNDECIDED] for part in (self.truth, self.decided))
        right = truth == decided
        if true is None:
            return float(right.mean())
        wrong = ~right & ((truth != NOBODY) == true) & ((decided != NOBODY) == found)
        return float(wrong.mean())


@dataclass
class DialogueScores:
    """What was decided in all dialogues.

    Attributes:
        outcomes: Of each dialogue.
        cost: Seconds of work per minute of video.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    cost: float = 0.0

    @property
    def failing(self) -> dict[str, float]:
        """Clips that mostly are not recognised as speaking, and the fraction that is."""
        spoken: dict[str, list[Any]] = defaultdict(list)
        for one in self.outcomes:
            for person, clip in enumerate(one.clips):
                spoken[clip].append(one.decided[one.truth == person] == person)
        shares = {clip: np.concatenate(frames).mean() for clip, frames in spoken.items()}
        return {clip: float(share) for clip, share in sorted(shares.items()) if share < FAILS}

    def rows(self) -> list[dict[str, Any]]:
        """For each kind, fractions of frames; see `header` of `summary`."""
        return [self._row(kind.name) for kind in KINDS if any(o.kind == kind.name for o in self.outcomes)]

    def _row(self, kind: str) -> dict[str, Any]:
        mine = [one for one in self.outcomes if one.kind == kind]
        kept = [one for one in mine if not set(one.clips) & set(self.failing)]
        mean: Callable[..., float] = lambda *how: float(np.mean([one.share(*how) for one in mine]))
        return {
            "kind": kind,
            "dialogues": len(mine),
            "right": mean(),
            "without failing clips": float(np.mean([o.share() for o in kept])) if kept else None,
            "another person": mean(True, True),
            "nobody instead of the speaker": mean(True, False),
            "somebody instead of nobody": mean(False, True),
        }

    def to_json(self) -> str:
        """All rows, the failing clips and each dialogue's fraction."""
        each = [{"kind": o.kind, "clips": o.clips, "right": o.share()} for o in self.outcomes]
        found = {"kinds": self.rows(), "failing": self.failing, "seconds_per_minute": self.cost}
        return json.dumps(found | {"dialogues": each}, indent=2)

    def summary(self) -> Summary:
        """A table for the terminal."""
        rows = self.rows()
        cells = [[_cell(value) for value in row.values()] for row in rows]
        failing = ", ".join(f"{clip} ({share:.2f})" for clip, share in self.failing.items())
        caption = f"Clips not recognised as speaking: {failing or 'none'}. "
        caption += f"{self.cost:.0f} s of work per minute of video."
        return Summary("Frames decided rightly", cells, list(rows[0]), caption)


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)


def measure_dialogues(
    folder: Path,
    out: Path,
    *,
    kinds: Sequence[Kind] = KINDS,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DialogueScores:
    """Make dialogues of each kind and compare what is found with the script.

    Args:
        folder: Clips of one person each, as for `talkernel evaluate`.
        out: Folder for the videos, created if missing.
        kinds: Kinds of dialogues.
        limit: Largest number of dialogues of each kind.
        progress: Called with the dialogues done and their total.

    Raises:
        DataError: The clips show fewer than three people.
    """
    groups, scores, engine = _groups(find_clips(folder))[:limit], DialogueScores(), load_engine()
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(kind, number) for kind in kinds for number in range(len(groups))]
    spent = seconds = 0.0
    for done, (kind, number) in enumerate(jobs, 1):
        clips = groups[number][: kind.people]
        dialogue = _dialogue(out, kind, number, clips)
        started = time.process_time()
        scores.outcomes.append(_outcome(dialogue, kind, clips, engine))
        spent += time.process_time() - started
        seconds += len(dialogue.script.speaker) / float(_rate(number))
        scores.cost = 60 * spent / seconds
        if progress is not None:
            progress(done, len(jobs))
    return scores


def _groups(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Groups of three people. Every clip is the first or second of one group."""
    half = (len(clips) + 1) // 2
    return [_others([*clips[at:], *clips[:at]], half) for at in range(half)]


def _others(clips: Sequence[Clip], half: int) -> list[Clip]:
    """The first clip, the one half the list away and one of a third person."""
    group = [clips[0]]
    for start in (half, half // 2):
        people = {clip.person for clip in group}
        turned = [*clips[start:], *clips[:start]]
        other = next((clip for clip in turned if clip.person not in people), None)
        if other is None:
            raise DataError("Dialogues need clips of at least three people.")
        group.append(other)
    return group


def _rate(number: int) -> Fraction:
    return RATES[number % len(RATES)]


def _dialogue(out: Path, kind: Kind, number: int, clips: Sequence[Clip]) -> Dialogue:
    name = kind.name.replace("/", " ").replace(", ", " ").replace(" ", "-")
    path, small = out / f"{name}-{number:03}.mp4", number % 4 >= 2
    return write_dialogue(path, kind, [clip.path for clip in clips], _rate(number), small=small)


def _outcome(dialogue: Dialogue, kind: Kind, clips: Sequence[Clip], engine: Engine) -> Outcome:
    found = find_speakers(open_face(dialogue.path), engine)
    decided = np.full(len(dialogue.script.speaker), NOBODY, np.int64)
    for frame, one in found.frames.items():
        if frame < len(decided):
            decided[frame] = dialogue.person_at(frame, float(one.place[0]))
    names = tuple(clip.name for clip in clips)
    return Outcome(kind.name, names, dialogue.script.speaker, decided)
