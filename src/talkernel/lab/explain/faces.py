"""Faces to explain with, and their rendering with given kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkernel.engine.torch import TorchEngine
from talkernel.errors import NoFaceError
from talkernel.face.crop import Crop, crop_of
from talkernel.face.stabilise import Placement
from talkernel.face.track import FaceTracker
from talkernel.face.view import crop_view
from talkernel.media import Picture, open_face
from talkernel.media.sample import picture_of_rgb
from talkernel.model.config import ModelConfig
from talkernel.model.lip_basis import LipBasis
from talkernel.model.talking_face import TalkingFace
from talkernel.mouth.blend import border_window, to_network, with_reference
from talkernel.mouth.mask import FrameInput
from talkernel.mouth.person import Appearance, Person
from talkernel.mouth.reference import Reference, WarpedReference
from talkernel.mouth.renderer import Edit, MouthRenderer
from talkernel.sample.portrait import portrait

Image = NDArray[np.uint8]
Array = NDArray[np.float32]
MOST = 5  # faces in a figure
LONGEST_SEARCH = 250  # pictures of a video that are searched for a face


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    Attributes:
        name: Where it comes from.
        picture: The whole picture.
        crop: The generator's crop.
        landmarks: `[468, 3]` in the picture's pixels.
        config: Of the model.
    """

    name: str
    picture: Picture
    crop: Crop
    landmarks: Array
    config: ModelConfig

    def view(self) -> Image:
        """The crop, RGB `[S, S, 3]`."""
        return crop_view(self.picture, self.crop, self.config.crop_size)

    def points(self) -> Array:
        """The landmarks in the crop, `[468, 3]`."""
        return np.asarray(self.crop.to_view(self.landmarks, self.config.crop_size), np.float32)

    def appearance(self, basis: LipBasis | None) -> Appearance:
        """The person's appearance from this one picture, which is its own reference."""
        person = Person(self.config.crop_size, basis)
        return person.update(self.picture, self.crop, self.landmarks).appearance

    def network_input(self, warped: WarpedReference | None = None) -> FrameInput:
        """The generator's input, with a given reference or with the face itself as one."""
        view, points, config = self.view(), self.points(), self.config
        if config.reference and warped is None:
            warped = Reference(view, points).warped(points, config.crop_size)
        warped = warped if config.reference else None
        return FrameInput.of(view, points, config.face_size, warped, config.masked)


def as_tensor(frame: FrameInput) -> Tensor:
    """The generator's input as a tensor `[1, 3 or 6, S, S]`."""
    return torch.from_numpy(to_network(frame.picture))[None]


class RenderedFace(NamedTuple):
    """One face rendered with each of N kernel sets.

    Attributes:
        attention: The generator's attention mask `[N, S, S]` in 0..1.
        alpha: The blending mask: 1 over the mouth mask, 0 at the crop's border.
        motion: The motion image `[N, S, S, 3]`, RGB.
        result: The blended face `[N, S, S, 3]`, RGB.
    """

    attention: Array
    alpha: Array
    motion: Image
    result: Image


def render_face(model: TalkingFace, face: Face, kernels: Array, lip_codes: Array) -> RenderedFace:
    """Render one face with several kernel sets.

    Args:
        model: In evaluation mode.
        face: The face.
        kernels: `[N, layers, c1, c2 * ks * ks + 1]`.
        lip_codes: `[N, K or 512]` that the kernels were inferred from.
    """
    engine = TorchEngine.of(model)
    edits: list[Edit] = []
    renderer = MouthRenderer(engine, edits.append)
    appearance, results = face.appearance(engine.basis), []
    placement = Placement(face.crop, face.landmarks, 1.0)
    for code, own in zip(lip_codes, kernels, strict=True):
        picture = face.picture.copy()
        renderer.render(picture, placement, appearance, code, own)
        results.append(crop_view(picture, face.crop, face.config.crop_size))
    alpha = np.stack([edit.alpha for edit in edits])
    motion = np.stack([with_reference(edit.motion, edit.shown.reference) for edit in edits])
    images = ((motion + 1.0) * 127.5).round().clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    attention = np.stack([edit.attention for edit in edits])
    return RenderedFace(attention, alpha * border_window(alpha.shape[1]), images, np.stack(results))


def find_faces(paths: Sequence[Path], config: ModelConfig, most: int = MOST) -> list[Face]:
    """Find faces to explain with.

    Args:
        paths: Videos and photos: the first face of each, or of a single video faces at equal
            distances in time. Empty: views of the sample's portrait.
        config: Of the model.
        most: At most this many.

    Raises:
        NoFaceError: One of them shows no usable face.
        TalkernelError: One of them cannot be read.
    """
    if not paths:
        return [
            _first_face(name, [picture_of_rgb(image)], config)
            for name, image in portrait_views(most)
        ]
    if len(paths) == 1 and not open_face(paths[0]).is_photo:
        return _over_time(paths[0], config, most)
    return [_first_face(path.stem, _pictures(path), config) for path in paths[:most]]


def _pictures(path: Path) -> Iterator[Picture]:
    source = open_face(path)
    return islice(source.frames(), 1 if source.is_photo else LONGEST_SEARCH)


def _over_time(path: Path, config: ModelConfig, most: int) -> list[Face]:
    pictures = list(_pictures(path))
    wanted = np.unique(np.linspace(0, len(pictures) - 1, most).round().astype(int))
    times = [f"{path.stem} {pictures[number].time:.1f} s" for number in wanted]
    return [
        _first_face(name, pictures[number:], config)
        for name, number in zip(times, wanted, strict=True)
    ]


def _first_face(
    name: str, pictures: Iterator[Picture] | list[Picture], config: ModelConfig
) -> Face:
    tracker = FaceTracker()
    for picture in pictures:
        face = tracker.update(picture).face
        if face is not None:
            crop = crop_of(face.geometry, config.crop_share)
            return Face(name, picture, crop, face.landmarks, config)
    raise NoFaceError(f"{name} shows no usable face.")


def portrait_views(count: int = MOST) -> list[tuple[str, Image]]:
    """The sample's portrait as it is, mirrored, turned, small, and in dim light."""
    plain = np.ascontiguousarray(portrait()[:440])
    views = [
        ("portrait", plain),
        ("mirrored", np.ascontiguousarray(plain[:, ::-1])),
        ("turned", _warped(plain, turn=18.0, zoom=1.0)),
        ("small", _warped(plain, turn=-8.0, zoom=0.45)),
        ("dim light", np.asarray(plain * np.array([0.62, 0.5, 0.42]), np.uint8)),
    ]
    return views[:count]


def _warped(image: Image, turn: float, zoom: float) -> Image:
    height, width = image.shape[:2]
    affine = cv2.getRotationMatrix2D((width * 0.44, height * 0.3), turn, zoom)
    warped = cv2.warpAffine(
        image, affine, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(warped, np.uint8)
