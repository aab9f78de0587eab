"""The skin's grain: where skin is replaced, the frame's own finest detail is laid on it again.

f knows no chance and sees a face a few hundred pixels wide, so the skin that it draws is smooth: a
patch of wax on a face with pores, stubble or film grain, the more so the larger the face. What f
changes there is the shape, not the grain.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
FINE = 11.0  # of f's pixels: width of the blur that leaves no grain
STRAY = 3.0  # mean grains: what stands out further is an edge, which may have moved


def grain(samples: NDArray[Any], weight: Array, pixel: float) -> Array:
    """The finest detail of some samples.

    Args:
        samples: `[H, W]` of a plane.
        weight: `[H, W]` in 0..1, where it is wanted.
        pixel: Width of one of f's pixels, in samples.

    Returns:
        `[H, W]` in samples, about 0, times the weight; edges are cut down to strong grain.
    """
    exact, width = samples.astype(np.float32), 2 * round(FINE * pixel / 2) + 1
    detail = exact - cv2.stackBlur(exact, (width, width))
    mean = float((np.abs(detail) * weight).sum() / max(1.0, float(weight.sum())))
    return np.asarray(np.clip(detail, -STRAY * mean, STRAY * mean) * weight, np.float32)
