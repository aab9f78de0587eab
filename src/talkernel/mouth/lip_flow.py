"""The optical flow that moves a reference's lips to a target shape.

Lips and skin follow the landmarks. The face is split between the lips: pixels above follow the
upper lip, pixels below the lower. What lies between them, such as teeth, stays in place while the
lips move over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import INNER, LOWER_EDGE, UPPER_EDGE
from talkernel.mouth.lip_edges import InnerLips, LipWeights
from talkernel.mouth.sampling_grid import Box, GridLayers, SamplingGrid
from talkernel.mouth.thin_plate import cell_centres, plate_flows, upsample, upsample_part

Array = NDArray[np.float32]
Points = NDArray[np.floating]
AROUND = 4  # pixels around the lips in which they are split at pixel accuracy
IN_PLACE = 1e-3  # pixels: anything that moves less counts as unmoved
SEAM = 0.012  # of the view's side: width of the dark line along which closed lips meet
RIM = 0.006  # of the view's side: pixels this near to the lips are not sampled as mouth interior


class LipFlow(NamedTuple):
    """A backward warp that moves a reference's lips and jaw to a target.

    Attributes:
        grid: Where each pixel comes from. Around the lips it has three layers: what follows the
            upper lip, over it what follows the lower lip, over both the mouth interior.
        disoccluded: `[S, S]` in 0..1: mouth interior that the reference does not show.
    """

    grid: SamplingGrid
    disoccluded: Array


def lip_flows(target: Points, sources: Sequence[Points], still: Points, size: int) -> list[LipFlow]:
    """The warps that move lips and jaw of several references to one target.

    Args:
        target: `[55, 2]` target positions of `SHAPE` in the view's pixels.
        sources: `[55, 2]` each, their positions in a reference.
        still: `[M, 2]` landmarks that do not move.
        size: Side of the view, a multiple of 4.
    """
    return lip_and_skin_flows(target, sources, None, still, size)[0]


def lip_and_skin_flows(
    target: Points, sources: Sequence[Points], own: Points | None, still: Points, size: int
) -> tuple[list[LipFlow], Array | None]:
    """As `lip_flows`, and the flow that moves the skin of the frame itself to the same target.

    Args:
        target: As in `lip_flows`.
        sources: As in `lip_flows`.
        own: `[55, 2]` where `SHAPE` is in the frame; None: no flow of its skin is needed.
        still: As in `lip_flows`.
        size: As in `lip_flows`.

    Returns:
        The warps, and the skin's flow `[S / 4, S / 4, 2]` at cell centres: for each, where it
        comes from, minus the centre.
    """
    opened = [_without_seam(source, target, SEAM * size) for source in sources]
    lips, box = InnerLips.of(target[INNER]), _box(target[INNER], size)
    cells = lips.weights(cell_centres(size)).lower[..., None]
    weights = lips.weights(pixel_grid(size)[box])
    moving = opened if own is None else [*opened, own]
    flows = _flows_per_lip(target, moving, still, size)
    warps = [
        _layered(source, upper, lower, cells, box, weights, size)
        for source, (upper, lower) in zip(opened, flows, strict=False)  # without `own`
    ]
    if own is None:
        return warps, None
    upper, lower = flows[-1]
    return warps, np.asarray(upper + cells * (lower - upper), np.float32)


def _layered(
    source: Points,
    upper: Array,
    lower: Array,
    cells: Array,
    box: Box,
    weights: LipWeights,
    size: int,
) -> LipFlow:
    """Combine the flow of either lip and the mouth interior.

    Args:
        source: `[55, 2]` lips and jaw in the reference.
        upper: `[C, C, 2]` the flow that follows the upper lip, at cell centres.
        lower: `[C, C, 2]` the flow that follows the lower lip.
        cells: `[C, C, 1]` weight of the lower lip.
        box: Rows and columns around the lips.
        weights: Of the box's pixels.
        size: Side of the view.
    """
    coords = pixel_grid(size) + upsample(upper + cells * (lower - upper), size)
    here, disoccluded = pixel_grid(size)[box], np.zeros((size, size), np.float32)
    if not here.size:
        return LipFlow(SamplingGrid(coords), disoccluded)
    interior = InnerLips.of(source[INNER]).clamp(here, RIM * size)
    disoccluded[box] = weights.inside * (np.abs(interior - here) > IN_PLACE).any(2)
    moved = (here + upsample_part(flow, box) for flow in (upper, lower))
    layers = GridLayers(box, (*moved, interior), weights)
    soft = np.asarray(cv2.blur(disoccluded, (3, 3)), np.float32)
    return LipFlow(SamplingGrid(coords, layers), soft)


def _without_seam(source: Points, target: Points, seam: float) -> Points:
    """Move a reference's lip edges apart, up to the seam's width, if the target opens them.

    Otherwise closed lips would keep their seam when they open, as a dark line beside the gap.
    """
    gap, own = (lips[LOWER_EDGE] - lips[UPPER_EDGE] for lips in (target, source))
    wanted, present = (np.linalg.norm(edge, axis=1, keepdims=True) for edge in (gap, own))
    missing = np.maximum(np.minimum(wanted, seam) - present, 0.0)
    push = gap / np.maximum(wanted, 1e-6) * missing / 2
    opened = source.copy()
    opened[UPPER_EDGE] -= push
    opened[LOWER_EDGE] += push
    return opened


@cache
def pixel_grid(size: int) -> Array:
    """Every pixel's own coordinates, `[S, S, 2]`."""
    return np.ascontiguousarray(np.indices((size, size), np.float32)[::-1].transpose(1, 2, 0))


def _box(lips: Points, size: int) -> Box:
    """Rows and columns around the lips, within the view."""
    low, high = (
        np.clip(points.round().astype(int), 0, size)
        for points in (lips.min(0) - AROUND, lips.max(0) + AROUND)
    )
    return slice(low[1], high[1]), slice(low[0], high[0])


def _flows_per_lip(
    target: Points, sources: Sequence[Points], still: Points, size: int
) -> list[list[Array]]:
    """For each source, the flow that follows the upper lip and the one that follows the lower."""
    places, unmoved = np.concatenate([target, still]), np.zeros_like(still)
    moves = [np.concatenate([source - target, unmoved]) for source in sources]
    return plate_flows(places, moves, (LOWER_EDGE, UPPER_EDGE), size)
