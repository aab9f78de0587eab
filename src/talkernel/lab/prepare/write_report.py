"""Writes the report of `talkernel prepare`: report.json, report.md, contact_sheet.jpg."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from talkernel.files.atomic import atomic_write, write_text
from talkernel.lab.prepare.corpus import SPLITS
from talkernel.lab.prepare.report import PrepareReport, VideoCount
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.settle import Verdict
from talkernel.lab.prepare.work import VideoResult
from talkernel.lab.tracks.track import Track, load_tracks
from talkernel.sample.contact_sheet import sheet_of

SHOWN, CROPS = 12, 8  # tracks in the contact sheet, and crops of each


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
        results: Results of all videos processed in this or earlier runs.
        verdicts: Decisions on all tracks that passed the quality gates.
        settings: The quality gates.
        method: How sync was measured.
        lost: Videos on which the worker died each time, and why.
    """
    report = make_report(out, results, verdicts, settings, method, lost)
    for name, text in (("report.json", report.to_json()), ("report.md", report.to_markdown())):
        write_text(out / name, text)
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
    """Count what was kept and dropped; arguments as in `write_report`."""
    reasons = {
        c.name: c.reason or verdicts[c.name].reason for result in results for c in result.candidates
    }
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


def _contact_sheet(out: Path) -> None:
    """Crops of `SHOWN` random tracks: the same tracks as long as the set is the same."""
    tracks = [track for split in SPLITS for track in load_tracks(out, split)]
    drawn = np.random.default_rng(0).permutation(len(tracks))[:SHOWN]
    rows = [_row(tracks[number]) for number in sorted(drawn)]
    with atomic_write(out / "contact_sheet.jpg") as partial:
        sheet_of(rows, partial, height=150)


def _row(track: Track) -> Iterator[tuple[str, np.ndarray]]:
    numbers = np.linspace(0, len(track.crop_index) - 1, CROPS).round().astype(int)
    for place, number in enumerate(numbers):
        yield track.identity if place == 0 else "", track.crop(int(number))
