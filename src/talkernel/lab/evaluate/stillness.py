"""What must not change: the background, the face but for its mouth, and how sharp it is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import Crop, crop_geometry
from talkernel.face.lips import SHAPE
from talkernel.face.pose import HeadPose
from talkernel.lab.evaluate.observe import Seen
from talkernel.lab.evaluate.quality import psnr_of
from talkernel.media import extend, open_face
from talkernel.mouth.region import region_mask

MARGIN = 0.06  # of the crop's side, around lips and jaw: skin that moves with them
ENOUGH = 0.02  # of the picture: less background than this is none
RESTING = 0.02  # of 255: an input that changes less gives no ratio
FINE = 5  # pixels: side of the mean from which detail is told
FIGURES = ("background", "flicker", "flicker_ratio", "detail")
Plane = NDArray[np.float32]


@dataclass
class _Sums:
    """What is added up over frames; means are taken at the end."""

    error: float = 0.0
    outside: int = 0
    change: float = 0.0
    change_of_input: float = 0.0
    beside: int = 0
    detail: float = 0.0
    detail_of_input: float = 0.0

    def result(self, share_outside: float) -> dict[str, float]:
        """Names to figures; NaN where there was too little to measure."""
        background = self.error / self.outside if share_outside > ENOUGH else np.nan
        flicker, still = (
            c / self.beside if self.beside else np.nan for c in (self.change, self.change_of_input)
        )
        ratio = flicker / still if still > RESTING else np.nan
        detail = self.detail / self.detail_of_input if self.detail_of_input else np.nan
        return dict(zip(FIGURES, (psnr_of(background), flicker, ratio, detail), strict=True))


def stillness(video: Seen, face: Path, fps: Fraction, unedited: Seen) -> dict[str, float]:
    """Compare a video with the input that it was made from.

    Args:
        video: What is judged.
        face: The input: a video, continued to and fro, or a photo.
        fps: Frames a second of the photo.
        unedited: The input written by the same encoder; tells where face and mouth are.

    Returns:
        `background`: PSNR of luma outside the face crop, dB, the encoder's loss included.
        `flicker`: mean change of luma from frame to frame within the crop, but outside lips and
        jaw, of 255. `flicker_ratio`: the same as a share of the unedited video's. `detail`:
        fine detail of lips and jaw, as a share of the unedited video's. All NaN where the
        picture's size or rate is not the input's.
    """
    source = open_face(face, fps=fps)
    sizes = {video.size, unedited.size, (source.width, source.height)}
    if len(sizes) > 1 or video.fps != unedited.fps:
        return dict.fromkeys(FIGURES, float("nan"))
    sums, before, area = _Sums(), None, 0
    frames = extend(source, min(len(video), len(unedited)), "pingpong")
    inputs = (frame.picture for frame in frames)
    streams = zip(
        open_face(video.path).frames(), open_face(unedited.path).frames(), inputs, strict=False
    )
    for number, pictures in enumerate(streams):
        ours, plain, seen = (p.planes[0].astype(np.float32) for p in pictures)
        area += ours.size
        if unedited.has_face[number]:
            _add(sums, (ours, plain, seen), before, unedited.mesh[number])
        before = ours, plain
    return sums.result(sums.outside / max(1, area))


def _add(
    sums: _Sums,
    now: tuple[Plane, Plane, Plane],
    before: tuple[Plane, Plane] | None,
    mesh: NDArray[np.float32],
) -> None:
    ours, plain, seen = now
    inside, beside, mouth = _regions(mesh, ours.shape)
    sums.error += float(((ours - seen)[~inside] ** 2).sum())
    sums.outside += int((~inside).sum())
    sums.detail += float(_detail(ours)[mouth].sum())
    sums.detail_of_input += float(_detail(plain)[mouth].sum())
    if before is not None:
        sums.change += float(np.abs(ours - before[0])[beside].sum())
        sums.change_of_input += float(np.abs(plain - before[1])[beside].sum())
        sums.beside += int(beside.sum())


def _detail(luma: Plane) -> Plane:
    """How far each sample is from the mean around it."""
    return np.asarray(np.abs(luma - cv2.blur(luma, (FINE, FINE))))


def _regions(
    mesh: NDArray[np.float32], shape: tuple[int, ...]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks `[H, W]` of the face crop, of the crop without lips and jaw, and of these."""
    crop = Crop.around(*crop_geometry(HeadPose.fit(mesh)))
    inside = np.zeros(shape, bool)
    rows, columns = (slice(max(0, at), max(0, at + crop.side)) for at in (crop.top, crop.left))
    inside[rows, columns] = True
    longest = max(shape)
    lower = region_mask([mesh], SHAPE, longest, MARGIN * crop.side)[: shape[0], : shape[1]] > 0
    return inside, inside & ~lower, lower
