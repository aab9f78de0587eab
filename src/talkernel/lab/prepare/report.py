"""The report of `talkernel prepare`: what was kept, what was dropped, and why."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from talkernel.lab.prepare.corpus import SPLITS
from talkernel.summary import Summary


@dataclass(frozen=True)
class VideoCount:
    """Counts for one video.

    Attributes:
        source: The file.
        seconds: Total length of its candidates, kept or dropped.
        kept: Number of tracks kept.
        dropped: Number of tracks dropped, by reason.
        error: Why the video could not be used; None if it could.
    """

    source: str
    seconds: float
    kept: int
    dropped: dict[str, int]
    error: str | None


@dataclass(frozen=True)
class PrepareReport:
    """Counts for the whole set.

    Attributes:
        out: Its folder.
        videos: Counts for each video.
        found: Number of candidate tracks.
        kept: Number of tracks kept.
        seconds: Total length of the tracks kept.
        dropped: Number of tracks dropped, by reason.
        dropped_seconds: Total length of the tracks dropped, by reason.
        people: Number of people, by split.
        tracks: Number of tracks, by split.
        offsets: Number of tracks, by frames that the picture lags behind its sound.
        sync: How sync was measured in the last run: taught, model or none; see `Settings.sync`.
        settings: The gates.
    """

    out: str
    videos: list[VideoCount]
    found: int
    kept: int
    seconds: float
    dropped: dict[str, int]
    dropped_seconds: dict[str, float]
    people: dict[str, int]
    tracks: dict[str, int]
    offsets: dict[int, int]
    sync: str
    settings: dict[str, object]

    @property
    def failed(self) -> list[VideoCount]:
        """Videos that could not be used."""
        return [video for video in self.videos if video.error]

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    def summary(self) -> Summary:
        """A table for the terminal."""
        return Summary(self.out, list(self._facts()))

    def to_markdown(self) -> str:
        """The totals and one row per video, as Markdown."""
        lines = [f"# {self.out}", "", "| what | |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in self._facts()]
        lines += ["", "| video | seconds | kept | dropped |", "|---|---|---|---|"]
        lines += [
            f"| {v.source} | {v.seconds:.1f} | {v.kept} | {v.error or _list(v.dropped)} |"
            for v in self.videos
        ]
        return "\n".join(lines) + "\n"

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "videos", f"{len(self.videos)}, {len(self.failed)} of them could not be used"
        yield "tracks", f"{self.kept} kept of {self.found}, {self.seconds:.1f} s"
        for reason, count in self.dropped.items():
            yield "dropped", f"{count}: {reason} ({self.dropped_seconds[reason]:.1f} s)"
        for split in SPLITS:
            yield split, f"{self.tracks[split]} tracks of {self.people[split]} people"
        yield "sync measured by", self.sync
        yield "picture lag in frames", ", ".join(f"{o:+d}: {n}" for o, n in self.offsets.items())


def _list(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in dropped.items())
