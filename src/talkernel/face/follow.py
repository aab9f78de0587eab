"""Follows one face from frame to frame by its landmarks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from talkernel.face.mesh import FaceMesh, Region
from talkernel.face.pose import HeadPose
from talkernel.media.frame import Picture

Landmarks = NDArray[np.float32]
Embedding = NDArray[np.float32]

MIN_PRESENCE = 0.5
# Fractions of the region's side, and a ratio of sides, between two frames.
REFINE_SHIFT = 0.06  # the mesh is less accurate off-centre: it is run again around the face
MAX_SHIFT, MAX_RESIZE = 0.25, 1.25  # no head moves further: it is another track
LEAST_INSIDE = 0.6  # fraction of the landmarks inside the picture; less is no usable face
MAX_YAW, MAX_PITCH = 0.95, 0.75  # radians from the mean; beyond, half the mouth is out of view
HYSTERESIS = 0.8  # a face is accepted again below 80 % of these limits


class Step(Enum):
    """What became of a followed face in the next frame."""

    FOLLOWED = auto()
    JUMPED = auto()
    LOST = auto()


@dataclass
class Follower:
    """One followed face.

    Attributes:
        track: Number of its track.
        person: Number of the person.
        likeness: Embedding of the frame in which the face was found.
        landmarks: `[468, 3]` in the last frame, in pixels.
        region: Around them.
        pose: The head pose fitted to them.
        age: Frames since the face was found.
        unchecked: Frames since its likeness was compared last.
        doubtful: Whether that comparison failed.
        turned: Whether the head is turned too far to be edited.
    """

    track: int
    person: int
    likeness: Embedding
    landmarks: Landmarks
    region: Region = field(init=False)
    pose: HeadPose = field(init=False)
    age: int = 0
    unchecked: int = 0
    doubtful: bool = False
    turned: bool = False

    def __post_init__(self) -> None:
        self._place(self.landmarks)

    def step(self, mesh: FaceMesh, picture: Picture) -> Step:
        """Find the face in the next frame, near its last place."""
        found = find_landmarks(mesh, picture, self.region)
        if found is None:
            return Step.LOST
        if _shift(self.region, Region.of_landmarks(found)) > REFINE_SHIFT:
            found = find_landmarks(mesh, picture, Region.of_landmarks(found))
            if found is None:
                return Step.LOST
        if not same_place(self.region, Region.of_landmarks(found)):
            return Step.JUMPED
        self.age, self.unchecked = self.age + 1, self.unchecked + 1
        self._place(found)
        return Step.FOLLOWED

    def _place(self, landmarks: Landmarks) -> None:
        self.landmarks, self.region = landmarks, Region.of_landmarks(landmarks)
        self.pose = HeadPose.fit(landmarks)
        limit = HYSTERESIS if self.turned else 1.0
        yaw, pitch = abs(self.pose.yaw), abs(self.pose.pitch)
        self.turned = yaw > limit * MAX_YAW or pitch > limit * MAX_PITCH


def find_landmarks(mesh: FaceMesh, picture: Picture, region: Region) -> Landmarks | None:
    """Landmarks `[468, 3]` of a face in a region; None if there is none inside the picture."""
    landmarks, presence = mesh.landmarks(picture, region)
    if presence < MIN_PRESENCE or _inside(landmarks, picture) < LEAST_INSIDE:
        return None
    return landmarks


def same_place(before: Region, after: Region) -> bool:
    """Whether two regions are close enough in place and size to show the same face."""
    grown = max(after.side / before.side, before.side / after.side)
    return bool(_shift(before, after) < MAX_SHIFT and grown < MAX_RESIZE)


def overlapping(one: Region, other: Region) -> bool:
    """Whether two regions show the same face: the centre of either lies within the other's face."""
    shift = np.hypot(*np.subtract(one.centre, other.centre))
    return bool(shift < MAX_SHIFT * max(one.side, other.side))


def _shift(before: Region, after: Region) -> float:
    return float(np.hypot(*np.subtract(after.centre, before.centre)) / before.side)


def _inside(landmarks: Landmarks, picture: Picture) -> float:
    x, y = landmarks[:, 0], landmarks[:, 1]
    return float(np.mean((x >= 0) & (y >= 0) & (x < picture.width) & (y < picture.height)))
