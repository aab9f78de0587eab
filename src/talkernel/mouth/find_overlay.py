"""Finds overlays by watching edges: those of a moving face move, those of a caption stay."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import JAW, OUTER_LIP
from talkernel.face.overlay import Mask, Overlay
from talkernel.face.stabilise import PlacedFrame, Placement
from talkernel.media.frame import Picture
from talkernel.mouth.region import region_mask
from talkernel.mouth.sampling_grid import Box

Array = NDArray[np.float32]
LINES = 480  # height of the grid on which edges are watched; smaller pictures are watched as is
EDGE, HARD = 40.0, 90.0  # levels per cell of an edge, and of one too hard for skin
STEADY = 20.0  # levels by which an edge that stays may change
LEAST = 8  # frames that an edge must stay
PASSED = 2.5  # cells by which the jaw must move past it in that time
LONG = 12  # frames that a hard edge beside the lips must stay if the jaw does not move
MEMORY = 64  # frames of jaw motion that are remembered
AROUND = 0.25  # of the crop's side, around lips and jaw, in which edges are watched
STROKE = 9  # cells: width of the strokes of large letters, whose inside has no edges
HALO = 5  # cells: the soft outline of a letter, on both sides
LEAST_CELLS = 60  # of a part of an overlay; smaller ones are creases and noise
ON_LIPS = 0.9  # fraction of an overlay on the lips, from which on it is teeth
JAW_POINTS = (152, 17, 14)  # chin, lower lip, its inner edge


class _Watched(NamedTuple):
    """A frame that waits, and the edges that have stayed until then."""

    frame: PlacedFrame
    stayed: NDArray[np.bool_]


def find_overlays(placed: Iterable[PlacedFrame]) -> Iterator[PlacedFrame]:
    """Add overlays to the placements, looking `LEAST` frames ahead.

    A still picture shows no motion, so nothing is found in photos.
    """
    watch: EdgeWatch | None = None
    waiting: deque[_Watched] = deque()
    for frame in placed:
        watch = watch or EdgeWatch(frame.picture)
        waiting.append(_Watched(frame, watch.update(frame.picture, frame.placements)))
        if len(waiting) > LEAST:  # one more: the first frame of a caption is often blurred
            yield _with_overlays(waiting, watch.step)
            waiting.popleft()
    while waiting and watch is not None:
        yield _with_overlays(waiting, watch.step)
        waiting.popleft()


def _with_overlays(waiting: Sequence[_Watched], step: int) -> PlacedFrame:
    """The first waiting frame; an edge that has stayed until later was there already."""
    frame = waiting[0].frame
    if not frame.placements:
        return frame
    stayed = np.logical_or.reduce([one.stayed for one in waiting])
    if not stayed.any():
        return frame
    marked = tuple(replace(one, overlay=_overlay(one, stayed, step)) for one in frame.placements)
    return frame._replace(placements=marked)


class EdgeWatch:
    """Watches for how long edges stay at their place on the screen.

    Args:
        picture: Any frame of the video; it gives the size.

    Attributes:
        step: Pixels per cell of the grid.
    """

    def __init__(self, picture: Picture) -> None:
        self.step = max(1, round(picture.height / LINES))
        shape = picture.height // self.step, picture.width // self.step
        self._age, self._first = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
        self._hard = np.zeros(shape, bool)
        self._jaws: dict[int, deque[Array]] = {}

    def update(self, picture: Picture, placements: Sequence[Placement]) -> NDArray[np.bool_]:
        """Cells of the grid whose edge has stayed long enough until this frame."""
        stayed, age = np.zeros(self._age.shape, bool), np.zeros_like(self._age)
        self._jaws = {one.track: self._jaw(one) for one in placements}
        for one in placements:
            box = self._box(one)
            if box[0].stop - box[0].start < 3 or box[1].stop - box[1].start < 3:
                continue
            age[box] = self._aged(picture, box)
            needed = max(LEAST, self._frames_to_pass(self._jaws[one.track]))
            stayed[box] |= age[box] >= needed
            hard = (age[box] >= LONG) & self._hard[box]
            if hard.any():
                stayed[box] |= hard & ~self._lips(one, box)
        self._age = age
        return stayed

    def _jaw(self, placement: Placement) -> deque[Array]:
        """Where the jaw has been so far in this track, in cells."""
        path = self._jaws.get(placement.track) or deque(maxlen=MEMORY)
        path.append(placement.landmarks[list(JAW_POINTS), :2] / np.float32(self.step))
        return path

    def _frames_to_pass(self, path: deque[Array]) -> int:
        """Frames since the jaw was `PASSED` cells away from where it is; many if never."""
        away = np.linalg.norm(np.stack(path) - path[-1], axis=2).max(1) >= PASSED
        last = np.flatnonzero(away)
        return len(path) - int(last[-1]) if len(last) else 255

    def _box(self, placement: Placement) -> Box:
        """The part of the grid around lips and jaw."""
        points = placement.landmarks[[*OUTER_LIP, *JAW], :2]
        margin = AROUND * placement.crop.side
        height, width = self._age.shape
        low = ((points.min(0) - margin) / self.step).astype(int)
        high = ((points.max(0) + margin) / self.step).astype(int)
        x0, x1 = np.clip([low[0], high[0]], 0, width)
        y0, y1 = np.clip([low[1], high[1]], 0, height)
        return slice(int(y0), int(y1)), slice(int(x0), int(x1))

    def _aged(self, picture: Picture, box: Box) -> NDArray[np.uint8]:
        """Frames for which the edges of a part have stayed, this one included."""
        rows, columns = box
        luma = picture.planes[0][
            rows.start * self.step : rows.stop * self.step,
            columns.start * self.step : columns.stop * self.step,
        ]
        size = (columns.stop - columns.start, rows.stop - rows.start)
        values = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        values /= np.float32(1 << (picture.layout.depth - 8))
        slopes = [np.abs(cv2.Sobel(values, cv2.CV_32F, *axis)) for axis in ((1, 0), (0, 1))]
        edge = np.maximum(*slopes) / 4.0
        first = self._first[box]
        same = np.abs(values - first) < STEADY
        first[~same] = values[~same]
        self._hard[box] = edge > HARD
        return np.where(same & (edge > EDGE), np.minimum(self._age[box], 254) + 1, 0).astype(
            np.uint8
        )

    def _lips(self, placement: Placement, box: Box) -> NDArray[np.bool_]:
        """Cells of a part that are near the lips, where teeth have hard edges too."""
        corner = np.array([box[1].start, box[0].start], np.float32)
        points = placement.landmarks[list(OUTER_LIP), :2] / np.float32(self.step) - corner
        hull = cv2.convexHull(np.ascontiguousarray(points, np.float32)).astype(np.int32)
        mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
        cv2.fillConvexPoly(mask, hull, 1)
        grow = 2 * round(0.1 * placement.crop.side / self.step) + 1
        return np.asarray(cv2.dilate(mask, np.ones((grow, grow), np.uint8)) > 0)


def _overlay(placement: Placement, stayed: NDArray[np.bool_], step: int) -> Overlay | None:
    """The overlay in front of a face: edges that stayed, and what they enclose."""
    crop = placement.crop
    shift = np.array([[1 / step, 0.0, crop.left / step], [0.0, 1 / step, crop.top / step]])
    shift[:, 2] += 0.5 / step - 0.5
    cells = np.asarray(stayed, np.uint8) * 255
    closed = cv2.morphologyEx(cells, cv2.MORPH_CLOSE, np.ones((STROKE, STROKE), np.uint8))
    grown = cv2.dilate(closed, np.ones((HALO, HALO), np.uint8))
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    mask = np.asarray(cv2.warpAffine(grown, shift, (crop.side, crop.side), flags=flags), np.uint8)
    points = crop.to_view(placement.landmarks[:, :2], crop.side)
    face = region_mask([points], [*OUTER_LIP, *JAW], crop.side, 0.04 * crop.side)
    lips = region_mask([points], OUTER_LIP, crop.side, 0.03 * crop.side)
    mask = _parts_of_captions(mask, lips > 0, LEAST_CELLS * step * step)
    return Overlay(crop, mask) if np.any(mask & face) else None


def _parts_of_captions(mask: Mask, lips: NDArray[np.bool_], least: int) -> Mask:
    """The mask without small parts, and without those that lie wholly on the lips: teeth."""
    count, labels = cv2.connectedComponents(mask)
    for label in range(1, count):
        part = labels == label
        if np.count_nonzero(part) < least or lips[part].mean() > ON_LIPS:
            mask[part] = 0
    return mask
