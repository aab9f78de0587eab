"""Shot boundary detection: finds the cuts of a video."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.media import Picture

BINS = 32
LAYOUT_CHANGED = 0.3  # 1 minus the correlation of two thumbnails; motion stays below about 0.1
COLOURS_CHANGED = 0.05  # fraction of the pixels that changed their histogram bin
SUDDEN = 3.0  # times the recent median change: a fast pan changes every frame as much
RECENT = 12  # frames of that median
NOISE = 20.0  # added to the contrast, so that the noise of a plain picture is not its layout


class ShotCutter:
    """Tells cuts from motion and from changing light.

    Light changes the colours, motion changes the layout a little. A cut changes both at once.
    In clips of real people the layout changed by 0.45 to 0.99 at cuts and by at most 0.11
    elsewhere.
    """

    def __init__(self) -> None:
        self._last: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._recent: deque[float] = deque(maxlen=RECENT)

    def update(self, picture: Picture) -> bool:
        """Whether the next frame begins a new shot."""
        current = _histograms(picture), _thumbnail(picture)
        last, self._last = self._last, current
        if last is None:
            return False
        colours = float(np.abs(current[0] - last[0]).sum() / (2 * len(picture.planes)))
        layout = 1.0 - float((current[1] * last[1]).sum())
        sudden = layout > SUDDEN * float(np.median(self._recent or [0.0]))
        cut = layout > LAYOUT_CHANGED and colours > COLOURS_CHANGED and sudden
        if not cut:
            self._recent.append(layout)
        return cut


def _histograms(picture: Picture) -> NDArray[np.float32]:
    """`[3, 32]`, one per plane, each summing to 1; blurred, to tolerate a little more light."""
    top = float(1 << picture.layout.depth)
    rows = []
    for plane in picture.planes:
        sparse = np.ascontiguousarray(plane[::4, ::4]).astype(np.float32)
        counts = cv2.calcHist([sparse], [0], None, [BINS], [0.0, top])
        rows.append(cv2.blur(counts, (1, 3)).ravel() / sparse.size)
    return np.array(rows, np.float32)


def _thumbnail(picture: Picture) -> NDArray[np.float32]:
    """`[18, 32]` luma, zero mean and unit length, so that brightness does not matter."""
    small = cv2.resize(picture.planes[0], (32, 18), interpolation=cv2.INTER_AREA)
    values = small.astype(np.float32) / float(1 << (picture.layout.depth - 8))
    values -= values.mean()
    return np.asarray(values / (np.linalg.norm(values) + NOISE), np.float32)
