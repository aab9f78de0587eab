"""The view in one frame, compared with that in another: has the camera turned elsewhere?

Windows of a thumbnail are compared by correlation, without local mean and contrast, so that light
does not matter. The limits were chosen on labelled sequences (`lab.shots`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.media import Picture

# Another view gave at least 0.63 in 98 of 100 sequences (with black bars less: half above 0.66).
# The same view gave at most 0.52, with a board before its person 0.5, with its person gone 0.57 in
# 90 of 100; heavy grain up to 0.72.
NEW_VIEW = 0.58  # a larger `Scene.change` means another view

LONG, SHORT = 64, 36  # cells of the thumbnail along the longer and the shorter side
SAMPLED = 2  # the picture is sampled at this many times the size of the thumbnail
WINDOW = (7, 7)  # cells that are compared at once
EQUAL, FEW = 6.0, 0.04  # of 255; fraction of the cells that may differ by more in equal scenes
NOISE = 9.0  # of 255; contrast well below it counts as a plain surface
BLANK = 0.06  # mean texture below which a picture shows nothing: black, white, faded
WHITE, BLOWN_OUT = 222.0, 0.95  # a picture that is white to this fraction shows nothing either
BLACK, REACH = 28.0, 4  # black bars are darker; windows up to 4 cells away reach into them
UNLIKE, ALIKE = 0.5, 0.8  # correlations at which a window counts as changed and as unchanged
PLAIN, TEXTURED = 0.05, 0.3  # texture that a cover has, and that what it covers has
ENOUGH = 0.25  # texture that must remain beside a cover to judge the view by it
UNCHANGED = 0.18  # a change below it needs no search for more motion
RELIT = 16.0  # of 255; if mean luma changed by more, it may be a flash

Cells = NDArray[np.float32]
Shift = tuple[int, int]
_BESIDE: list[Shift] = [(0, -1), (-1, 0), (1, 0), (0, 1)]
_DIAGONAL: list[Shift] = [(-1, -1), (1, -1), (-1, 1), (1, 1)]
_ASIDE: list[Shift] = [(x, y) for x in (-2, 2) for y in (-1, 0, 1)]
_NEAR = [(0, 0), *_BESIDE, *_DIAGONAL]
_AROUND_COVER = np.ones((9, 9), np.uint8)


class Detail(NamedTuple):
    """What is compared.

    Attributes:
        pattern: Luma without its local mean, of unit local variance.
        texture: Local contrast beyond `NOISE`: 0 for a plain surface, about 1 at most.
        total: Sum of the texture, at least 1.
    """

    pattern: Cells
    texture: Cells
    total: float


class Scene:
    """The view in one frame.

    Args:
        luma: A thumbnail, `[36, 64]`, or `[64, 36]` of an upright picture; 0 to 255.
    """

    def __init__(self, luma: Cells) -> None:
        self.luma = luma

    @classmethod
    def of(cls, picture: Picture) -> Scene:
        """The view in a picture of any size; reads 36 864 of its samples."""
        columns, rows = (LONG, SHORT) if picture.width >= picture.height else (SHORT, LONG)
        size = (SAMPLED * columns, SAMPLED * rows)
        sparse = cv2.resize(picture.planes[0], size, interpolation=cv2.INTER_LINEAR)
        smooth = cv2.GaussianBlur(sparse, (3, 3), 0)  # against grain and aliasing
        small = cv2.resize(smooth, (columns, rows), interpolation=cv2.INTER_AREA)
        return cls(_cells(small) / np.float32(1 << (picture.layout.depth - 8)))

    @cached_property
    def blank(self) -> bool:
        """Whether nothing can be recognised: a black, white, plain or blown-out picture."""
        dull = self._detail.total < BLANK * self.luma.size
        return bool(dull or np.mean(self.luma > WHITE) > BLOWN_OUT)

    def equals(self, other: Scene) -> bool:
        """Whether nearly all cells are as bright as the other's: a quick first test."""
        if self.luma.shape != other.luma.shape:
            return False
        differ = cv2.absdiff(self.luma, other.luma) > EQUAL
        return bool(np.count_nonzero(differ) < FEW * differ.size)

    def change(self, other: Scene) -> float:
        """How far the view has changed; the frames need not be neighbours.

        It is the fraction of the texture that is not found again, nearby or moved as a whole, in
        the scene with less texture. A plain cover over a part of the view is therefore no change.

        Returns:
            0 for the same view, about 1 if nothing is in common. 0 if one of them is blank.
        """
        if self.equals(other) or self.blank or other.blank:
            return 0.0
        if self.luma.shape != other.luma.shape:
            return 1.0
        change = 1.0
        for correlation in self._moved(other):
            change = min(change, self._unexplained(other, correlation))
            if change < UNCHANGED:
                return change
        darker, brighter = sorted((self, other), key=lambda scene: float(scene.luma.mean()))
        if brighter.luma.mean() - darker.luma.mean() < RELIT:
            return change
        exposed = darker._exposed_as(brighter)
        return min(change, exposed._unexplained(brighter, exposed._correlation(brighter, _NEAR)))

    @cached_property
    def _detail(self) -> Detail:
        mean = cv2.boxFilter(self.luma, -1, WINDOW)
        variance = cv2.sqrBoxFilter(self.luma, cv2.CV_32F, WINDOW) - mean * mean
        pattern = (self.luma - mean) / np.sqrt(np.maximum(variance, 0.0) + NOISE**2)
        texture = _cells(cv2.boxFilter(pattern * pattern, -1, WINDOW))
        texture[_bars(self.luma)] = 0.0
        total = max(1.0, float(texture.sum()))
        return Detail(_cells(pattern / np.sqrt(texture + 0.01)), texture, total)

    def _moved(self, other: Scene) -> Iterator[Cells]:
        """Correlations under ever more motion: none, one cell, two, the whole picture."""
        best = self._correlation(other, [(0, 0)])
        yield best
        for shifts in (_BESIDE, _DIAGONAL, _ASIDE):
            best = np.maximum(best, self._correlation(other, shifts))
            yield best
        x, y = self._camera_shift(other)
        if max(abs(x), abs(y)) > 1:
            yield self._correlation(other, [(x + dx, y + dy) for dx, dy in _NEAR])

    def _correlation(self, other: Scene, shifts: Sequence[Shift]) -> Cells:
        """Of the windows around each cell, in the other scene and here, at the best shift."""
        rows, columns = self.luma.shape
        best = np.full_like(self.luma, -1.0)
        for x, y in shifts:
            to = np.s_[max(0, y) : rows + min(0, y), max(0, x) : columns + min(0, x)]
            source = np.s_[max(0, -y) : rows - max(0, y), max(0, -x) : columns - max(0, x)]
            products = cv2.multiply(self._detail.pattern[source], other._detail.pattern[to])
            best[to] = cv2.max(best[to], cv2.boxFilter(products, -1, WINDOW))
        return best

    def _camera_shift(self, other: Scene) -> Shift:
        """The shift, in cells, at which the middle of this picture fits the other best."""
        top, left = (side // 4 for side in self.luma.shape)
        middle = np.ascontiguousarray(self._detail.pattern[top:-top, left:-left])
        fit = cv2.matchTemplate(other._detail.pattern, middle, cv2.TM_CCORR_NORMED)
        x, y = cv2.minMaxLoc(fit)[3]
        return x - left, y - top

    def _unexplained(self, other: Scene, correlation: Cells) -> float:
        """The fraction of the texture not found again, where neither scene is covered."""
        (_, here, total), (_, there, other_total) = self._detail, other._detail
        alike = np.clip((correlation - UNLIKE) / (ALIKE - UNLIKE), 0.0, 1.0)
        explained = alike * np.minimum(here, there)
        less = min(total, other_total)
        change = 1.0 - float(explained.sum()) / less
        if change < UNCHANGED:
            return change
        for free in (_beside_cover(here, there), _beside_cover(there, here)):
            remaining = min(float(np.vdot(free, here)), float(np.vdot(free, there)))
            if remaining > ENOUGH * less:
                change = min(change, 1.0 - float(np.vdot(free, explained)) / remaining)
        return change

    def _exposed_as(self, other: Scene) -> Scene:
        """This scene with the other's histogram: a flash then clips both alike."""
        order = np.argsort(self.luma, axis=None)
        luma = np.empty(self.luma.size, np.float32)
        luma[order] = np.sort(other.luma, axis=None)
        return Scene(luma.reshape(self.luma.shape))


def _beside_cover(before: Cells, after: Cells) -> Cells:
    """1 in windows that touch nothing that became plain: a cover's edge is no part of the view."""
    covered = (before > TEXTURED) & (after < PLAIN)
    return _cells(1 - cv2.dilate(covered.astype(np.uint8), _AROUND_COVER))


def _bars(luma: Cells) -> NDArray[np.bool_]:
    """Cells in or beside black bars, whose edges all shots of a film have in common."""
    bars = np.zeros(luma.shape, bool)
    for across, lines in ((1, bars), (0, bars.T)):
        dark = cv2.reduce(luma, across, cv2.REDUCE_MAX).ravel() < BLACK
        first, last = int(np.argmin(dark)), int(np.argmin(dark[::-1]))
        lines[: first + REACH if first else 0] = True
        lines[len(lines) - (last + REACH if last else 0) :] = True
    return bars


def _cells(values: object) -> Cells:
    return np.asarray(values, np.float32)
