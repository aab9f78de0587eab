"""Where the reference has what belongs to each pixel, once its lips are moved as told.

Lips and skin go with the landmarks, and the face is torn between the lips: what is above them
goes with the upper lip, what is below with the lower. Teeth do not move with the lips that pass
over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from talkernel.face.lips import INNER, LOWER_EDGE, UPPER_EDGE
from talkernel.mouth.lip_edges import LipMaps, Mouth
from talkernel.mouth.sampling_grid import Box, Layers, SamplingGrid
from talkernel.mouth.thin_plate import cell_middles, enlarged, enlarged_part, plate_flows

Array = NDArray[np.float32]
Points = NDArray[np.floating]
AROUND = 4  # pixels around the lips in which they are torn apart at a pixel's edge
ITS_PLACE = 1e-3  # pixels: what comes from so near is in its own place
SEAM = 0.012  # of the view's side: width of the dark line along which lips meet
RIM = 0.006  # of the view's side: of what lies within the lips, nothing so near to them is taken


class LipFlow(NamedTuple):
    """A backward warp that moves a reference's lips and jaw to where they are wanted.

    Attributes:
        grid: Where each pixel comes from. Around the lips in layers: what goes with the upper
            lip, over it what goes with the lower, over both what lies between them.
        disoccluded: `[S, S]` in 0..1: what is between the lips, but not in the reference.
    """

    grid: SamplingGrid
    disoccluded: Array


def lip_flows(target: Points, sources: Sequence[Points], still: Points, size: int) -> list[LipFlow]:
    """The warps that move lips and jaw of some references to where they are wanted.

    Args:
        target: `[55, 2]` of `SHAPE` as they are to be, in the view's pixels.
        sources: `[55, 2]` each, where a reference has them.
        still: `[M, 2]` landmarks that are where they belong.
        size: Side of the view, a multiple of 4.
    """
    sources = [_parted(source, target, SEAM * size) for source in sources]
    mouth, box = Mouth.of(target[INNER]), _box(target[INNER], size)
    below = mouth.maps(cell_middles(size)).below[..., None]
    maps = mouth.maps(pixel_grid(size)[box])
    torn = zip(sources, _torn(target, sources, still, size), strict=True)
    return [
        _layered(source, upper, lower, below, box, maps, size) for source, (upper, lower) in torn
    ]


def _layered(
    source: Points, upper: Array, lower: Array, below: Array, box: Box, maps: LipMaps, size: int
) -> LipFlow:
    """What goes with the upper lip, with the lower, and what lies between them, in one flow.

    Args:
        source: `[55, 2]` where the reference has lips and jaw.
        upper: `[C, C, 2]` the flow of what goes with the upper lip, in the middles of cells.
        lower: Likewise.
        below: `[C, C, 1]` how far below the middle between the lips.
        box: Around the lips.
        maps: How its pixels lie to them.
        size: Side of the view.
    """
    coords = pixel_grid(size) + enlarged(upper + below * (lower - upper), size)
    here, disoccluded = pixel_grid(size)[box], np.zeros((size, size), np.float32)
    if not here.size:
        return LipFlow(SamplingGrid(coords), disoccluded)
    between = Mouth.of(source[INNER]).clamped(here, RIM * size)
    disoccluded[box] = maps.within * (np.abs(between - here) > ITS_PLACE).any(2)
    moved = (here + enlarged_part(flow, box) for flow in (upper, lower))
    layers = Layers(box, (*moved, between), maps)
    soft = np.asarray(cv2.blur(disoccluded, (3, 3)), np.float32)
    return LipFlow(SamplingGrid(coords, layers), soft)


def _parted(source: Points, target: Points, seam: float) -> Points:
    """A reference's lips without the seam between them, as far as they are to open.

    Else lips that were shut would keep it, a dark line beside the gap.
    """
    gap, own = (lips[LOWER_EDGE] - lips[UPPER_EDGE] for lips in (target, source))
    wanted, there = (np.linalg.norm(apart, axis=1, keepdims=True) for apart in (gap, own))
    lacking = np.maximum(np.minimum(wanted, seam) - there, 0.0)
    push = gap / np.maximum(wanted, 1e-6) * lacking / 2
    parted = source.copy()
    parted[UPPER_EDGE] -= push
    parted[LOWER_EDGE] += push
    return parted


@cache
def pixel_grid(size: int) -> Array:
    """Every pixel's own coordinates, `[S, S, 2]`."""
    return np.ascontiguousarray(np.indices((size, size), np.float32)[::-1].transpose(1, 2, 0))


def _box(lips: Points, size: int) -> Box:
    """Rows and columns that some points lie in, and some around them."""
    low, high = (
        np.clip(points.round().astype(int), 0, size)
        for points in (lips.min(0) - AROUND, lips.max(0) + AROUND)
    )
    return slice(low[1], high[1]), slice(low[0], high[0])


def _torn(target: Points, sources: Sequence[Points], still: Points, size: int) -> list[list[Array]]:
    """Of each source, the flow of what goes with the upper lip, and with the lower."""
    places, stay = np.concatenate([target, still]), np.zeros_like(still)
    moves = [np.concatenate([source - target, stay]) for source in sources]
    return plate_flows(places, moves, (LOWER_EDGE, UPPER_EDGE), size)
