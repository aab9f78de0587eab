"""Correlation of two mouths over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
LEAST_FRAMES = 10  # that a correlation is computed from


def correlation(a: Array, b: Array, lag: int = 0) -> float:
    """Pearson's r of two series with `a` moved `lag` frames later, over frames both have.

    Args:
        a: `[T]`, NaN where a frame is missing.
        b: `[T]`, likewise; the longer of both is cut.
        lag: In frames; negative moves `a` earlier.

    Returns:
        r, or NaN where fewer than ten frames are left or one series is constant.
    """
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    if lag > 0:
        a, b = a[:-lag], b[lag:]
    elif lag < 0:
        a, b = a[-lag:], b[:lag]
    both = ~(np.isnan(a) | np.isnan(b))
    if both.sum() < LEAST_FRAMES or np.std(a[both]) == 0 or np.std(b[both]) == 0:
        return float("nan")
    return float(np.corrcoef(a[both], b[both])[0, 1])
