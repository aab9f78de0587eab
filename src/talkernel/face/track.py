"""Tracks one face through a video and says why a frame has none that can be edited."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.choose import Chooser, LargestFace
from talkernel.face.crop import face_geometry
from talkernel.face.detect import Detection, FaceDetector
from talkernel.face.mesh import FaceMesh, Region
from talkernel.face.pose import HeadPose
from talkernel.media.frame import Picture

Reason = Literal["no face", "turned too far", "face too small"]

MIN_PRESENCE = 0.5
MAX_YAW, MAX_PITCH = 0.95, 0.75  # radians from the mean; beyond, half the mouth is out of view
HYSTERESIS = 0.8  # a face is accepted again below 80 % of these limits
MIN_FACE = 32.0  # pixels from forehead to chin
FACE_HEIGHT = 2.8  # canonical units from forehead to chin
# A face that is lost and detected again continues its track within both limits.
MAX_SHIFT, MAX_RESIZE = 0.25, 1.25  # of the region's side; ratio of the sides
COUNT_EVERY = 25  # frames after which faces are counted again while one is followed
CUT_DIFFERENCE = 28.0  # mean change of a 32 x 18 luma thumbnail, of 255


@dataclass(frozen=True)
class TrackedFace:
    """The face in one frame.

    Attributes:
        landmarks: `[468, 3]` in frame pixels.
        pose: The head pose fitted to them.
        geometry: `[5]` of `face_geometry`, before smoothing.
    """

    landmarks: NDArray[np.float32]
    pose: HeadPose
    geometry: NDArray[np.float64]


@dataclass(frozen=True)
class Observation:
    """What the tracker found in one frame.

    Attributes:
        face: The face, or None when it cannot be edited.
        reason: Why not.
        cut: Whether the frame begins a new shot.
        track: Number of the face's track: one person in one shot.
    """

    face: TrackedFace | None
    reason: Reason | None
    cut: bool
    track: int = 0


class FaceTracker:
    """Follows one face by its landmarks; detects at the start, after cuts and when lost.

    Args:
        chooser: Which face to follow when there are several; the largest by default.

    Attributes:
        faces_seen: The most faces detected in one frame so far.
        ever_chosen: Whether the chooser has found its face in any frame so far.
    """

    def __init__(self, chooser: Chooser | None = None) -> None:
        with ThreadPoolExecutor(1) as pool:  # both compile a network, which takes a while
            detector = pool.submit(FaceDetector)
            self._mesh = FaceMesh()
            self._detector = detector.result()
        self._chooser = chooser or LargestFace()
        self._region: Region | None = None
        self._last_seen: Region | None = None
        self._thumbnail: NDArray[np.float32] | None = None
        self._turned = False
        self._track = self._uncounted = 0
        self.faces_seen, self.ever_chosen = 0, False

    @property
    def picks_largest(self) -> bool:
        """Whether the face is picked by size, which is the default."""
        return isinstance(self._chooser, LargestFace)

    def update(self, picture: Picture) -> Observation:
        """Find the face in the next frame."""
        cut = self._is_cut(picture)
        if cut:
            self._region = self._last_seen = None
            self._turned = False
            self._track += 1
        landmarks = self._follow(picture)
        if landmarks is None:
            landmarks = self._search(picture)
        else:
            self._count_faces(picture)
        if landmarks is None:
            return Observation(None, "no face", cut, self._track)
        return self._observe(landmarks, cut)

    def _follow(self, picture: Picture) -> NDArray[np.float32] | None:
        """Landmarks found near those of the previous frame."""
        if self._region is None:
            return None
        return self._run_mesh(picture, self._region)

    def _search(self, picture: Picture) -> NDArray[np.float32] | None:
        """Landmarks of a newly detected face: the lost one if it is still near its last place."""
        found = self._detect(picture)
        chosen = self._chooser.choose(picture, found, self._last_seen)
        if chosen is None:
            return None
        self.ever_chosen = True
        before = self._last_seen
        landmarks = self._run_mesh(picture, Region.of_detection(chosen))
        if before is not None and not (self._region and _same_face(before, self._region)):
            self._track += 1
        return landmarks

    def _count_faces(self, picture: Picture) -> None:
        """Count the faces now and then: more people may enter while one is followed."""
        self._uncounted += 1
        if self._uncounted >= COUNT_EVERY:
            self._detect(picture)

    def _detect(self, picture: Picture) -> list[Detection]:
        found = self._detector.detect(picture)
        self._uncounted = 0
        self.faces_seen = max(self.faces_seen, len(found))
        return found

    def _run_mesh(self, picture: Picture, region: Region) -> NDArray[np.float32] | None:
        landmarks, presence = self._mesh.landmarks(picture, region)
        if presence < MIN_PRESENCE:
            self._region = None
            return None
        self._region = self._last_seen = Region.of_landmarks(landmarks)
        return landmarks

    def _observe(self, landmarks: NDArray[np.float32], cut: bool) -> Observation:
        pose = HeadPose.fit(landmarks)
        limit = HYSTERESIS if self._turned else 1.0
        self._turned = abs(pose.yaw) > limit * MAX_YAW or abs(pose.pitch) > limit * MAX_PITCH
        if self._turned:
            return Observation(None, "turned too far", cut, self._track)
        if pose.scale * FACE_HEIGHT < MIN_FACE:
            return Observation(None, "face too small", cut, self._track)
        face = TrackedFace(landmarks, pose, face_geometry(pose))
        return Observation(face, None, cut, self._track)

    def _is_cut(self, picture: Picture) -> bool:
        """Whether the whole picture changed from one frame to the next."""
        step = max(1, min(picture.width, picture.height) // 90)
        sparse = np.ascontiguousarray(picture.planes[0][::step, ::step])
        small = cv2.resize(sparse, (32, 18), interpolation=cv2.INTER_AREA)
        current = small.astype(np.float32) / float(1 << (picture.layout.depth - 8))
        previous, self._thumbnail = self._thumbnail, current
        return previous is not None and float(np.abs(current - previous).mean()) > CUT_DIFFERENCE


def _same_face(before: Region, after: Region) -> bool:
    """Whether two regions are close enough in place and size to show the same face."""
    moved = np.hypot(*np.subtract(after.centre, before.centre)) / before.side
    grown = max(after.side / before.side, before.side / after.side)
    return bool(moved < MAX_SHIFT and grown < MAX_RESIZE)
