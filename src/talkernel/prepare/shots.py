"""Where one shot ends and the next begins."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.media import Picture

BINS = 32
EDGES_CHANGED = 0.5  # share of edges that are gone or new
COLOURS_CHANGED = 0.18  # share of the pixels that changed their bin
SUDDEN = 3.0  # times the change usual just before
USUAL = 12  # pictures that tell the usual change


class ShotCutter:
    """Tells cuts from motion: colours and edges both change, and far more than just before."""

    def __init__(self) -> None:
        self._last: tuple[NDArray[np.float32], NDArray[np.bool_]] | None = None
        self._usual: deque[float] = deque(maxlen=USUAL)

    def update(self, picture: Picture) -> bool:
        """Whether the next picture begins a new shot."""
        current = _histograms(picture), _edges(picture)
        last, self._last = self._last, current
        if last is None:
            return False
        colours = float(np.abs(current[0] - last[0]).sum() / (2 * len(picture.planes)))
        edges = _changed(last[1], current[1])
        sudden = colours > SUDDEN * float(np.median(self._usual or [0.0]))
        cut = colours > COLOURS_CHANGED and edges > EDGES_CHANGED and sudden
        self._usual = deque(maxlen=USUAL) if cut else self._usual
        self._usual.append(0.0 if cut else colours)
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


def _edges(picture: Picture) -> NDArray[np.bool_]:
    """`[45, 80]` where the brightness changes."""
    scale = 255.0 / ((1 << picture.layout.depth) - 1)
    small = cv2.resize(picture.planes[0], (80, 45), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.Canny((small * scale).astype(np.uint8), 40, 120) > 0)


def _changed(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    """Share of edges without an edge near them in the other picture."""
    shares = []
    for own, other in ((before, after), (after, before)):
        near = cv2.dilate(other.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        shares.append(float((own & ~near).sum() / max(1, own.sum())))
    return max(shares)
