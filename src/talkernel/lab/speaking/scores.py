"""What was decided in dialogues, compared with their scripts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talkernel.lab.speaking.dialogues import KINDS, UNDECIDED, Frames
from talkernel.pipeline.turns import NOBODY
from talkernel.summary import Summary

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

    def fractions(self) -> dict[str, float]:
        """Fractions of the decided frames: right, and wrong in three ways."""
        counted = self.truth != UNDECIDED
        truth, decided = self.truth[counted], self.decided[counted]
        wrong, speaks, found = truth != decided, truth != NOBODY, decided != NOBODY
        return {
            "right": float(1.0 - wrong.mean()),
            "another person": float((wrong & speaks & found).mean()),
            "nobody, but one speaks": float((speaks & ~found).mean()),
            "one, but nobody speaks": float((~speaks & found).mean()),
        }


@dataclass
class DialogueScores:
    """What was decided in all dialogues.

    Attributes:
        outcomes: Of each dialogue.
        cost: Seconds of processor time per minute of video.
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
        joined = {clip: np.concatenate(frames) for clip, frames in sorted(spoken.items())}
        found = {clip: float(frames.mean()) for clip, frames in joined.items() if len(frames)}
        return {clip: fraction for clip, fraction in found.items() if fraction < FAILS}

    def rows(self) -> list[dict[str, Any]]:
        """Mean fractions of each kind of dialogue, and of all."""
        kinds = [kind.name for kind in KINDS]
        mine = {kind: [one for one in self.outcomes if one.kind == kind] for kind in kinds}
        groups = {kind: outcomes for kind, outcomes in mine.items() if outcomes}
        return [self._row(kind, outcomes) for kind, outcomes in groups.items()] + [
            self._row("all", self.outcomes)
        ]

    def _row(self, name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        kept = [one for one in outcomes if not set(one.clips) & set(self.failing)]
        found = [one.fractions() for one in outcomes]
        means = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
        without = [one.fractions()["right"] for one in kept]
        means["right without failing clips"] = float(np.mean(without)) if without else np.nan
        return {"kind": name, "dialogues": len(outcomes)} | means

    def to_json(self) -> str:
        """All rows, the failing clips and each dialogue's fraction."""
        each = [{"kind": o.kind, "clips": o.clips} | o.fractions() for o in self.outcomes]
        found = {"kinds": self.rows(), "failing": self.failing, "seconds_per_minute": self.cost}
        return json.dumps(found | {"dialogues": each}, indent=2)

    def summary(self) -> Summary:
        """A table for the terminal."""
        rows = self.rows()
        cells = [[_cell(value) for value in row.values()] for row in rows]
        failing = ", ".join(f"{clip} ({part:.2f})" for clip, part in self.failing.items())
        caption = f"Clips mostly not recognised as speaking: {failing or 'none'}. "
        caption += f"{self.cost:.0f} s of processor time per minute of video."
        return Summary("Fractions of frames", cells, list(rows[0]), caption)


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
