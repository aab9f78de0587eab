"""Telling a model lip codes and reading the mouths that it draws: no sound, no video.

The told mouths are other people's, as a face mesh saw them; so what is measured is f and h2
alone, on faces wherever one likes to put them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.engine.torch import TorchEngine
from talkernel.face.crop import Crop
from talkernel.face.lips import lip_shape, mouth_opening
from talkernel.face.mesh import FaceMesh, Region
from talkernel.face.stabilise import Placement
from talkernel.lab.evaluate.mouth_motion import correlation
from talkernel.lab.tracks.track import Track
from talkernel.lab.train.transplant import Image, Points
from talkernel.lab.train.view import CROP, View
from talkernel.media.sample import picture_of_rgb
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.model.talking_face import TalkingFace
from talkernel.mouth.neutral import NeutralShape
from talkernel.mouth.person import Appearance
from talkernel.mouth.reference import Reference, place
from talkernel.mouth.renderer import MouthRenderer

FRAMES = 16  # told to each person
Array = NDArray[np.float32]


class Shift(NamedTuple):
    """How far a face lies from where crops have it.

    Attributes:
        up, right: Share of the crop's side.
        zoom: Factor on its size.
        turn: Degrees, anticlockwise.
    """

    up: float = 0.0
    right: float = 0.0
    zoom: float = 1.0
    turn: float = 0.0

    def view(self, config: ModelConfig, track: Track) -> View:
        """The network's view of a track's stored crops, so moved: else as in use."""
        middle = track.view_middle(config.crop_share < 1.0)
        zoom = self.zoom * config.face_size / CROP
        turned = cv2.getRotationMatrix2D((middle[0], middle[1]), self.turn, zoom)
        affine = np.asarray(turned, np.float64)
        moved = np.array([self.right, -self.up]) * config.face_size
        affine[:, 2] += config.crop_size / 2 + moved - middle
        return View(affine, zoom, config.crop_size)


@dataclass(frozen=True)
class Following:
    """Figures over people, means.

    Attributes:
        follow: Correlation of the drawn mouths' opening with that told.
        copy: Correlation with that of the input.
        amplitude: Standard deviation of the opening as a share of what was told.
        error: Mean difference of the opening from what was told, in face radii.
        people: How many.
    """

    follow: float
    copy: float
    amplitude: float
    error: float
    people: int


def measure_following(
    model: TalkingFace, tracks: Sequence[Track], basis: LipBasis, shift: Shift
) -> Following:
    """Tell each person what the next one's mouth did, and see.

    Args:
        model: In evaluation mode.
        tracks: One of each person.
        basis: The lip basis the model was trained with.
        shift: Where the faces lie.
    """
    mesh = FaceMesh()
    rows = [
        _one(model, track, other, basis, shift.view(model.config, track), mesh)
        for track, other in zip(tracks, [*tracks[1:], tracks[0]], strict=True)
    ]
    follow, copy, amplitude, error = np.nanmean(np.array(rows), axis=0)
    return Following(float(follow), float(copy), float(amplitude), float(error), len(tracks))


def _one(
    model: TalkingFace, track: Track, other: Track, basis: LipBasis, view: View, mesh: FaceMesh
) -> tuple[float, float, float, float]:
    mine, theirs = (evenly(len(t.crop_index)) for t in (track, other))
    codes = basis.encode(other.deviations[other.crop_index[theirs]])
    told = basis.opening(codes)
    points = [place(track.crop_points[i], view.affine) for i in mine]
    drawn = draw(
        model,
        [view.see(track.crop(i)) for i in mine],
        points,
        codes,
        appearance_of(track, basis),
        basis,
    )
    got = np.array([_opening(image, seen, mesh) for image, seen in zip(drawn, points, strict=True)])
    own = mouth_opening(track.shapes[track.crop_index[mine]])
    error = float(np.abs((got - np.nanmedian(got)) - (told - np.median(told))).mean())
    amplitude = float(np.nanstd(got) / max(1e-6, float(np.std(told))))
    return correlation(got, told), correlation(got, own), amplitude, error


def draw(
    model: TalkingFace,
    faces: Sequence[Image],
    points: Sequence[Points],
    codes: Array,
    appearance: Appearance,
    basis: LipBasis,
) -> list[Image]:
    """What a model makes of some faces told some lip codes.

    Args:
        model: In evaluation mode.
        faces: `[S, S, 3]` each.
        points: Their landmarks `[468, 3]`.
        codes: `[N, K]`.
        appearance: The person's.
        basis: What the codes mean.
    """
    engine = TorchEngine.of(model, basis if model.config.warped else None)
    renderer = MouthRenderer(engine)
    drawn = []
    for face, seen, code, kernels in zip(faces, points, codes, engine.kernels(codes), strict=True):
        picture = picture_of_rgb(face)
        placement = Placement(Crop(0, 0, len(face)), np.asarray(seen, np.float32), 1.0)
        renderer.render(picture, placement, appearance, code, kernels)
        drawn.append(picture.to_rgb())
    return drawn


def _opening(image: Image, points: Points, mesh: FaceMesh) -> float:
    flat = np.pad(points[:, :2], ((0, 0), (0, 1)))
    found, _ = mesh.landmarks(picture_of_rgb(image), Region.of_landmarks(flat))
    return float(mouth_opening(lip_shape(found)[None])[0])


def appearance_of(track: Track, basis: LipBasis) -> Appearance:
    """The person as in use: at rest, most open and most shut between the frames told something."""
    told = evenly(len(track.crop_index))
    between = np.unique((told[:-1] + told[1:]) // 2)
    openings = mouth_opening(track.shapes[track.crop_index[between]])
    chosen = between[openings.argmax()], between[openings.argmin()]
    wide, shut = (Reference(track.crop(int(n)), track.crop_points[n]) for n in chosen)
    return Appearance(wide, shut, NeutralShape.of(track.shapes, basis))


def evenly(count: int) -> NDArray[np.int64]:
    """Which of so many frames are taken, `[FRAMES]` at most."""
    return np.linspace(0, count - 1, min(FRAMES, count)).astype(np.int64)
