"""Records of candidate tracks: what is stored about each, kept or dropped."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkernel.lab.prepare.duplicates import Fingerprint
from talkernel.lab.prepare.gates import Quality
from talkernel.lab.tracks.track import Track

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A part of a video that may become a track.

    Attributes:
        name: Unique.
        key: Of its video; see `video.key_of`.
        start: Seconds into the video, on a clock of 25 frames a second.
        seconds: Length.
        reason: Why it was dropped when its video was processed; None if it passed.
        quality: Its measurements; None if it was dropped before they were taken.
        curve: Its sync curve (see `model_sync.sync_curve`); None if no other face competed for
            the sound, so that it was not needed to decide who speaks.
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
        """The inverse of `dataclasses.asdict`."""
        quality = values["quality"]
        return Candidate(**values | {"quality": quality and Quality(**quality)})

    def stored(self, out: Path) -> Path:
        """Path of its data in the set's folder `out`, until it is moved into a shard."""
        return stored_track(out / "work" / self.key, self.name)


def stored_track(folder: Path, name: str) -> Path:
    """Path of a track's data in its video's part of the work folder."""
    return folder / f"{name}.tar"


@dataclass(frozen=True)
class Found:
    """A candidate with its data. A dropped candidate has no data.

    Attributes:
        candidate: Its record.
        track: Its data; the person's name is still empty.
        curve: See `Candidate`.
        embedding: `[128]` mean face embedding.
        fingerprint: For the search for near-duplicates.
    """

    candidate: Candidate
    track: Track | None = None
    curve: Array | None = None
    embedding: Array | None = None
    fingerprint: Fingerprint | None = None

    @property
    def peak(self) -> float:
        """Highest value of the sync curve; -1 without a curve."""
        return -1.0 if self.curve is None else float(np.nan_to_num(self.curve).max())

    @property
    def record(self) -> Candidate:
        """The candidate, with the curve for storage."""
        if self.curve is None:
            return self.candidate
        return dataclasses.replace(self.candidate, curve=rounded(self.curve))


def rounded(curve: Array) -> list[float]:
    """Correlations as they are stored, with 4 digits; NaN becomes 0."""
    return [round(float(value), 4) for value in np.nan_to_num(curve)]
