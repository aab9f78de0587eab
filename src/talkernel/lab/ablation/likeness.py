"""Told its own lips, a mouth should look as it did: how near that comes, and how sharp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.lab.ablation.following import Shift, appearance_of, draw, evenly
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
    """Figures of the lips and a margin around them; means over people.

    Attributes:
        psnr: Against the real frame, in dB.
        sharpness: Mean gradient as a share of the real frame's; 1 is as sharp.
    """

    psnr: float
    sharpness: float


def likeness(
    model: TalkingFace, tracks: Sequence[Track], basis: LipBasis, shift: Shift
) -> Likeness:
    """Hide each person's mouth, tell what it did, and compare; see `obey`."""
    rows = [_one(model, track, basis, shift.view(model.config, track)) for track in tracks]
    psnr, sharpness = np.mean(rows, axis=0)
    return Likeness(float(psnr), float(sharpness))


def _one(model: TalkingFace, track: Track, basis: LipBasis, view: View) -> tuple[float, float]:
    numbers = evenly(len(track.crop_index))
    codes = basis.encode(track.deviations[track.crop_index[numbers]])
    points = [place(track.crop_points[i], view.affine) for i in numbers]
    real = [view.see(track.crop(i)) for i in numbers]
    drawn = draw(model, real, points, codes, appearance_of(track, basis), basis)
    lips = [lips_mask([seen], view.size, view.scale) > 0 for seen in points]
    wrong = [
        np.square(a.astype(np.float32) - b)[mask].mean()
        for a, b, mask in zip(drawn, real, lips, strict=True)
    ]
    psnr = float(10.0 * np.log10(255.0**2 / np.mean(wrong)))
    return psnr, _steepness(drawn, lips) / _steepness(real, lips)


def _steepness(faces: Sequence[Image], masks: Sequence[Mask]) -> float:
    """Mean gradient within masks."""
    means = [_gradient(face)[mask].mean() for face, mask in zip(faces, masks, strict=True)]
    return float(np.mean(means))


def _gradient(image: Image) -> Grey:
    """Length of the brightness's gradient, `[S, S]`."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    return np.hypot(across, down)
