"""The light on a face: matches what is taken from one frame to another frame's exposure and colour.

Skin is sampled at the same points of the face mesh in both frames: cheeks and nose, which are
never edited, and the chin as the input shows it. A gain and an offset per channel take one set of
samples to the other.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.crop import Crop
from talkernel.face.view import crop_planes
from talkernel.media.frame import Picture, PixelLayout
from talkernel.media.sample import rgb_to_yuv_matrix, yuv_to_rgb_matrix
from talkernel.mouth.region import smooth_step

Array = NDArray[np.float32]
# Landmarks on skin that is not edited, and on the chin and around the mouth.
CHEEKS = (50, 101, 117, 118, 123, 147, 187, 205, 36, 280, 330, 346, 347, 352, 376, 411, 425, 266)
NOSE = (6, 197, 195, 5, 4, 45, 275, 51, 281, 3, 248, 119, 120, 348, 349)
CHIN = (
    *(200, 199, 208, 428, 201, 421, 194, 418, 83, 313, 182, 406, 106, 335, 43, 273),
    *(204, 424, 202, 422, 210, 430, 211, 431, 32, 262, 140, 369, 171, 396),
)
SKIN = (*CHEEKS, *NOSE, *CHIN)
UPPER = len(CHEEKS) + len(NOSE)  # samples above the mouth come first
SIDE = 64  # pixels of the view that is sampled
BLUR = 5  # pixels of that view
# Levels of 255.
DARK = (2.0, 8.0)  # mean luma above black over which an edit appears: darker skin shows nothing
MISFIT = (28.0, 50.0)  # median error of the fit over which the edit fades: it is another light
COVERED = 40.0  # error of a sample on the chin that shows something else, such as a hand
HIDDEN = (0.4, 0.7)  # fraction of such samples over which the edit fades
STEADY = 2.0  # changes below this are noise, and are smoothed
USUAL_OFFSET = 8.0  # standard deviation of offsets; most changes of light are gains
INDEPENDENT = 4  # as many independent samples are worth all of them: shading is smooth
MAX_GAIN, MOST_LOCAL = 3.0, 20.0  # largest gain; most levels by which the chin is corrected alone


class Light(NamedTuple):
    """A map from the samples of one frame to another frame's light, for Y, U and V.

    Attributes:
        gain: `[3]`.
        offset: `[3]` in samples of the frame's depth.
        rgb: `[3, 4]` the same for RGB in 0..255.
        trust: 0 to 1, how well it describes the difference; the edit fades with it.
    """

    gain: Array
    offset: Array
    rgb: Array
    trust: float

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing that can be seen."""
        return bool((np.abs(self.gain - 1.0) < 4e-3).all() and (np.abs(self.offset) < 0.25).all())

    def applied(self, channel: int, samples: Array) -> Array:
        """Samples of Y (0), U (1) or V (2) in this light, any shape."""
        return np.asarray(samples * self.gain[channel] + self.offset[channel], np.float32)

    def applied_to_rgb(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """An RGB image `[H, W, 3]` in this light."""
        return np.asarray(cv2.transform(image, self.rgb), np.uint8)


def sample_skin(picture: Picture, landmarks: NDArray[np.floating]) -> Array:
    """Y, U and V of the skin at fixed points of the face, `[63, 3]` in levels of 255.

    Args:
        picture: The frame.
        landmarks: `[468, 3]` in its pixels.
    """
    points = np.asarray(landmarks[list(SKIN), :2], np.float32)
    low, high = points.min(0), points.max(0)
    x, y = map(float, (low + high) / 2)
    crop = Crop.around(x, y, 1.1 * float((high - low).max()))
    at = crop.to_view(points, SIDE)[:, None].astype(np.float32) - np.float32(0.5)
    unit = float(1 << (picture.layout.depth - 8))
    planes = cv2.merge(
        [cv2.blur(plane, (BLUR, BLUR)) for plane in crop_planes(picture, crop, SIDE)]
    )
    replicate = cv2.BORDER_REPLICATE
    found = cv2.remap(planes, at, None, cv2.INTER_LINEAR, borderMode=replicate)  # type: ignore[call-overload]
    return np.asarray(found[:, 0] / np.float32(unit), np.float32)


def steadied(before: Array | None, skin: Array) -> Array:
    """Skin samples of a frame, smoothed with those of the frame before unless the light changes."""
    if before is None:
        return skin
    change = skin - before
    moved = min(1.0, float(np.abs(_median(change)).max()) / STEADY)
    return np.asarray(before + max(0.3, moved) * change, np.float32)


def fit_light(source: Array, target: Array, layout: PixelLayout) -> Light:
    """The light that takes skin samples `[63, 3]` of one frame to those of another.

    Args:
        source: From the frame that texture is taken from.
        target: From the frame that is edited.
        layout: Pixel format of both.
    """
    black = np.array([0.0 if layout.full_range else 16.0, 128.0, 128.0], np.float32)
    a, b = (np.asarray(skin - black, np.float32) for skin in (source, target))
    gain, offset = _robust_line(a[:UPPER, 0], b[:UPPER, 0])
    gains = np.full(3, gain, np.float32)
    offsets = np.array([offset, *_median(b[:UPPER, 1:] - gain * a[:UPPER, 1:])], np.float32)
    rest = b - (gains * a + offsets)
    shown = rest[UPPER:][np.abs(rest[UPPER:]).max(1) < COVERED]
    if len(shown) > len(CHIN) / 2:
        offsets += np.clip(_median(shown), -MOST_LOCAL, MOST_LOCAL)
    trust = _trust(b[:, 0], rest)
    unit = np.float32(1 << (layout.depth - 8))
    offsets = (offsets + black - gains * black) * unit
    return Light(gains, offsets, _for_rgb(gains, offsets, layout), trust)


def _for_rgb(gain: Array, offset: Array, layout: PixelLayout) -> Array:
    """The affine map `[3, 4]` of RGB in 0..255 that is a gain and an offset of Y, U and V."""
    to_yuv, to_rgb = rgb_to_yuv_matrix(layout), yuv_to_rgb_matrix(layout)
    moved = gain[:, None] * to_yuv
    moved[:, 3] += offset
    affine = to_rgb[:, :3] @ moved
    affine[:, 3] = 255.0 * (affine[:, 3] + to_rgb[:, 3])
    return np.asarray(affine, np.float32)


def _robust_line(x: Array, y: Array) -> tuple[float, float]:
    """Gain and offset of a robust line through samples `[N]`.

    Another head pose shades the face differently, which looks like a change of contrast. So the
    offset is expected to be small, unless the samples lie on a line.
    """
    gain, offset = float(np.clip(float(_median(y / np.maximum(x, 1.0))), 0.0, MAX_GAIN)), 0.0
    rows = np.stack([x, np.ones_like(x)], 1)
    for _ in range(5):
        error = np.abs(y - gain * x - offset)
        noise = max(1.0, 1.5 * float(_median(error)))
        weight = 1.0 / (1.0 + (error / (2.0 * noise)) ** 2)
        expected = np.diag([0.0, weight.sum() / INDEPENDENT * (noise / USUAL_OFFSET) ** 2])
        weighted = (rows * weight[:, None]).T
        found = np.linalg.solve(weighted @ rows + expected, weighted @ y)
        gain, offset = float(np.clip(found[0], 0.0, MAX_GAIN)), float(found[1])
    return gain, offset


def _trust(luma: NDArray[np.floating], errors: NDArray[np.floating]) -> float:
    """How far an edit may be shown.

    Args:
        luma: `[63]` of the frame's skin, above black.
        errors: `[63, 3]` that the fit leaves.
    """
    seen = smooth_step((float(luma.mean()) - DARK[0]) / (DARK[1] - DARK[0]))
    misfit = float(_median(np.abs(errors[:UPPER, 0])))
    fits = 1.0 - smooth_step((misfit - MISFIT[0]) / (MISFIT[1] - MISFIT[0]))
    covered = float((np.abs(errors[UPPER:]).max(1) > COVERED).mean())
    free = 1.0 - smooth_step((covered - HIDDEN[0]) / (HIDDEN[1] - HIDDEN[0]))
    return float(seen * fits * free)


def _median(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The median along the first axis; for so few values much faster than NumPy's."""
    ordered, count = np.sort(values, 0), len(values)
    return np.asarray((ordered[(count - 1) // 2] + ordered[count // 2]) / 2)
