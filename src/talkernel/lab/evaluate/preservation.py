"""What an edit must preserve: background, steadiness of the face, sharpness of lips and jaw."""

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
from talkernel.lab.evaluate.quality import psnr_of
from talkernel.lab.evaluate.tracked_video import TrackedVideo
from talkernel.media import extend, open_face
from talkernel.mouth.region import region_mask

MARGIN = 0.06  # of the crop's side, around lips and jaw: skin that moves with them
LEAST_BACKGROUND = 0.02  # fraction of the picture; with less, background PSNR is NaN
LEAST_FLICKER = 0.02  # of 255; an input that changes less gives no ratio
BLUR = 5  # pixels: side of the local mean that detail is measured against
METRICS = ("background", "flicker", "flicker_ratio", "detail")
Plane = NDArray[np.float32]


@dataclass
class _Sums:
    """Sums over frames, from which the means are computed."""

    error: float = 0.0
    outside: int = 0
    change: float = 0.0
    change_of_input: float = 0.0
    beside: int = 0
    detail: float = 0.0
    detail_of_input: float = 0.0

    def means(self, background_fraction: float) -> dict[str, float]:
        """Metrics by name; NaN where there was too little to measure."""
        background = self.error / self.outside if background_fraction > LEAST_BACKGROUND else np.nan
        flicker, still = (
            c / self.beside if self.beside else np.nan for c in (self.change, self.change_of_input)
        )
        ratio = flicker / still if still > LEAST_FLICKER else np.nan
        detail = self.detail / self.detail_of_input if self.detail_of_input else np.nan
        return dict(zip(METRICS, (psnr_of(background), flicker, ratio, detail), strict=True))


def preservation(
    video: TrackedVideo, face: Path, fps: Fraction, unedited: TrackedVideo
) -> dict[str, float]:
    """Compare a video with the input that it was made from.

    Args:
        video: The video measured.
        face: The input: a photo, or a video that is looped forwards and backwards.
        fps: Frames a second of the photo.
        unedited: The input written by the same encoder; its landmarks locate face and mouth.

    Returns:
        `background`: PSNR of luma outside the face crop, dB, including the encoder's loss.
        `flicker`: mean change of luma from frame to frame within the crop, but outside lips and
        jaw, of 255. `flicker_ratio`: the same relative to the unedited video. `detail`: fine
        detail of lips and jaw relative to the unedited video. All NaN where size or rate differ
        from the input's.
    """
    source = open_face(face, fps=fps)
    sizes = {video.size, unedited.size, (source.width, source.height)}
    if len(sizes) > 1 or video.fps != unedited.fps:
        return dict.fromkeys(METRICS, float("nan"))
    sums, before, area = _Sums(), None, 0
    frames = extend(source, min(len(video), len(unedited)), "pingpong")
    inputs = (frame.picture for frame in frames)
    streams = zip(
        open_face(video.path).frames(), open_face(unedited.path).frames(), inputs, strict=False
    )
    for number, pictures in enumerate(streams):
        ours, plain, shown = (p.planes[0].astype(np.float32) for p in pictures)
        area += ours.size
        if unedited.has_face[number]:
            _add(sums, (ours, plain, shown), before, unedited.mesh[number])
        before = ours, plain
    return sums.means(sums.outside / max(1, area))


def _add(
    sums: _Sums,
    now: tuple[Plane, Plane, Plane],
    before: tuple[Plane, Plane] | None,
    mesh: NDArray[np.float32],
) -> None:
    ours, plain, shown = now
    inside, beside, mouth = _regions(mesh, ours.shape)
    sums.error += float(((ours - shown)[~inside] ** 2).sum())
    sums.outside += int((~inside).sum())
    sums.detail += float(_detail(ours)[mouth].sum())
    sums.detail_of_input += float(_detail(plain)[mouth].sum())
    if before is not None:
        sums.change += float(np.abs(ours - before[0])[beside].sum())
        sums.change_of_input += float(np.abs(plain - before[1])[beside].sum())
        sums.beside += int(beside.sum())


def _detail(luma: Plane) -> Plane:
    """Absolute difference of each sample from its local mean."""
    return np.asarray(np.abs(luma - cv2.blur(luma, (BLUR, BLUR))))


def _regions(
    mesh: NDArray[np.float32], shape: tuple[int, ...]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks `[H, W]`: the face crop, the crop without lips and jaw, lips and jaw."""
    crop = Crop.around(*crop_geometry(HeadPose.fit(mesh)))
    inside = np.zeros(shape, bool)
    rows, columns = (slice(max(0, at), max(0, at + crop.side)) for at in (crop.top, crop.left))
    inside[rows, columns] = True
    longest = max(shape)
    lower = region_mask([mesh], SHAPE, longest, MARGIN * crop.side)[: shape[0], : shape[1]] > 0
    return inside, inside & ~lower, lower
