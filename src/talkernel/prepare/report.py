"""What `prepare` tells: counts of everything kept and dropped, and why."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from talkernel.contact_sheet import sheet_of
from talkernel.prepare.corpus import SPLITS
from talkernel.prepare.settings import Settings
from talkernel.prepare.settle import Verdict
from talkernel.prepare.work import VideoResult
from talkernel.terminal import facts_table
from talkernel.train.tracks import Track, load_tracks

SHOWN, CROPS = 12, 8  # tracks and crops of each in the contact sheet


@dataclass(frozen=True)
class VideoCount:
    """One video's part.

    Attributes:
        source: The file.
        seconds: Of picture looked at, in all faces' spans.
        kept: Tracks.
        dropped: Tracks, by reason.
        error: Why nothing could be read.
    """

    source: str
    seconds: float
    kept: int
    dropped: dict[str, int]
    error: str | None


@dataclass(frozen=True)
class PrepareReport:
    """The whole set.

    Attributes:
        out: Its folder.
        videos: Each video's part.
        found: Tracks looked at.
        kept: Tracks kept.
        seconds: Length of those kept.
        dropped: Tracks dropped, by reason.
        dropped_seconds: Length of those, by reason.
        people: Number of people, by split.
        tracks: Number of tracks, by split.
        offsets: Number of tracks by frames that the picture comes after its sound.
        sync: How sync was judged in the last run: taught, model or none.
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
        """Videos of which nothing could be read."""
        return [video for video in self.videos if video.error]

    def to_json(self) -> str:
        """All of it."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    def summary(self) -> Table:
        """A table for the terminal."""
        return facts_table(self.out, self._facts())

    def to_markdown(self) -> str:
        """A page with every video's part."""
        lines = [f"# {self.out}", "", "| what | |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in self._facts()]
        lines += ["", "| video | seconds | kept | dropped |", "|---|---|---|---|"]
        lines += [f"| {v.source} | {v.seconds:.1f} | {v.kept} | {v.error or _list(v.dropped)} |"
                  for v in self.videos]  # fmt: skip
        return "\n".join(lines) + "\n"

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "videos", f"{len(self.videos)}, {len(self.failed)} of them could not be used"
        yield "tracks", f"{self.kept} kept of {self.found}, {self.seconds:.1f} s"
        for reason, count in self.dropped.items():
            yield "dropped", f"{count}: {reason} ({self.dropped_seconds[reason]:.1f} s)"
        for split in SPLITS:
            yield split, f"{self.tracks[split]} tracks of {self.people[split]} people"
        yield "sync judged by", self.sync
        yield "picture late by", ", ".join(f"{o:+d}: {n}" for o, n in self.offsets.items())


def write_report(
    out: Path,
    results: Sequence[VideoResult],
    verdicts: Mapping[str, Verdict],
    settings: Settings,
    method: str,
    lost: Sequence[tuple[str, str]],
) -> PrepareReport:
    """Write report.json, report.md and contact_sheet.jpg.

    Args:
        out: The folder of the whole set.
        results: Of all videos ever looked at.
        verdicts: Of all tracks that these passed on.
        settings: The gates.
        method: How sync was judged.
        lost: Videos that killed their worker, and why.
    """
    report = make_report(out, results, verdicts, settings, method, lost)
    for name, text in (("report.json", report.to_json()), ("report.md", report.to_markdown())):
        (out / f".{name}.part").write_text(text)
        os.replace(out / f".{name}.part", out / name)
    if report.kept:
        _contact_sheet(out)
    return report


def make_report(
    out: Path,
    results: Sequence[VideoResult],
    verdicts: Mapping[str, Verdict],
    settings: Settings,
    method: str,
    lost: Sequence[tuple[str, str]],
) -> PrepareReport:
    """Count what was kept and dropped; see `write_report`."""
    reasons = {c.name: c.reason or verdicts[c.name].reason
               for result in results for c in result.candidates}  # fmt: skip
    lengths = {c.name: c.seconds for result in results for c in result.candidates}
    kept = [name for name, reason in reasons.items() if reason is None]
    dropped = Counter(reason for reason in reasons.values() if reason)
    by_split = {s: [verdicts[n] for n in kept if verdicts[n].split == s] for s in SPLITS}
    offsets = Counter(verdicts[name].offset for name in kept)
    return PrepareReport(
        out=str(out),
        videos=[_count(result, reasons) for result in results]
        + [VideoCount(source, 0.0, 0, {}, why) for source, why in lost],
        found=len(reasons),
        kept=len(kept),
        seconds=round(sum(lengths[name] for name in kept), 2),
        dropped=dict(dropped.most_common()),
        dropped_seconds={
            reason: round(sum(lengths[n] for n, r in reasons.items() if r == reason), 2)
            for reason in dropped
        },
        people={s: len({v.identity for v in own}) for s, own in by_split.items()},
        tracks={s: len(own) for s, own in by_split.items()},
        offsets=dict(sorted(offsets.items())),
        sync=method,
        settings=dataclasses.asdict(settings),
    )


def _count(result: VideoResult, reasons: Mapping[str, str | None]) -> VideoCount:
    own = [reasons[c.name] for c in result.candidates]
    seconds = round(sum(c.seconds for c in result.candidates), 2)
    dropped = Counter(reason for reason in own if reason)
    return VideoCount(result.source, seconds, own.count(None), dict(dropped), result.error)


def _list(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in dropped.items())


def _contact_sheet(out: Path) -> None:
    """Crops of some tracks, drawn by chance, the same ones while the set stays the same."""
    tracks = [track for split in SPLITS for track in load_tracks(out, split)]
    drawn = np.random.default_rng(0).permutation(len(tracks))[:SHOWN]
    rows = [_row(tracks[number]) for number in sorted(drawn)]
    partial = out / ".contact_sheet.part.jpg"
    sheet_of(rows, partial, height=150)
    os.replace(partial, out / "contact_sheet.jpg")


def _row(track: Track) -> Iterator[tuple[str, np.ndarray]]:
    numbers = np.linspace(0, len(track.crop_index) - 1, CROPS).round().astype(int)
    for place, number in enumerate(numbers):
        yield track.identity if place == 0 else "", track.crop(int(number))
