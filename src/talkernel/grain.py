"""The skin's grain: where skin is replaced, the frame's own finest detail is laid on it again.

f knows no chance and sees a face a few hundred pixels wide, so the skin that it draws is smooth: a
patch of wax on a face with pores, stubble or film grain, the more so the larger the face. What f
changes there is the shape, not the grain. What fine things it does draw on skin are specks, which
D teaches it in the place of grain; they go. And where the face is larger than f sees it, M's edges
are steepened.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
FINE = 11.0  # of f's pixels: width of the blur that leaves no grain
STRAY = 3.0  # mean grains: what stands out further is an edge, which may have moved
SPECK = 5  # of f's pixels: side of the median
BORROWED = 0.8  # strength of the chin's grain where the frame has its lips
# Enlarged edges are softer than the frame's; these bring them nearer (an unsharp mask).
STEEP = 0.8  # strength, from twofold enlargement on
STEEPEST = 12.0  # of 255: more would leave a rim of light
EDGE = 4.4  # of f's pixels: width of an edge


class Skin(NamedTuple):
    """Where a view has what under the veil.

    Attributes:
        skin: `[S, S]` in 0..1.
        lips: The same: what f draws there may be skin, for which the frame has no grain.
        fold: Row at which the lips end and the chin begins.
    """

    skin: Array
    lips: Array
    fold: float


def grain(samples: NDArray[Any], side: int, rows: slice, columns: slice, where: Skin) -> Array:
    """What to add to drawn luma.

    Args:
        samples: `[h, w]` of the frame's luma, as it was.
        side: Of the crop, in samples.
        rows: Of the crop, those that `samples` are.
        columns: Likewise.
        where: There is skin in the crop.

    Returns:
        `[h, w]` in samples, about 0.
    """
    skin, lips = (cv2.resize(part, (side, side))[rows, columns] for part in where[:2])
    pixel = side / len(where.skin)
    own = _detail(samples, FINE * pixel) * skin
    strongest = STRAY * float(np.abs(own).sum()) / max(1.0, float(skin.sum()))
    own = np.clip(own, -strongest, strongest)
    return np.asarray(own + BORROWED * lips * _folded(own, round(where.fold * pixel) - rows.start))


def steepened(luma: Array, enlarged: float, depth: int) -> Array:
    """M's luma `[h, w]` enlarged so many times, its edges as steep as they could be at that size.

    Args:
        luma: In samples of `depth` bits.
        enlarged: Factor; up to 1 nothing changes.
        depth: Bits per sample.
    """
    if enlarged <= 1.0:
        return luma
    strength, highest = STEEP * min(1.0, enlarged - 1.0), STEEPEST * (1 << (depth - 8))
    detail = np.clip(_detail(luma, EDGE * enlarged), -highest, highest)
    return np.asarray(luma + strength * detail, np.float32)


def without_specks(motion: Array, where: Skin) -> Array:
    """M `[3, S, S]` without what is small on skin; edges stay, as a median leaves them."""
    down, across = (np.flatnonzero(where.skin.any(axis)) for axis in (1, 0))
    if not len(down):
        return motion
    at = np.s_[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    cleaned, weight = motion.copy(), where.skin[at]
    for plane in cleaned:
        specked = np.ascontiguousarray(plane[at])
        plane[at] = specked + weight * (cv2.medianBlur(specked, SPECK) - specked)
    return cleaned


def _detail(samples: NDArray[Any], width: float) -> Array:
    """What a blur so many samples wide takes away."""
    exact, odd = np.asarray(samples, np.float32), 2 * round(width / 2) + 1
    return np.asarray(exact - cv2.stackBlur(exact, (odd, odd)))


def _folded(values: Array, row: int) -> Array:
    """What lies below a row, as its mirror image above it."""
    folded = np.zeros_like(values)
    reach = max(0, min(row, len(values) - row))
    folded[row - reach : row] = values[row : row + reach][::-1]
    return folded
