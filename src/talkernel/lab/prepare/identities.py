"""People among all tracks, and who belongs to which split.

People found in an earlier run keep their name and their split: new tracks join the nearest
person, or found new ones. So adding videos moves nobody between splits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

CLOSE = 0.47  # distance between a person's mean and another of their tracks
BLOCK = 2000  # tracks clustered at once; distances within a block fit in memory
Array = NDArray[np.float32]


@dataclass
class People:
    """Everybody found so far.

    Attributes:
        total: By person, the sum of their tracks' embeddings `[128]`.
        count: By person, how many tracks.
    """

    total: dict[str, Array] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)

    def add(self, person: str, embedding: Array) -> None:
        """Count a track to a person."""
        self.total[person] = self.total.get(person, np.float32(0.0)) + embedding
        self.count[person] = self.count.get(person, 0) + 1

    def assign(self, embeddings: Mapping[str, Array]) -> dict[str, str]:
        """Persons of new tracks, `[128]` each, by the tracks' names."""
        found: dict[str, str] = {}
        names = sorted(embeddings)
        for block in (names[i : i + BLOCK] for i in range(0, len(names), BLOCK)):
            known = {name: self._nearest(embeddings[name]) for name in block}
            strangers = [name for name in block if known[name] is None]
            new = _clusters({name: embeddings[name] for name in strangers})
            for name in block:
                person = known[name] or new[name]
                found[name] = person
                self.add(person, embeddings[name])
        return found

    def near(self, embedding: Array) -> list[str]:
        """Everybody whom a track may show, the most alike first."""
        people = list(self.total)
        if not people:
            return []
        means = np.array([self.total[p] / self.count[p] for p in people])
        apart = np.linalg.norm(means - embedding, axis=1)
        return [people[i] for i in np.argsort(apart) if apart[i] < CLOSE]

    def _nearest(self, embedding: Array) -> str | None:
        return next(iter(self.near(embedding)), None)


def _clusters(embeddings: Mapping[str, Array]) -> dict[str, str]:
    """Persons among strangers; each is called after the first of their tracks."""
    names = list(embeddings)
    if len(names) < 2:
        return {name: person_name(name) for name in names}
    tree = linkage(np.array([embeddings[name] for name in names]), "average")
    labels = fcluster(tree, CLOSE, "distance")
    first = {label: name for name, label in reversed(list(zip(names, labels, strict=True)))}
    return {name: person_name(first[label]) for name, label in zip(names, labels, strict=True)}


def person_name(track: str) -> str:
    """A short name for the person whom a track shows."""
    return "p" + hashlib.sha1(track.encode()).hexdigest()[:8]


def split_of(person: str, val: float, test: float) -> str:
    """`train`, `val` or `test`, by the person's name alone.

    Args:
        person: The name.
        val: Share of people for validation.
        test: Share of people for testing.
    """
    number = int(hashlib.sha1(b"split " + person.encode()).hexdigest()[:12], 16) / 16**12
    if number < test:
        return "test"
    return "val" if number < test + val else "train"
