"""Measures how closely rendered mouths follow target lip codes, without sound.

The targets are lip codes of other people, measured by the face mesh. So only the generator and
the kernel predictor are tested. The faces can be shifted, scaled and turned.
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
from talkernel.lab.correlation import correlation
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

FRAMES = 16  # rendered per person
Array = NDArray[np.float32]


class Shift(NamedTuple):
    """Displacement of a face from its normal place in the crop.

    Attributes:
        up, right: Fraction of the crop's side.
        zoom: Scale factor.
        turn: Degrees, anticlockwise.
    """

    up: float = 0.0
    right: float = 0.0
    zoom: float = 1.0
    turn: float = 0.0

    def view(self, config: ModelConfig, track: Track) -> View:
        """The generator's view of a track's stored crops with this shift; otherwise as in use."""
        middle = track.view_middle(config.crop_share < 1.0)
        zoom = self.zoom * config.face_size / CROP
        turned = cv2.getRotationMatrix2D((middle[0], middle[1]), self.turn, zoom)
        affine = np.asarray(turned, np.float64)
        moved = np.array([self.right, -self.up]) * config.face_size
        affine[:, 2] += config.crop_size / 2 + moved - middle
        return View(affine, zoom, config.crop_size)


@dataclass(frozen=True)
class Following:
    """Means over people.

    Attributes:
        follow: Correlation of the rendered mouths' opening with the target.
        copy: Correlation with the opening in the input.
        amplitude: Standard deviation of the opening relative to the target's.
        error: Mean absolute difference of the opening from the target, in face radii.
        people: Number of people.
    """

    follow: float
    copy: float
    amplitude: float
    error: float
    people: int


def measure_following(
    model: TalkingFace, tracks: Sequence[Track], basis: LipBasis, shift: Shift
) -> Following:
    """Drive each person with the next one's lip codes and measure the rendered mouths.

    Args:
        model: In evaluation mode.
        tracks: One of each person.
        basis: The lip basis that the model was trained with.
        shift: Displacement of the faces.
    """
    mesh = FaceMesh()
    rows = [
        _of_person(model, track, other, basis, shift.view(model.config, track), mesh)
        for track, other in zip(tracks, [*tracks[1:], tracks[0]], strict=True)
    ]
    follow, copy, amplitude, error = np.nanmean(np.array(rows), axis=0)
    return Following(float(follow), float(copy), float(amplitude), float(error), len(tracks))


def _of_person(
    model: TalkingFace, track: Track, other: Track, basis: LipBasis, view: View, mesh: FaceMesh
) -> tuple[float, float, float, float]:
    own_frames, target_frames = (evenly(len(t.crop_index)) for t in (track, other))
    codes = basis.encode(other.deviations[other.crop_index[target_frames]])
    target = basis.opening(codes)
    points = [place(track.crop_points[i], view.affine) for i in own_frames]
    faces = [view.see(track.crop(i)) for i in own_frames]
    rendered = render(model, faces, points, codes, appearance_of(track, basis), basis)
    pairs = zip(rendered, points, strict=True)
    opening = np.array([_opening(image, landmarks, mesh) for image, landmarks in pairs])
    own = mouth_opening(track.shapes[track.crop_index[own_frames]])
    error = float(np.abs((opening - np.nanmedian(opening)) - (target - np.median(target))).mean())
    amplitude = float(np.nanstd(opening) / max(1e-6, float(np.std(target))))
    return correlation(opening, target), correlation(opening, own), amplitude, error


def render(
    model: TalkingFace,
    faces: Sequence[Image],
    points: Sequence[Points],
    codes: Array,
    appearance: Appearance,
    basis: LipBasis,
) -> list[Image]:
    """Render some faces with some lip codes.

    Args:
        model: In evaluation mode.
        faces: `[S, S, 3]` each.
        points: Their landmarks `[468, 3]`.
        codes: `[N, K]`.
        appearance: Of the person.
        basis: Of the lip codes.
    """
    engine = TorchEngine.of(model, basis if model.config.warped else None)
    renderer = MouthRenderer(engine)
    rendered = []
    for face, landmarks, code, kernels in zip(
        faces, points, codes, engine.kernels(codes), strict=True
    ):
        picture = picture_of_rgb(face)
        placement = Placement(Crop(0, 0, len(face)), np.asarray(landmarks, np.float32), 1.0)
        renderer.render(picture, placement, appearance, code, kernels)
        rendered.append(picture.to_rgb())
    return rendered


def _opening(image: Image, points: Points, mesh: FaceMesh) -> float:
    flat = np.pad(points[:, :2], ((0, 0), (0, 1)))
    found, _ = mesh.landmarks(picture_of_rgb(image), Region.of_landmarks(flat))
    return float(mouth_opening(lip_shape(found)[None])[0])


def appearance_of(track: Track, basis: LipBasis) -> Appearance:
    """The person's appearance as in use, from frames between those that are rendered.

    References are the frames with the mouth most open and most closed.
    """
    chosen_frames = evenly(len(track.crop_index))
    between = np.unique((chosen_frames[:-1] + chosen_frames[1:]) // 2)
    openings = mouth_opening(track.shapes[track.crop_index[between]])
    chosen = between[openings.argmax()], between[openings.argmin()]
    wide, shut = (Reference(track.crop(int(n)), track.crop_points[n]) for n in chosen)
    return Appearance(wide, shut, NeutralShape.of(track.shapes, basis))


def evenly(count: int) -> NDArray[np.int64]:
    """Indices of at most `FRAMES` equally spaced frames out of `count`."""
    return np.linspace(0, count - 1, min(FRAMES, count)).astype(np.int64)
