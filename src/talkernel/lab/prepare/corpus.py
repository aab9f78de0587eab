"""The set as others read it: shards by split, the list of them, and an index in JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from talkernel.files.atomic import remove_partials, write_text
from talkernel.lab.prepare.record import Candidate
from talkernel.lab.prepare.settle import Verdict
from talkernel.lab.prepare.work import VideoResult
from talkernel.lab.tracks.shard import Sample, read_shard, write_shard
from talkernel.lab.tracks.track import ARRAYS, write_list

INDEX = "index.jsonl"
SHARD_BYTES = 256_000_000  # small enough to hand round, large enough to be read in one go
SPLITS = ("train", "val", "test")


def write_shards(
    out: Path, results: Sequence[VideoResult], verdicts: Mapping[str, Verdict]
) -> dict[str, Verdict]:
    """Put every kept track that is in no shard into new ones.

    Returns:
        All verdicts, each kept one with its shard.
    """
    records = {c.name: (c, result) for result in results for c in result.candidates}
    stored = dict(verdicts)
    for split in SPLITS:
        new = [
            n for n, v in sorted(verdicts.items()) if v.kept and v.split == split and not v.shard
        ]
        number = sum(1 for _ in {v.shard for v in stored.values() if v.split == split and v.shard})
        for names in _by_size(out, new, records):
            shard = f"{split}-{number:05d}.tar"
            write_shard(out / shard, _samples(out, names, records, verdicts))
            stored |= {name: replace(verdicts[name], shard=shard) for name in names}
            number += 1
    return stored


def remove_strays(out: Path, verdicts: Mapping[str, Verdict]) -> None:
    """Delete shards that a run left behind when it was killed before it listed them."""
    known = {verdict.shard for verdict in verdicts.values()}
    for split in SPLITS:
        remove_partials(out, f"{split}-*")
        for path in out.glob(f"{split}-*.tar"):
            if path.name not in known:
                path.unlink()


def write_index(out: Path, results: Sequence[VideoResult], verdicts: Mapping[str, Verdict]) -> None:
    """Write the list of shards, and the index with a row for each kept track."""
    kept = {name: verdict for name, verdict in sorted(verdicts.items()) if verdict.kept}
    shards = {
        split: sorted({v.shard for v in kept.values() if v.split == split}) for split in SPLITS
    }
    rows = [
        _row(c, result, kept[c.name])
        for result in results
        for c in result.candidates
        if c.name in kept
    ]
    rows.sort(key=lambda row: str(row["name"]))
    write_text(out / INDEX, "".join(json.dumps(row) + "\n" for row in rows))
    write_list(out, shards)


def remove_stored(out: Path, results: Sequence[VideoResult]) -> None:
    """Delete the tracks' data in the work folder, once it is in shards or dropped."""
    for result in results:
        for path in (out / "work" / result.key).glob("*.tar"):
            path.unlink()


def _by_size(
    out: Path, names: Sequence[str], records: Mapping[str, tuple[Candidate, VideoResult]]
) -> Iterator[list[str]]:
    """Successive names whose tracks fill a shard."""
    group, size = list[str](), 0
    for name in names:
        group.append(name)
        size += records[name][0].stored(out).stat().st_size
        if size >= SHARD_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _samples(
    out: Path,
    names: Sequence[str],
    records: Mapping[str, tuple[Candidate, VideoResult]],
    verdicts: Mapping[str, Verdict],
) -> Iterator[Sample]:
    for name in names:
        candidate, result = records[name]
        _, arrays = next(read_shard(candidate.stored(out), ARRAYS))
        yield _row(candidate, result, verdicts[name]), arrays


def _row(candidate: Candidate, result: VideoResult, verdict: Verdict) -> dict[str, Any]:
    """All that is known of a kept track, as the index and the shard's JSON say it."""
    quality = asdict(candidate.quality) if candidate.quality else {}
    return {
        "name": candidate.name,
        "identity": verdict.identity,
        "split": verdict.split,
        "shard": verdict.shard,
        "source": result.source,
        "start": candidate.start,
        "end": candidate.start + candidate.seconds,
        "fps": result.fps,
        "offset": verdict.offset,
        "sync_score": verdict.score,
        "person": verdict.person,
    } | quality
