"""Metrics that only the editing itself shows: the seam before encoding, and the blending mask."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.mouth.blend import FAINT, border_window
from talkernel.mouth.renderer import Edit

NOSE, FOREHEAD, CHIN = 2, 10, 152  # face mesh: under the nose, top and bottom of the face
RIM = 2  # samples at the crop's border
Array = NDArray[np.float32]


@dataclass
class EditMetrics:
    """Collects metrics of every edit; pass it to a `MouthRenderer` as `watch`.

    Attributes:
        seams: Largest change of a sample on the crop's border or outside it, of 255, per frame.
        edges: Mean change of luma where the mask ends, of 255, per frame.
        mask_fractions: Fraction of the blending mask below the nose, per frame.
        attention_fractions: The same of the generator's own attention, per frame.
    """

    seams: list[float] = field(default_factory=list)
    edges: list[float] = field(default_factory=list)
    mask_fractions: list[float] = field(default_factory=list)
    attention_fractions: list[float] = field(default_factory=list)

    def __call__(self, edit: Edit) -> None:
        """Measure one edited frame."""
        unit = float(1 << (edit.after.layout.depth - 8))
        self.seams.append(_seam(edit) / unit)
        self.edges.append(_edge(edit) / unit)
        below, window = below_nose(edit), border_window(len(edit.alpha))
        self.mask_fractions.append(_fraction(edit.alpha * window, below))
        self.attention_fractions.append(_fraction(edit.attention * window, below))

    def metrics(self) -> dict[str, float]:
        """`seam` is the worst frame's; `edge`, `mask_share` and `own_mask_share` are means."""
        if not self.seams:
            return {}
        return {
            "seam": max(self.seams),
            "edge": float(np.mean(self.edges)),
            "mask_share": float(np.mean(self.mask_fractions)),
            "own_mask_share": float(np.mean(self.attention_fractions)),
        }


def below_nose(edit: Edit) -> NDArray[np.bool_]:
    """`[S, S]` which pixels of the view lie below the nose, along the line forehead to chin."""
    size = len(edit.alpha)
    points = edit.placement.crop.to_view(edit.placement.landmarks[:, :2], size)
    down = points[CHIN] - points[FOREHEAD]
    y, x = np.mgrid[:size, :size]
    return np.asarray((x - points[NOSE, 0]) * down[0] + (y - points[NOSE, 1]) * down[1] > 0)


def _fraction(weight: Array, part: NDArray[np.bool_]) -> float:
    total = float(weight.sum())
    return float(weight[part].sum()) / total if total else float("nan")


def _seam(edit: Edit) -> float:
    """Largest change of a sample on the crop's border or outside it."""
    worst = 0
    for plane, was in zip(edit.after.planes, edit.before.planes, strict=True):
        changed = np.abs(plane.astype(np.int32) - was)
        sx, sy = (0, 0) if plane is edit.after.planes[0] else edit.after.layout.chroma_shift
        rows = _inner(edit.placement.crop.top >> sy, edit.placement.crop.side >> sy)
        changed[rows, _inner(edit.placement.crop.left >> sx, edit.placement.crop.side >> sx)] = 0
        worst = max(worst, int(changed.max(initial=0)))
    return float(worst)


def _inner(start: int, length: int) -> slice:
    """The part of a crop's side that is not at its border."""
    return slice(max(0, start + RIM), max(0, start + length - RIM))


def _edge(edit: Edit) -> float:
    """Mean change of luma on the outermost samples that the mask touches."""
    crop, luma, was = edit.placement.crop, edit.after.planes[0], edit.before.planes[0]
    alpha = edit.alpha * border_window(len(edit.alpha))
    touched = (cv2.resize(alpha, (crop.side, crop.side)) > FAINT).astype(np.uint8)
    contour = touched - cv2.erode(touched, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero(contour)
    rows, columns = rows + crop.top, columns + crop.left
    within = (rows >= 0) & (columns >= 0) & (rows < luma.shape[0]) & (columns < luma.shape[1])
    at = rows[within], columns[within]
    return float(np.abs(luma[at].astype(np.int32) - was[at]).mean()) if within.any() else 0.0
