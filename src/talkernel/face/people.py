"""The people of a video, numbered in order of appearance and recognised by likeness."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from talkernel.face.likeness import SAME, similarity

Embedding = NDArray[np.float32]


class People:
    """Recognises people whose faces were seen before."""

    def __init__(self) -> None:
        self._views: dict[int, Embedding] = {}
        self._known: set[int] = set()
        self._newest = 0

    def add(self, embedding: Embedding, *, known: bool = False) -> int:
        """A new person; returns their number, from 1.

        Args:
            embedding: From `Likeness`.
            known: Whether they are surely a person; see `confirm`.
        """
        self._newest += 1
        self._views[self._newest] = embedding
        if known:
            self._known.add(self._newest)
        return self._newest

    def confirm(self, person: int) -> None:
        """They were recognised some frames later, so they are no chance image in a dissolve."""
        self._known.add(person)

    def is_known(self, person: int) -> bool:
        """Whether they were confirmed."""
        return person in self._known

    def forget(self, person: int) -> None:
        """Remove a person who turned out to be none, unless they were confirmed before."""
        if person not in self._known:
            self._views.pop(person, None)

    def resemblance(self, person: int, embedding: Embedding) -> float:
        """Cosine similarity to a person; -1 for unknown people."""
        view = self._views.get(person)
        return -1.0 if view is None else similarity(view, embedding)

    def recognise(self, embedding: Embedding, excluded: Collection[int] = ()) -> int | None:
        """The person with this likeness.

        Args:
            embedding: From `Likeness`.
            excluded: People who are elsewhere in the picture.
        """
        others = [person for person in self._views if person not in excluded]
        best = max(others, key=lambda person: self.resemblance(person, embedding), default=None)
        if best is None or self.resemblance(best, embedding) < SAME:
            return None
        return best
