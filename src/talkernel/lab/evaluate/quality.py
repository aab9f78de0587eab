"""PSNR, SSIM and landmark distance (LMD) of aligned faces (Section VI-E, Tables I and II)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import INNER_LIP, OUTER_LIP
from talkernel.lab.evaluate.align import aligned_face, to_aligned, transformed
from talkernel.lab.evaluate.dlib_face import MOUTH
from talkernel.lab.evaluate.tracked_video import TrackedVideo, frame_pairs, paired_pictures

COMPARED = 256  # pixels: size to which ATVGnet's script enlarges both faces
IDENTICAL = 100.0  # dB, what the script gives to equal pictures
Image = NDArray[np.uint8]


def picture_quality(video: TrackedVideo, real: TrackedVideo) -> dict[str, float]:
    """Compare a video's faces with the real ones: means over frames in which both have a face.

    Args:
        video: The video measured.
        real: The ground truth.

    Returns:
        `psnr` and `psnr_8bit` in dB, `ssim`, `lmd` and `lmd_mesh` in pixels of the aligned face.

    Raises:
        DataError: The lengths are too different.
    """
    pairs = frame_pairs(video, real)
    rows = [
        _scores(aligned_face(ours, video.points[i]), aligned_face(theirs, real.points[j]))
        for (i, j), ours, theirs in paired_pictures(video, real, pairs)
        if video.has_face[i] and real.has_face[j]
    ]
    mean = np.mean(rows, axis=0) if rows else np.full(3, np.nan)
    return {
        "psnr": float(mean[0]),
        "psnr_8bit": float(mean[1]),
        "ssim": float(mean[2]),
        **landmark_distances(video, real, pairs),
    }


def _scores(ours: Image, theirs: Image) -> tuple[float, float, float]:
    from skimage.metrics import structural_similarity

    size = (COMPARED, COMPARED)
    a, b = (cv2.resize(face, size, interpolation=cv2.INTER_AREA) for face in (ours, theirs))
    single = a.astype(np.float32), b.astype(np.float32)  # twice as fast, and equal to 1e-5
    ssim = structural_similarity(*single, channel_axis=2, data_range=255)
    grey_a, grey_b = (
        np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), np.uint8) for face in (a, b)
    )
    return psnr(grey_a, grey_b), psnr_8bit(grey_a, grey_b), float(ssim)


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio of grey pictures in dB; 100 where they are equal."""
    return psnr_of(float(np.mean((a.astype(np.float64) - b) ** 2)))


def psnr_8bit(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """PSNR as ATVGnet's published script computes it: differences and squares modulo 256.

    Wrapped squares average about 100 for any two pictures, so the result is hardly ever below
    28 dB. Published figures may have been computed this way; this is for comparison with them.
    """
    return psnr_of(float(np.mean((a - b) ** 2)))


def psnr_of(error: float) -> float:
    """Mean squared error of 8-bit samples to PSNR in dB."""
    return IDENTICAL if error == 0 else 20.0 * math.log10(255.0 / math.sqrt(error))


def landmark_distances(
    video: TrackedVideo, real: TrackedVideo, pairs: Sequence[tuple[int, int]]
) -> dict[str, float]:
    """Landmark distance LMD by dlib's mouth points and by the face mesh's lips."""
    dlib_mouth, lips = range(MOUTH.start, MOUTH.stop), [*OUTER_LIP, *INNER_LIP]
    by_dlib, by_mesh = [], []
    for i, j in pairs:
        if not (video.has_face[i] and real.has_face[j]):
            continue
        ours, theirs = to_aligned(video.points[i]), to_aligned(real.points[j])
        by_dlib.append(
            lmd(
                transformed(ours, video.points[i][dlib_mouth]),
                transformed(theirs, real.points[j][dlib_mouth]),
            )
        )
        by_mesh.append(
            lmd(transformed(ours, video.mesh[i][lips]), transformed(theirs, real.mesh[j][lips]))
        )
    return {"lmd": _mean(by_dlib), "lmd_mesh": _mean(by_mesh)}


def lmd(ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> float:
    """Mean distance of mouth landmarks `[N, 2]` after centring each set."""
    difference = (ours - ours.mean(0)) - (theirs - theirs.mean(0))
    return float(np.linalg.norm(difference, axis=1).mean())


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
