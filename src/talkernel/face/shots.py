"""Shot boundary detection: finds the cuts of a video, and tells whether a view has changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.media import Picture

LONG, SHORT = 64, 36  # cells of the thumbnail along the longer and the shorter side
SAMPLED = 2  # the picture is sampled at this many times the size of the thumbnail
WINDOW = (7, 7)  # cells that are compared at once
NOISE = 9.0  # of 255; contrast well below it counts as a plain surface
BLANK = 0.03  # mean texture below which a picture shows nothing: black, white, faded
BLACK, REACH = 28.0, 4  # black bars are darker; windows up to 4 cells away reach into them
WHITE, BLOWN_OUT = 222.0, 0.95  # a picture that is white to this fraction shows nothing either
UNLIKE, ALIKE = 0.5, 0.8  # correlations at which a window counts as changed and as unchanged
PLAIN, TEXTURED = 0.05, 0.3  # texture that a cover has, and that what it covers has
ENOUGH = 0.25  # texture that must remain beside a cover to judge the view by it
UNCHANGED = 0.18  # a change below it needs no search for more motion
RELIT = 16.0  # of 255; mean luma changed by more may be a flash

CUT = 0.3  # change of the view in one frame, beyond the recent changes; measured in `lab.shots`
RECENT = 3  # frames whose changes are expected again: pans, people who walk past, grain
EXPECTED = 0.4  # change expected of the frames before the first
NEW_VIEW = 0.62  # a larger `Scene.change` means another view

Cells = NDArray[np.float32]
Shift = tuple[int, int]
_AROUND_COVER = np.ones((9, 9), np.uint8)
_AROUND = [(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1) if x or y]


class Scene:
    """The view in one frame: a luma thumbnail and its local contrast.

    Args:
        luma: `[36, 64]`, or `[64, 36]` for an upright picture; 0 to 255.
    """

    def __init__(self, luma: Cells) -> None:
        self.luma = luma
        mean = cv2.boxFilter(luma, -1, WINDOW)
        variance = cv2.sqrBoxFilter(luma, cv2.CV_32F, WINDOW) - mean * mean
        pattern = (luma - mean) / np.sqrt(np.maximum(variance, 0.0) + NOISE**2)
        self._texture = _cells(cv2.boxFilter(pattern * pattern, -1, WINDOW))
        self._texture[_bars(luma)] = 0.0
        self._total, self._mean = float(self._texture.sum()), float(luma.mean())
        self._pattern = _cells(pattern / np.sqrt(self._texture + 0.01))  # of unit variance

    @classmethod
    def of(cls, picture: Picture) -> Scene:
        """The view in a picture of any size; reads 36 864 of its samples."""
        upright = picture.height > picture.width
        columns, rows = (SHORT, LONG) if upright else (LONG, SHORT)
        size = (SAMPLED * columns, SAMPLED * rows)
        sparse = cv2.resize(picture.planes[0], size, interpolation=cv2.INTER_LINEAR)
        smooth = cv2.GaussianBlur(sparse, (3, 3), 0)  # against grain and aliasing
        small = cv2.resize(smooth, (columns, rows), interpolation=cv2.INTER_AREA)
        return cls(_cells(small) / np.float32(1 << (picture.layout.depth - 8)))

    @cached_property
    def blank(self) -> bool:
        """Whether nothing can be recognised: a black, white, plain or blown-out picture."""
        white = np.count_nonzero(self.luma > WHITE) / self.luma.size
        return bool(self._total < BLANK * self.luma.size or white > BLOWN_OUT)

    def change(self, other: Scene) -> float:
        """How far the view has changed; the frames need not be neighbours.

        It is the part of what is seen that is not found again, nearby or moved as a whole, in the
        picture in which less is to be seen. So nothing has changed where something plain covers a
        part of the view. Brightness does not matter.

        Returns:
            0 for the same view, about 1 if nothing is in common. 0 if one of them is blank.
        """
        if self.blank or other.blank:
            return 0.0
        if self.luma.shape != other.luma.shape:
            return 1.0
        change = 1.0
        for found in self._comparisons(other):
            change = min(change, found)
            if change < UNCHANGED:
                break
        return change

    def _comparisons(self, other: Scene) -> Iterable[float]:
        """Changes under ever more motion and light, the cheapest first."""
        still = self._correlation(other, [(0, 0)])
        yield self._unexplained(other, still)
        yield self._unexplained(other, np.maximum(still, self._correlation(other, _AROUND)))
        x, y = self._moved(other)
        if max(abs(x), abs(y)) > 1:
            shifts = [(x, y), *((x + dx, y + dy) for dx, dy in _AROUND)]
            yield self._unexplained(other, self._correlation(other, shifts))
        if abs(self._mean - other._mean) > RELIT:
            dark, bright = sorted((self, other), key=lambda scene: scene._mean)
            exposed = dark._exposed_as(bright)
            yield exposed._unexplained(bright, exposed._correlation(bright, [(0, 0), *_AROUND]))

    def _unexplained(self, other: Scene, correlation: Cells) -> float:
        """The part of the texture that is not found again, where neither scene is covered."""
        alike = np.clip((correlation - UNLIKE) / (ALIKE - UNLIKE), 0.0, 1.0)
        explained = alike * np.minimum(self._texture, other._texture)
        less = max(1.0, min(self._total, other._total))  # far below that of a blank scene
        change = 1.0 - float(explained.sum()) / less
        if change < UNCHANGED:
            return change
        for free in (self._beside_cover(other), other._beside_cover(self)):
            remaining = min(float(np.vdot(free, scene._texture)) for scene in (self, other))
            if remaining > ENOUGH * less:
                change = min(change, 1.0 - float(np.vdot(free, explained)) / remaining)
        return change

    def _beside_cover(self, other: Scene) -> Cells:
        """1 where this scene is not covered in the other by something plain, or by its edge."""
        covered = (self._texture > TEXTURED) & (other._texture < PLAIN)
        return _cells(1 - cv2.dilate(covered.astype(np.uint8), _AROUND_COVER))

    def _correlation(self, other: Scene, shifts: Iterable[Shift]) -> Cells:
        """Of the windows around each cell, in the other scene and here, at the best shift."""
        rows, columns = self.luma.shape
        best = np.full_like(self.luma, -1.0)
        for x, y in shifts:
            inside = np.s_[max(0, y) : rows + min(0, y), max(0, x) : columns + min(0, x)]
            source = np.s_[max(0, -y) : rows - max(0, y), max(0, -x) : columns - max(0, x)]
            products = cv2.multiply(self._pattern[source], other._pattern[inside])
            found = cv2.boxFilter(products, -1, WINDOW)
            best[inside] = cv2.max(best[inside], found)
        return best

    def _moved(self, other: Scene) -> Shift:
        """The shift, in cells, at which the middle of this picture fits the other best."""
        top, left = (side // 4 for side in self.luma.shape)
        middle = np.ascontiguousarray(self._pattern[top:-top, left:-left])
        fit = cv2.matchTemplate(other._pattern, middle, cv2.TM_CCORR_NORMED)
        x, y = cv2.minMaxLoc(fit)[3]
        return x - left, y - top

    def _exposed_as(self, other: Scene) -> Scene:
        """This scene with the other's histogram: flashes are clipped in both alike."""
        order = np.argsort(self.luma, axis=None)
        luma = np.empty(self.luma.size, np.float32)
        luma[order] = np.sort(other.luma, axis=None)
        return Scene(luma.reshape(self.luma.shape))


class ShotCutter:
    """Tells cuts from motion, from changing light and from gradual transitions.

    A cut is a change of the view that is much larger than those just before it. Blank frames
    are skipped: the next picture is compared with the last one before them.

    Attributes:
        scene: The last frame's view; None before the first frame.
    """

    def __init__(self) -> None:
        self.scene: Scene | None = None
        self._seen: Scene | None = None
        self._recent = deque([EXPECTED] * RECENT, maxlen=RECENT)
        self._was_cut = False

    def update(self, picture: Picture) -> bool:
        """Whether the next frame begins a new shot."""
        self.scene = Scene.of(picture)
        if self.scene.blank:
            return False
        before, self._seen = self._seen, self.scene
        return before is not None and self._is_cut(before.change(self.scene))

    def _is_cut(self, change: float) -> bool:
        expected = max(self._recent)
        cut = change - expected > CUT * (1.0 - expected)
        if not cut or self._was_cut:  # not two cuts in a row: it is grain
            self._recent.append(change)
        self._was_cut = cut
        return cut


def _bars(luma: Cells) -> NDArray[np.bool_]:
    """Cells in or beside black bars, whose edges all shots of a film have in common."""
    bars = np.zeros(luma.shape, bool)
    for across, lines in ((1, bars), (0, bars.T)):
        dark = cv2.reduce(luma, across, cv2.REDUCE_MAX).ravel() < BLACK
        first, last = int(np.argmin(dark)), int(np.argmin(dark[::-1]))
        if first:
            lines[: first + REACH] = True
        if last:
            lines[-last - REACH :] = True
    return bars


def _cells(values: object) -> Cells:
    return np.asarray(values, np.float32)
