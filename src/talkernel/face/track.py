"""Tracks the people of a video: who is where in every frame, and why nobody is.

A track is one person in one shot. It ends at a cut, a loss, a jump, or when the followed face
turns into another one, as in a dissolve.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from talkernel.face.choose import Chooser, LargestFace
from talkernel.face.crop import face_geometry
from talkernel.face.detect import Detection, FaceDetector
from talkernel.face.follow import Follower, Step, overlapping, same_place
from talkernel.face.likeness import DARK, SAME, Likeness
from talkernel.face.mesh import FaceMesh, Region
from talkernel.face.people import Embedding, People
from talkernel.face.pose import HeadPose
from talkernel.face.search import Everybody, FoundFace, Observer, OnePerson, Search
from talkernel.face.shots import Scene, ShotCutter
from talkernel.media.frame import Picture

Reason = Literal[
    "no face",
    "turned too far",
    "face too small",
    "another person",
    "the person changes",
    "nobody in the picture speaks",
]

MIN_FACE = 32.0  # pixels from forehead to chin
FACE_HEIGHT = 2.8  # canonical units from forehead to chin
EAGER = 10  # frames after a loss in which every frame is searched
NEVER = 10**9  # frames since something that has not happened yet
COUNT_EVERY = 25  # frames after which faces are counted again while one is followed
FIRST_CHECK, CHECK_EVERY = 4, 32  # frames between two comparisons of the likeness
CHECK_BYTES = 64 * 2**20  # of frames between two comparisons: large ones are compared more often
CHECK_AGAIN = 3  # frames after which a failed comparison is repeated: motion blur passes


@dataclass(frozen=True)
class TrackedFace:
    """A face in one frame.

    Attributes:
        landmarks: `[468, 3]` in frame pixels.
        pose: The head pose fitted to them.
        geometry: `[5]` of `face_geometry`, before smoothing.
        track: Number of its track: one person in one shot.
        person: Number of the person, from 1.
        reason: Why this face is to be edited, in plain words.
    """

    landmarks: NDArray[np.float32]
    pose: HeadPose
    geometry: NDArray[np.float64]
    track: int = 0
    person: int = 1
    reason: str = ""


@dataclass(frozen=True)
class EndedTrack:
    """A track that ended before this frame; its last frames may already show something else.

    Attributes:
        track: Its number.
        likeness: Embedding of its person; None: its own frames never showed one person.
        successor: The face that is found in its place, if any.
        next_likeness: Embedding of that face.
    """

    track: int
    likeness: Embedding | None
    successor: TrackedFace | None = None
    next_likeness: Embedding | None = None


@dataclass(frozen=True)
class Observation:
    """What the tracker found in one frame.

    Attributes:
        faces: The faces that may be edited.
        reason: Why there is none.
        cut: Whether the frame begins a new shot.
        ended: Tracks that ended.
    """

    faces: tuple[TrackedFace, ...]
    reason: Reason | None
    cut: bool
    ended: tuple[EndedTrack, ...] = ()

    @property
    def face(self) -> TrackedFace | None:
        """The first face, or None."""
        return self.faces[0] if self.faces else None

    def of_track(self, track: int) -> TrackedFace | None:
        """The face of one track, or None."""
        return next((face for face in self.faces if face.track == track), None)


class FaceTracker:
    """Follows one person, or everybody, through the frames of a video.

    One person: the chooser picks them. A chosen person (`--face-index`, `--reference-face`,
    `--box`) is remembered by their likeness and found again anywhere in the video; the largest
    face, which is the default, is chosen anew in each shot.

    Args:
        chooser: Whom to follow; the largest face by default.
        everybody: Follow all faces instead.

    Attributes:
        faces_seen: The most faces detected in one frame so far.
        ever_chosen: Whether a face was ever followed.
        likeness: Embeds faces.
    """

    def __init__(self, chooser: Chooser | None = None, *, everybody: bool = False) -> None:
        with ThreadPoolExecutor(3) as pool:  # each compiles a network, which takes a while
            detector, likeness = pool.submit(FaceDetector), pool.submit(Likeness)
            self._mesh = FaceMesh()
            self._detector, self.likeness = detector.result(), likeness.result()
        people, observer = People(), Observer(self._mesh, self.likeness)
        self._people, self._chooser = people, chooser or LargestFace()
        self._search: Search = (
            Everybody(people, observer) if everybody else OnePerson(people, observer, self._chooser)
        )
        self._cutter = ShotCutter()
        self._followers: list[Follower] = []
        self._lost: list[Follower] = []  # in this shot
        self._tracks, self._uncounted = 0, 0
        self._unsearched = self._since_loss = NEVER
        self._absence: Reason = "no face"
        self.faces_seen, self.ever_chosen = 0, False

    @property
    def picks_largest(self) -> bool:
        """Whether one face is picked by its size, which is the default."""
        return isinstance(self._search, OnePerson) and not self._chooser.lasting

    def update(self, picture: Picture) -> Observation:
        """Find the faces in the next frame."""
        cut = self._cutter.update(picture)
        ended = self._end_shot() if cut else []
        ended += self._follow(picture)
        changed = self._compare(picture)
        self._since_loss = 0 if ended or changed or cut else self._since_loss + 1
        self._look_around(picture)
        ended += [self._replaced(one, check_interval(picture)) for one in changed]
        return self._observation(cut, ended)

    @property
    def _scene(self) -> Scene:
        """The view in the current frame."""
        assert self._cutter.scene is not None
        return self._cutter.scene

    def _end_shot(self) -> list[EndedTrack]:
        """A cut: nothing is followed over it."""
        ended = [EndedTrack(one.track, one.likeness) for one in self._followers]
        self._followers, self._lost = [], []
        self._search.begin_shot()
        return ended

    def _follow(self, picture: Picture) -> list[EndedTrack]:
        """Follow the faces into the next frame; returns the tracks that end."""
        before, self._followers, ended = self._followers, [], []
        for one in before:
            step = one.step(self._mesh, picture)
            if step is Step.FOLLOWED and not self._is_followed(one.region):
                self._followers.append(one)
                continue
            if step is Step.LOST:
                self._lost.append(one)
            known = one.age >= FIRST_CHECK or step is Step.JUMPED
            ended.append(EndedTrack(one.track, one.likeness if known else None))
        return ended

    def _compare(self, picture: Picture) -> list[Follower]:
        """Compare likenesses where it is time to; returns the followers of changed faces."""
        interval, changed = check_interval(picture), []
        for one in list(self._followers):
            if one.unchecked < (interval if one.age > FIRST_CHECK else FIRST_CHECK):
                continue
            if self._is_same(picture, one):
                one.unchecked, one.doubtful = 0, False
                self._search.confirm(one.person, self._scene)
            elif not one.doubtful:
                one.unchecked, one.doubtful = one.unchecked - CHECK_AGAIN, True
            else:
                self._followers.remove(one)
                changed.append(one)
                if one.age <= interval + CHECK_AGAIN:
                    self._search.withdraw(one.person)
        return changed

    def _is_same(self, picture: Picture, one: Follower) -> bool:
        """Whether a followed face still shows its person, as far as can be seen in the dark."""
        view = self.likeness.view(picture, one.landmarks)
        if view.mean() < DARK:
            return True
        return self._people.resemblance(one.person, self.likeness.embed(view)) >= SAME

    def _look_around(self, picture: Picture) -> None:
        """Search for faces to follow, and count the faces now and then."""
        self._unsearched, self._uncounted = self._unsearched + 1, self._uncounted + 1
        every = self._search.every(len(self._followers))
        due = every is not None and (self._unsearched >= every or self._since_loss < EAGER)
        if not due and self._uncounted < COUNT_EVERY:
            return
        found = self._detector.detect(picture)
        self._uncounted, self.faces_seen = 0, max(self.faces_seen, len(found))
        if due:
            self._unsearched = 0
            self._absence = "another person" if found else "no face"
            self._begin(picture, found)

    def _begin(self, picture: Picture, found: list[Detection]) -> None:
        """Begin to follow those of the detected faces that the search picks."""
        free = [face for face in found if not self._is_followed(Region.of_detection(face))]
        people = {one.person for one in self._followers}
        for face in self._search.find(picture, self._scene, free, people):
            self.ever_chosen = True
            self._followers.append(self._follower(face))

    def _follower(self, face: FoundFace) -> Follower:
        """Follows a face; it continues its track if its person was lost here in this shot."""
        region = Region.of_landmarks(face.landmarks)
        for lost in self._lost:
            if lost.person == face.person and same_place(lost.region, region):
                self._lost.remove(lost)
                soon = CHECK_EVERY - FIRST_CHECK
                return Follower(
                    lost.track, lost.person, lost.likeness, face.landmarks, lost.age + 1, soon
                )
        self._tracks += 1
        return Follower(self._tracks, face.person, face.likeness, face.landmarks)

    def _is_followed(self, region: Region) -> bool:
        return any(overlapping(region, one.region) for one in self._followers)

    def _replaced(self, old: Follower, interval: int) -> EndedTrack:
        """The end of a track whose face has become another one."""
        likeness = old.likeness if old.age > interval + CHECK_AGAIN else None
        heirs = (one for one in self._followers if overlapping(one.region, old.region))
        heir = next(heirs, None)
        if heir is None:
            return EndedTrack(old.track, likeness)
        return EndedTrack(old.track, likeness, _tracked(heir, self._search.reason), heir.likeness)

    def _observation(self, cut: bool, ended: list[EndedTrack]) -> Observation:
        faces, reason = [], self._absence
        for one in self._followers:
            if one.turned:
                reason = "turned too far"
            elif one.pose.scale * FACE_HEIGHT < MIN_FACE:
                reason = "face too small"
            else:
                faces.append(_tracked(one, self._search.reason))
        return Observation(tuple(faces), None if faces else reason, cut, tuple(ended))


def check_interval(picture: Picture) -> int:
    """Frames of this size between two comparisons of a face's likeness that succeed."""
    return max(FIRST_CHECK, min(CHECK_EVERY, CHECK_BYTES // picture.nbytes))


def _tracked(one: Follower, reason: str) -> TrackedFace:
    geometry = face_geometry(one.pose)
    return TrackedFace(one.landmarks, one.pose, geometry, one.track, one.person, reason)
