"""Measures how often `--people speaking` decides rightly, on dialogues made from clips."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from talkernel.engine import Engine, load_engine
from talkernel.errors import DataError
from talkernel.lab.evaluate.clips import Clip, find_clips
from talkernel.lab.speaking.dialogues import KINDS, Kind
from talkernel.lab.speaking.render import Dialogue, write_dialogue
from talkernel.lab.speaking.scores import DialogueScores, Outcome
from talkernel.media import open_face
from talkernel.pipeline.speaking import find_speakers
from talkernel.pipeline.turns import NOBODY

RATES = (Fraction(25), Fraction(30000, 1001))  # take turns


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
    spent, minutes = 0.0, 0.0
    for done, (kind, number) in enumerate(jobs, 1):
        clips = groups[number][: kind.people]
        dialogue = _dialogue(out, kind, number, clips)
        started = time.process_time()
        scores.outcomes.append(_outcome(dialogue, kind, clips, engine))
        spent += time.process_time() - started
        minutes += len(dialogue.script.speaker) / float(_rate(number)) / 60
        if progress is not None:
            progress(done, len(jobs))
    scores.cost = spent / minutes
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
