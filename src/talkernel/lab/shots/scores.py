"""How well a shot boundary detector did, by kind of sequence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from talkernel.face.shots import NEW_VIEW
from talkernel.lab.shots.sequences import CUTS, EVENT, NEW_VIEWS, SAME_VIEW, Kind
from talkernel.summary import Summary


@dataclass
class KindScore:
    """What a detector found in the sequences of one kind.

    Attributes:
        sequences: Number of sequences.
        cuts: Cuts in them.
        found: Cuts that were reported at their very frame.
        false: Reports at other frames.
        with_false: Sequences with at least one such report.
        views: Sequences that keep their view, or change it without a cut.
        views_wrong: Those of which `Scene.change` says otherwise.
    """

    sequences: int = 0
    cuts: int = 0
    found: int = 0
    false: int = 0
    with_false: int = 0
    views: int = 0
    views_wrong: int = 0

    def add(self, kind: Kind, reported: Sequence[int], changes: Sequence[float]) -> None:
        """Count one more sequence.

        Args:
            kind: Its kind.
            reported: Numbers of the frames reported as cuts.
            changes: `Scene.change` from its first frame to later ones, the last among them.
        """
        labelled = {EVENT} if kind in CUTS else set()
        false = set(reported) - labelled
        self.sequences += 1
        self.cuts += len(labelled)
        self.found += len(labelled & set(reported))
        self.false += len(false)
        self.with_false += bool(false)
        self.views += kind in (*NEW_VIEWS, *SAME_VIEW)
        if kind in SAME_VIEW:
            self.views_wrong += max(changes) > NEW_VIEW
        elif kind in NEW_VIEWS:
            self.views_wrong += changes[-1] <= NEW_VIEW


@dataclass
class CutScores:
    """A detector's scores.

    Attributes:
        kinds: By the name of the kind.
        ms_per_frame: Processor time of one update, in milliseconds.
    """

    kinds: dict[str, KindScore]
    ms_per_frame: float

    @property
    def recall(self) -> float:
        """Part of the cuts that was found."""
        return self._sum("found") / self._sum("cuts")

    @property
    def precision(self) -> float:
        """Part of the reports that was right; 1 without reports."""
        found, false = self._sum("found"), self._sum("false")
        return found / (found + false) if found + false else 1.0

    def to_json(self) -> str:
        """All counts."""
        values = {**asdict(self), "recall": self.recall, "precision": self.precision}
        return json.dumps(values, indent=2)

    def summary(self) -> Summary:
        """A row per kind of sequence."""
        header = ("kind", "sequences", "cuts found", "false cuts", "in sequences", "views wrong")
        rows = [_row(name, kind) for name, kind in self.kinds.items()]
        caption = (
            f"Recall {self.recall:.1%}, precision {self.precision:.1%}, "
            f"{self.ms_per_frame:.2f} ms of processor time per frame."
        )
        return Summary("Shot boundaries", rows, header, caption)

    def _sum(self, name: str) -> int:
        return sum(getattr(kind, name) for kind in self.kinds.values())


def _row(name: str, kind: KindScore) -> list[str]:
    found, views = _of(kind.found, kind.cuts), _of(kind.views_wrong, kind.views)
    counts = str(kind.sequences), found, str(kind.false), str(kind.with_false), views
    return [name.replace("_", " "), *counts]


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else ""
