"""Decides which of the detected faces are followed: one person's, or everybody's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from talkernel.face.choose import Chooser
from talkernel.face.detect import Detection
from talkernel.face.follow import Landmarks, find_landmarks, overlapping
from talkernel.face.likeness import DARK, SAME, Likeness
from talkernel.face.mesh import FaceMesh, Region
from talkernel.face.people import Embedding, People
from talkernel.face.shots import NEW_VIEW, Scene
from talkernel.media.frame import Picture

ABSENT_EVERY = 5  # frames between two searches for a person who is absent
MORE_EVERY = 10  # frames between two searches for more people
REMEMBERED = 3  # searches for which another person's face is not compared again
MOST_FACES = 6  # largest faces that are followed at once


class FoundFace(NamedTuple):
    """A face that is to be followed.

    Attributes:
        landmarks: `[468, 3]` in frame pixels.
        likeness: Its embedding.
        person: Number of the person.
    """

    landmarks: Landmarks
    likeness: Embedding
    person: int


class Observer:
    """Measures a detected face: landmarks and likeness.

    Args:
        mesh: Finds the landmarks.
        likeness: Embeds the face.
    """

    def __init__(self, mesh: FaceMesh, likeness: Likeness) -> None:
        self.mesh, self.likeness = mesh, likeness

    def look(self, picture: Picture, face: Detection) -> tuple[Landmarks, Embedding] | None:
        """Landmarks and embedding; None if it is no usable face, or too dark."""
        landmarks = find_landmarks(self.mesh, picture, Region.of_detection(face))
        if landmarks is None:
            return None
        view = self.likeness.view(picture, landmarks)
        return None if view.mean() < DARK else (landmarks, self.likeness.embed(view))


class Search(ABC):
    """Whom to follow.

    Args:
        people: Everybody seen so far.
        observer: Measures detected faces.

    Attributes:
        reason: Why somebody is followed, in plain words.
    """

    reason: str

    def __init__(self, people: People, observer: Observer) -> None:
        self.people, self.observer = people, observer

    @abstractmethod
    def begin_shot(self) -> None:
        """A cut: nobody is where they were."""

    def confirm(self, person: int, scene: Scene) -> None:
        """A followed person was recognised in a scene."""
        self.people.confirm(person)

    def withdraw(self, person: int) -> None:
        """A followed person turned out to be nobody."""
        self.people.forget(person)

    @abstractmethod
    def every(self, followed: int) -> int | None:
        """Frames from one search to the next while `followed` faces are followed; None: never."""

    @abstractmethod
    def find(
        self, picture: Picture, scene: Scene, faces: Sequence[Detection], followed: Collection[int]
    ) -> Iterator[FoundFace]:
        """The faces to follow from now on.

        Args:
            picture: The frame.
            scene: Its view.
            faces: Detected faces that are not followed yet, largest first.
            followed: People who are followed already.
        """


class Everybody(Search):
    """Follows all faces, up to `MOST_FACES`."""

    reason = "everybody speaks"

    def begin_shot(self) -> None:
        """All faces are searched anyway."""

    def every(self, followed: int) -> int:
        """Always: more people may come."""
        return MORE_EVERY

    def find(
        self, picture: Picture, scene: Scene, faces: Sequence[Detection], followed: Collection[int]
    ) -> Iterator[FoundFace]:
        """All of them."""
        taken = set(followed)
        for face in faces[: MOST_FACES - len(taken)]:
            seen = self.observer.look(picture, face)
            if seen is not None:
                person = self.people.recognise(seen[1], taken) or self.people.add(seen[1])
                taken.add(person)
                yield FoundFace(*seen, person)


class OnePerson(Search):
    """Follows the chosen person, whenever they are in the picture.

    A person who is not chosen for the whole video is followed until a cut, or until the camera has
    moved on to another view without them.

    Args:
        people: Everybody seen so far.
        observer: Measures detected faces.
        chooser: Picks the person.
    """

    def __init__(self, people: People, observer: Observer, chooser: Chooser) -> None:
        super().__init__(people, observer)
        self.chooser, self.reason = chooser, chooser.reason
        self._others: list[tuple[Region, int]] = []  # other people's faces, and searches to go
        self._wanted = (
            None if chooser.likeness is None else people.add(chooser.likeness, known=True)
        )
        self._scene: Scene | None = None  # in which the wanted person was recognised last

    def begin_shot(self) -> None:
        """Choose again, unless the choice lasts."""
        self._others.clear()
        if not self.chooser.lasting:
            self._wanted = self._scene = None

    def confirm(self, person: int, scene: Scene) -> None:
        """Remember the view that shows them."""
        super().confirm(person, scene)
        self._scene = scene

    def withdraw(self, person: int) -> None:
        """Choose again."""
        super().withdraw(person)
        if not (self.chooser.lasting and self.people.is_known(person)):
            self._wanted = self._scene = None

    def every(self, followed: int) -> int | None:
        """While the person is absent."""
        return None if followed else ABSENT_EVERY

    def find(
        self, picture: Picture, scene: Scene, faces: Sequence[Detection], followed: Collection[int]
    ) -> Iterator[FoundFace]:
        """The chosen person, if they are there."""
        if followed:
            return
        if self._scene is not None and scene.change(self._scene) > NEW_VIEW:
            self.begin_shot()
        found = (
            self._choose(picture, faces) if self._wanted is None else self._again(picture, faces)
        )
        if found is not None:
            self._scene = self._scene or scene
            yield found

    def _choose(self, picture: Picture, faces: Sequence[Detection]) -> FoundFace | None:
        chosen = self.chooser.first(faces)
        seen = None if chosen is None else self.observer.look(picture, chosen)
        if seen is None:
            return None
        self._wanted = self.people.recognise(seen[1]) or self.people.add(seen[1])
        return FoundFace(*seen, self._wanted)

    def _again(self, picture: Picture, faces: Sequence[Detection]) -> FoundFace | None:
        """The face most similar to the wanted person, if it is similar enough."""
        assert self._wanted is not None
        self._others = [(region, left - 1) for region, left in self._others if left > 1]
        best, most = None, SAME
        for face in faces:
            region = Region.of_detection(face)
            if any(overlapping(region, other) for other, _ in self._others):
                continue
            seen = self.observer.look(picture, face)
            alike = self.people.resemblance(self._wanted, seen[1]) if seen else -1.0
            if seen is None or alike < SAME:
                self._others.append((region, REMEMBERED))
            elif alike >= most:
                best, most = FoundFace(*seen, self._wanted), alike
        return best
