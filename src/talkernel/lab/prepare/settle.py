"""What can only be said of all tracks together: sync, people, splits, near-duplicates.

What was said in an earlier run stays said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from talkernel.files.atomic import write_text
from talkernel.lab.prepare.curves import Listen
from talkernel.lab.prepare.duplicates import Print, first_like
from talkernel.lab.prepare.identities import People, split_of
from talkernel.lab.prepare.record import Candidate
from talkernel.lab.prepare.settings import Settings
from talkernel.lab.prepare.sync import Method, judge_sync
from talkernel.lab.prepare.work import VideoResult, read_embeddings, read_print
from talkernel.lab.train.sync import Sync

VERDICTS = "verdicts.json"


@dataclass(frozen=True)
class Verdict:
    """What was decided of a track that its own video passed on.

    Attributes:
        reason: Why it is dropped after all; None: kept.
        person: Whom the face shows, by comparison with all others.
        identity: The person's name; as the file's name says, if asked for.
        split: Where the identity belongs.
        offset: Frames by which the picture comes after its sound.
        score: Correlation of sound and mouth at that offset.
        like: The track of which this one is a near-duplicate.
        shard: The tar in which it is stored.
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
    """Those of earlier runs, by track."""
    path = out / VERDICTS
    if not path.exists():
        return {}
    return {name: Verdict(**values) for name, values in json.loads(path.read_text()).items()}


def write_verdicts(out: Path, verdicts: Mapping[str, Verdict]) -> None:
    """Keep them for the next run."""
    text = json.dumps({name: asdict(verdicts[name]) for name in sorted(verdicts)}, indent=0)
    write_text(out / VERDICTS, text)


def settle(
    out: Path,
    results: Sequence[VideoResult],
    earlier: Mapping[str, Verdict],
    settings: Settings,
    listen: Listen,
) -> tuple[dict[str, Verdict], Method]:
    """Decide of every new track that its own video passed on.

    Args:
        out: The folder of the whole set.
        results: Of all videos ever looked at.
        earlier: What was decided before.
        settings: Of this set.
        listen: See `judge_sync`.

    Returns:
        The new tracks' verdicts, and how sync was judged.
    """
    new = {
        c.name: c
        for result in results
        for c in result.candidates
        if c.reason is None and c.name not in earlier
    }
    sources = {result.key: result.source for result in results}
    register = _Register(out, settings, sources, earlier, results, new)
    synced, method = judge_sync(out, list(new.values()), register.persons, settings, listen)
    in_doubt = Sync(0, 0.0)  # it stays as it is
    verdicts = {name: register.judge(new[name], synced.get(name, in_doubt)) for name in sorted(new)}
    return verdicts, method


class _Register:
    """All kept tracks and the people in them, to which new tracks are added one by one.

    Attributes:
        persons: Of the new tracks, by name.
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

    def judge(self, candidate: Candidate, sync: Sync) -> Verdict:
        """Decide of the next track."""
        name, person = candidate.name, self.persons[candidate.name]
        if sync.offset is None:
            return Verdict("sound and mouth do not go together", person, score=sync.score)
        identity = self._identity(candidate, person)
        split = self._split(identity)
        likes = self._people.near(self._embeddings[name])
        if self._settings.identity_pattern is None and {self._split(p) for p in likes} - {split}:
            return Verdict("looks like people of two splits", person)
        others = ((other, self._print(other)) for other in self._tracks_of.get(person, []))
        like = first_like(self._print(name), others)
        if like is not None:
            return Verdict("near-duplicate", person, like=like)
        self._tracks_of.setdefault(person, []).append(name)
        return Verdict(None, person, identity, split, sync.offset, round(sync.score, 4))

    def _print(self, name: str) -> Print:
        return read_print(self._work, self._key_of[name], name)

    def _identity(self, candidate: Candidate, person: str) -> str:
        pattern = self._settings.identity_pattern
        stem = Path(self._sources[candidate.key]).stem
        named = re.search(pattern, stem) if pattern else None
        return named.group(1) if named else person

    def _split(self, identity: str) -> str:
        return split_of(identity, self._settings.val, self._settings.test)
