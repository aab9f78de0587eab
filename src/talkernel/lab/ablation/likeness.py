"""Reconstruction: a face driven by its own lip codes, compared with the real frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.lab.ablation.following import Shift, appearance_of, evenly, render
from talkernel.lab.tracks.track import Track
from talkernel.lab.train.transplant import Image, lips_mask
from talkernel.lab.train.view import View
from talkernel.model.lip_basis import LipBasis
from talkernel.model.talking_face import TalkingFace
from talkernel.mouth.reference import place

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Likeness:
    """Metrics of the lips with a margin; means over people.

    Attributes:
        psnr: Against the real frame, in dB.
        sharpness: Mean gradient relative to the real frame's; 1 is equally sharp.
    """

    psnr: float
    sharpness: float


def likeness(
    model: TalkingFace, tracks: Sequence[Track], basis: LipBasis, shift: Shift
) -> Likeness:
    """Render each person's mouth from its own lip codes; arguments as of `measure_following`."""
    rows = [_of_person(model, track, basis, shift.view(model.config, track)) for track in tracks]
    psnr, sharpness = np.mean(rows, axis=0)
    return Likeness(float(psnr), float(sharpness))


def _of_person(
    model: TalkingFace, track: Track, basis: LipBasis, view: View
) -> tuple[float, float]:
    numbers = evenly(len(track.crop_index))
    codes = basis.encode(track.deviations[track.crop_index[numbers]])
    points = [place(track.crop_points[i], view.affine) for i in numbers]
    real = [view.see(track.crop(i)) for i in numbers]
    rendered = render(model, real, points, codes, appearance_of(track, basis), basis)
    lips = [lips_mask([seen], view.size, view.scale) > 0 for seen in points]
    errors = [
        np.square(a.astype(np.float32) - b)[mask].mean()
        for a, b, mask in zip(rendered, real, lips, strict=True)
    ]
    psnr = float(10.0 * np.log10(255.0**2 / np.mean(errors)))
    return psnr, _sharpness(rendered, lips) / _sharpness(real, lips)


def _sharpness(faces: Sequence[Image], masks: Sequence[Mask]) -> float:
    """Mean gradient within masks."""
    means = [_gradient(face)[mask].mean() for face, mask in zip(faces, masks, strict=True)]
    return float(np.mean(means))


def _gradient(image: Image) -> Grey:
    """Gradient magnitude of the luma, `[S, S]`."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    return np.hypot(across, down)
