"""What is remembered of a track, kept or dropped."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.lab.prepare.duplicates import Print
from talkernel.lab.prepare.gates import Quality
from talkernel.lab.tracks.track import Track

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """What might become a track.

    Attributes:
        name: Unique.
        key: Of its video.
        start: Seconds into the video, on a clock of 25 frames a second.
        seconds: Length.
        reason: Why its own video's look at it dropped it; None: passed on.
        quality: What the gates saw; None where no gate was reached.
        curve: Correlation of the mouth heard with the mouth seen at each lag; None where
            nobody had to listen to tell who speaks.
    """

    name: str
    key: str
    start: float
    seconds: float
    reason: str | None
    quality: Quality | None = None
    curve: list[float] | None = None

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Candidate:
        """Read what `dataclasses.asdict` gave."""
        quality = values["quality"]
        return Candidate(**values | {"quality": quality and Quality(**quality)})

    def stored(self, out: Path) -> Path:
        """Where the set in folder `out` has its data, until that is in a shard."""
        return stored_track(out / "work" / self.key, self.name)


def stored_track(folder: Path, name: str) -> Path:
    """Where a video's part of the work folder has a track's data."""
    return folder / f"{name}.tar"


@dataclass(frozen=True)
class Found:
    """A candidate with its data; a dropped one has none.

    Attributes:
        candidate: Its record.
        track: Its data, as yet without the person's name.
        curve: See `Candidate`.
        embedding: `[128]` who it is.
        print: What it sounds and looks like.
    """

    candidate: Candidate
    track: Track | None = None
    curve: Array | None = None
    embedding: Array | None = None
    print: Print | None = None

    @property
    def peak(self) -> float:
        """Best agreement of sound and mouth at any lag; -1 where nobody listened."""
        return -1.0 if self.curve is None else float(np.nan_to_num(self.curve).max())

    @property
    def record(self) -> Candidate:
        """The candidate with its curve."""
        if self.curve is None:
            return self.candidate
        return dataclasses.replace(self.candidate, curve=rounded(self.curve))


def rounded(curve: Array) -> list[float]:
    """Correlations as they are kept; 0 where there was none."""
    return [round(float(value), 4) for value in np.nan_to_num(curve)]
