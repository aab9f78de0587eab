"""Where one shot ends and the next begins."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.media import Picture

BINS = 32
LAYOUT_CHANGED = 0.3  # 1 less the correlation of two thumbnails; motion stays about 0.1
COLOURS_CHANGED = 0.05  # share of the pixels that changed their bin
SUDDEN = 3.0  # times the change usual just before, which a fast pan is not
USUAL = 12  # pictures that tell the usual change
NOISE = 20.0  # keeps a black or plain picture's noise from counting as layout


class ShotCutter:
    """Tells cuts from motion and from changing light.

    Light changes the colours, motion the layout a little; a cut changes both at once. Clips of
    real people: 0.45 to 0.99 at cuts in the layout, 0.11 at most elsewhere.
    """

    def __init__(self) -> None:
        self._last: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._usual: deque[float] = deque(maxlen=USUAL)

    def update(self, picture: Picture) -> bool:
        """Whether the next picture begins a new shot."""
        current = _histograms(picture), _thumbnail(picture)
        last, self._last = self._last, current
        if last is None:
            return False
        colours = float(np.abs(current[0] - last[0]).sum() / (2 * len(picture.planes)))
        layout = 1.0 - float((current[1] * last[1]).sum())
        sudden = layout > SUDDEN * float(np.median(self._usual or [0.0]))
        cut = layout > LAYOUT_CHANGED and colours > COLOURS_CHANGED and sudden
        if not cut:
            self._usual.append(layout)
        return cut


def _histograms(picture: Picture) -> NDArray[np.float32]:
    """`[3, 32]`, each plane's summing to 1; softened, so that a little more light is no cut."""
    top = float(1 << picture.layout.depth)
    rows = []
    for plane in picture.planes:
        sparse = np.ascontiguousarray(plane[::4, ::4]).astype(np.float32)
        counts = cv2.calcHist([sparse], [0], None, [BINS], [0.0, top])
        rows.append(cv2.blur(counts, (1, 3)).ravel() / sparse.size)
    return np.array(rows, np.float32)


def _thumbnail(picture: Picture) -> NDArray[np.float32]:
    """`[18, 32]` luma without its mean, of unit length, so that brightness says nothing."""
    small = cv2.resize(picture.planes[0], (32, 18), interpolation=cv2.INTER_AREA)
    values = small.astype(np.float32) / float(1 << (picture.layout.depth - 8))
    values -= values.mean()
    return np.asarray(values / (np.linalg.norm(values) + NOISE), np.float32)
