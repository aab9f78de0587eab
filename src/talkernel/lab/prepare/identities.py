"""Who is who: face embeddings, people among all tracks, and their split.

People found in an earlier run keep their name and their split: a new track joins the nearest
known person or starts a new one. Adding videos therefore moves nobody between splits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from talkernel.lab.tracks.track import Track

SAMPLES = 3  # crops per track that are embedded
SAME = 0.6  # distance of dlib embeddings below which two pictures show one person
CLOSE = 0.47  # the same, between a person's mean and the mean of one track
BLOCK = 2000  # tracks clustered at once: the distances within a block fit in memory
Array = NDArray[np.float32]


def embed(track: Track) -> Array:
    """Dlib embeddings `[3, 128]` of crops spread evenly over a track."""
    spread = np.linspace(0, len(track.crop_index) - 1, 2 * SAMPLES + 1)[1::2]
    return np.array([_embedding(track, round(number)) for number in spread], np.float32)


def one_person(embeddings: Array) -> bool:
    """Whether all embeddings `[N, 128]` of a track show the same person."""
    apart = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)
    return float(apart.max()) < SAME


def _embedding(track: Track, number: int) -> Array:
    import dlib

    predictor, network = _networks()
    points = track.crop_points[number, :, :2]
    # dlib's landmarks were trained on boxes that reach from the brows to the chin.
    (left, top), (right, bottom) = points.min(0), points.max(0)
    top += 0.15 * (bottom - top)
    face = dlib.rectangle(*(round(float(v)) for v in (left, top, right, bottom)))
    view = track.crop(number)
    found = network.compute_face_descriptor(view, predictor(view, face))
    return np.array(found, np.float32)


@cache
def _networks() -> tuple[Any, Any]:
    import dlib
    import face_recognition_models as models

    return (
        dlib.shape_predictor(models.pose_predictor_five_point_model_location()),
        dlib.face_recognition_model_v1(models.face_recognition_model_location()),
    )


@dataclass
class People:
    """All people found so far.

    Attributes:
        total: For each person, the sum of their tracks' mean embeddings `[128]`.
        count: For each person, the number of tracks.
    """

    total: dict[str, Array] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)

    def add(self, person: str, embedding: Array) -> None:
        """Add a track, given its mean embedding, to a person."""
        self.total[person] = self.total.get(person, np.float32(0.0)) + embedding
        self.count[person] = self.count.get(person, 0) + 1

    def assign(self, embeddings: Mapping[str, Array]) -> dict[str, str]:
        """The person in each new track, given mean embeddings `[128]` by track name."""
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
        """Everyone the embedding `[128]` may show, the most similar person first."""
        people = list(self.total)
        if not people:
            return []
        means = np.array([self.total[p] / self.count[p] for p in people])
        apart = np.linalg.norm(means - embedding, axis=1)
        return [people[i] for i in np.argsort(apart) if apart[i] < CLOSE]

    def _nearest(self, embedding: Array) -> str | None:
        return next(iter(self.near(embedding)), None)


def _clusters(embeddings: Mapping[str, Array]) -> dict[str, str]:
    """Group tracks of unknown people; each person is named after their first track."""
    names = list(embeddings)
    if len(names) < 2:
        return {name: person_name(name) for name in names}
    tree = linkage(np.array([embeddings[name] for name in names]), "average")
    labels = fcluster(tree, CLOSE, "distance")
    first = {label: name for name, label in reversed(list(zip(names, labels, strict=True)))}
    return {name: person_name(first[label]) for name, label in zip(names, labels, strict=True)}


def person_name(track: str) -> str:
    """A short name for a person, derived from the name of their first track."""
    return "p" + hashlib.sha1(track.encode()).hexdigest()[:8]


def split_of(person: str, val: float, test: float) -> str:
    """`train`, `val` or `test`, from a hash of the person's name.

    Args:
        person: The name.
        val: Fraction of people for validation.
        test: Fraction of people for testing.
    """
    number = int(hashlib.sha1(b"split " + person.encode()).hexdigest()[:12], 16) / 16**12
    if number < test:
        return "test"
    return "val" if number < test + val else "train"
