"""The smooth step from 0 to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smooth_step(at: NDArray[np.floating] | float) -> NDArray[np.floating]:
    """0 up to 0, 1 from 1 on, in between a cubic without a bend at either end; any shape."""
    within = np.clip(at, 0.0, 1.0)
    return np.asarray(within * within * (3.0 - 2.0 * within))
