"""What can be seen only while a frame is edited: the seam before the encoder, and the mask."""

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
class Watch:
    """Collects figures of every edit; give it to a `MouthRenderer`.

    Attributes:
        outside: Largest change of a sample outside the crop's inner part, of 255, per frame.
        edges: Mean change of luma where the mask ends, of 255, per frame.
        shares: Share of the laid-on mask below the nose, per frame.
        own_shares: The same of the network's own attention, before the veil is forced in.
    """

    outside: list[float] = field(default_factory=list)
    edges: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    own_shares: list[float] = field(default_factory=list)

    def __call__(self, edit: Edit) -> None:
        """Look at one edited frame."""
        unit = float(1 << (edit.after.layout.depth - 8))
        self.outside.append(_seam(edit) / unit)
        self.edges.append(_edge(edit) / unit)
        below = below_nose(edit)
        window = border_window(len(edit.alpha))
        self.shares.append(_share(edit.alpha * window, below))
        self.own_shares.append(_share(edit.attention * window, below))

    def figures(self) -> dict[str, float]:
        """`seam` is the worst frame's; `edge`, `mask_share` and `own_mask_share` are means."""
        if not self.outside:
            return {}
        return {
            "seam": max(self.outside),
            "edge": float(np.mean(self.edges)),
            "mask_share": float(np.mean(self.shares)),
            "own_mask_share": float(np.mean(self.own_shares)),
        }


def below_nose(edit: Edit) -> NDArray[np.bool_]:
    """`[S, S]` where a view lies below the nose, along the line from forehead to chin."""
    size = len(edit.alpha)
    points = edit.placement.crop.to_view(edit.placement.landmarks[:, :2], size)
    down = points[CHIN] - points[FOREHEAD]
    y, x = np.mgrid[:size, :size]
    return np.asarray((x - points[NOSE, 0]) * down[0] + (y - points[NOSE, 1]) * down[1] > 0)


def _share(weight: Array, part: NDArray[np.bool_]) -> float:
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
    side, alpha = edit.placement.crop.side, edit.alpha * border_window(len(edit.alpha))
    touched = (cv2.resize(alpha, (side, side)) > FAINT).astype(np.uint8)
    contour = touched - cv2.erode(touched, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero(contour)
    rows, columns = rows + edit.placement.crop.top, columns + edit.placement.crop.left
    luma, was = edit.after.planes[0], edit.before.planes[0]
    within = (rows >= 0) & (columns >= 0) & (rows < luma.shape[0]) & (columns < luma.shape[1])
    at = rows[within], columns[within]
    return float(np.abs(luma[at].astype(np.int32) - was[at]).mean()) if within.any() else 0.0
