"""Decisions that need all tracks together: sync, people, splits, near-duplicates.

Decisions of earlier runs are never changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from talkernel.files.atomic import write_text
from talkernel.lab.prepare.curves import CurvesOf
from talkernel.lab.prepare.duplicates import Fingerprint, first_duplicate
from talkernel.lab.prepare.identities import People, split_of
from talkernel.lab.prepare.record import Candidate
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.sync import Method, measure_sync
from talkernel.lab.prepare.work import VideoResult, read_embeddings, read_fingerprint
from talkernel.lab.train.sync import Sync

VERDICTS = "verdicts.json"


@dataclass(frozen=True)
class Verdict:
    """The decision on a track that passed the quality gates.

    Attributes:
        reason: Why it is dropped; None if it is kept.
        person: Name of the person, found by comparing faces.
        identity: The same, or the name in the file's name if `identity_pattern` is set.
        split: The split of the identity.
        offset: Frames by which the picture lags behind its sound.
        score: Correlation of sound and mouth at that offset.
        like: The track of which this one is a near-duplicate; else empty.
        shard: The tar that holds it.
    """

    reason: str | None
    person: str = ""
    identity: str = ""
    split: str = ""
    offset: int = 0
    score: float = 0.0
    like: str = ""
    shard: str = ""

    @property
    def kept(self) -> bool:
        """Whether the track belongs to the set."""
        return self.reason is None


def read_verdicts(out: Path) -> dict[str, Verdict]:
    """Read the verdicts of earlier runs, by track."""
    path = out / VERDICTS
    if not path.exists():
        return {}
    return {name: Verdict(**values) for name, values in json.loads(path.read_text()).items()}


def write_verdicts(out: Path, verdicts: Mapping[str, Verdict]) -> None:
    """Write all verdicts for the next run."""
    text = json.dumps({name: asdict(verdicts[name]) for name in sorted(verdicts)}, indent=0)
    write_text(out / VERDICTS, text)


def settle(
    out: Path,
    results: Sequence[VideoResult],
    earlier: Mapping[str, Verdict],
    settings: Settings,
    curves: CurvesOf,
) -> tuple[dict[str, Verdict], Method]:
    """Decide on every new track that passed the quality gates.

    Args:
        out: The folder of the whole set.
        results: Results of all videos processed in this or earlier runs.
        earlier: Verdicts of earlier runs.
        settings: Of this set.
        curves: See `measure_sync`.

    Returns:
        The new tracks' verdicts, and how sync was measured.
    """
    new = {
        c.name: c
        for result in results
        for c in result.candidates
        if c.reason is None and c.name not in earlier
    }
    sources = {result.key: result.source for result in results}
    register = _Register(out, settings, sources, earlier, results, new)
    synced, method = measure_sync(out, list(new.values()), register.persons, settings, curves)
    unknown = Sync(0, 0.0)  # a track whose sync could not be measured is kept without an offset
    verdicts = {name: register.decide(new[name], synced.get(name, unknown)) for name in sorted(new)}
    return verdicts, method


class _Register:
    """All kept tracks and the people in them. New tracks are added one by one.

    Attributes:
        persons: The person in each new track, by the track's name.
    """

    def __init__(
        self,
        out: Path,
        settings: Settings,
        sources: Mapping[str, str],
        earlier: Mapping[str, Verdict],
        results: Sequence[VideoResult],
        new: Mapping[str, Candidate],
    ) -> None:
        self._settings, self._sources = settings, sources
        self._work, self._people = out / "work", People()
        self._key_of: dict[str, str] = {}
        self._tracks_of: dict[str, list[str]] = {}
        self._embeddings: dict[str, np.ndarray] = {}
        for result in results:
            embeddings = read_embeddings(self._work, result.key)
            self._embeddings |= embeddings
            self._key_of |= dict.fromkeys(embeddings, result.key)
        for name, verdict in earlier.items():
            if verdict.kept:
                self._people.add(verdict.person, self._embeddings[name])
                self._tracks_of.setdefault(verdict.person, []).append(name)
        self.persons = self._people.assign({name: self._embeddings[name] for name in new})

    def decide(self, candidate: Candidate, sync: Sync) -> Verdict:
        """Decide on the next track, and add it if it is kept."""
        name, person = candidate.name, self.persons[candidate.name]
        if sync.offset is None:
            return Verdict("sound and mouth do not go together", person, score=sync.score)
        identity = self._identity(candidate, person)
        split = self._split(identity)
        similar = self._people.near(self._embeddings[name])
        if self._settings.identity_pattern is None and {self._split(p) for p in similar} - {split}:
            return Verdict("looks like people of two splits", person)
        if (original := self._duplicate_of(name, person)) is not None:
            return Verdict("near-duplicate", person, like=original)
        self._tracks_of.setdefault(person, []).append(name)
        return Verdict(None, person, identity, split, sync.offset, round(sync.score, 4))

    def _duplicate_of(self, name: str, person: str) -> str | None:
        """The kept track of the same person that shows the same scene."""
        others = ((other, self._fingerprint(other)) for other in self._tracks_of.get(person, []))
        return first_duplicate(self._fingerprint(name), others)

    def _fingerprint(self, name: str) -> Fingerprint:
        return read_fingerprint(self._work, self._key_of[name], name)

    def _identity(self, candidate: Candidate, person: str) -> str:
        pattern = self._settings.identity_pattern
        stem = Path(self._sources[candidate.key]).stem
        named = re.search(pattern, stem) if pattern else None
        return named.group(1) if named else person

    def _split(self, identity: str) -> str:
        return split_of(identity, self._settings.val, self._settings.test)
