"""MediaPipe's attention mesh (Grishchenko et al. 2020), read from TFLite into OpenVINO.

The network finds 468 landmarks, then refines those of the lips. The refinement uses three
operations of MediaPipe's own, written here with OpenVINO's: an affine to an upright square around
the lips, a crop of the feature map by that affine, and landmarks mapped back by it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op
from openvino.frontend import ConversionExtension

from talkernel.face.lips import INNER_LIP, OUTER_LIP

# The refined landmarks, in the network's order: both edges of the lips, a ring around the outer
# edge and a ring between the two.
AROUND = (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408)
BETWEEN_LOWER = (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292)
BETWEEN_UPPER = (183, 42, 41, 38, 12, 268, 271, 272, 407)
LIPS = (*OUTER_LIP, *INNER_LIP, *AROUND, *BETWEEN_LOWER, *BETWEEN_UPPER)
CORNERS = (61, 291)  # of the outer edge; the line through them is horizontal in the square
TINY = 1e-12  # squared distance of corners that coincide
OUTPUTS = ("output_mesh_identity", "output_lips", "conv_faceflag")

Value = Any  # a node of OpenVINO's graph, which carries no types


def read_attention_mesh(path: Path) -> ov.Model:
    """Read the network's TFLite file.

    Returns:
        A model of one view `[1, 192, 192, 3]` in 0..1 with three outputs: all landmarks `[1404]`
        (x, y, z), the refined `LIPS` `[160]` (x, y), both in the view's pixels, and the logit
        that a face is present. The refinement of the eyes is left out.
    """
    core = ov.Core()
    for name, convert in OPERATIONS.items():
        core.add_extension(ConversionExtension(name, convert))
    complete = core.read_model(str(path))
    return ov.Model([complete.output(name) for name in OUTPUTS], complete.get_parameters())


def _lip_square(node: Any) -> list[Value]:
    """Landmarks `[1, 468, 3]` to the affine `[1, 4, 4]` from an upright square to the picture."""
    landmarks, sides = node.get_input(0), ("width", "height")
    points = _columns(op.gather(landmarks, _ints(LIPS), _ints(1)), 0, 2)
    axes = _lip_axes(landmarks)
    upright = op.matmul(points, axes, False, False)
    low, high = (extreme(upright, _ints([1]), True) for extreme in (op.reduce_min, op.reduce_max))
    middle = op.matmul(op.multiply(op.add(low, high), _floats(0.5)), axes, False, True)
    pixels = [float(node.get_attribute(f"output_{side}")) for side in sides]
    scales = [node.get_attribute(f"scale_{axis}") for axis in "xy"]
    unit = op.multiply(op.subtract(high, low), _floats([[np.divide(scales, pixels)]]))
    rotation = op.multiply(axes, unit)
    half = op.matmul(rotation, _floats([[[side / 2] for side in pixels]]), False, False)
    shift = op.subtract(op.transpose(middle, _ints([0, 2, 1])), half)
    rows = op.concat([rotation, _floats(np.zeros((1, 2, 1))), shift], 2)
    return [op.concat([rows, _floats(np.eye(4)[None, 2:])], 1).output(0)]


def _lip_axes(landmarks: Value) -> Value:
    """Unit vectors from one corner of the lips to the other, and downwards: `[1, 2, 2]` columns."""
    left, right = (op.gather(landmarks, _ints([i]), _ints(1)) for i in CORNERS)
    across = _columns(op.subtract(right, left), 0, 2)
    along = op.normalize_l2(across, _ints([2]), TINY, "max")
    x, y = _columns(along, 0, 1), _columns(along, 1, 2)
    rows = op.concat([along, op.concat([op.negative(y), x], 2)], 1)
    return op.transpose(rows, _ints([0, 2, 1]))


def _crop(node: Any) -> list[Value]:
    """Sample a feature map `[1, H, W, C]` where an affine takes each pixel of the crop."""
    features, affine = node.get_input(0), node.get_input(1)
    _, height, width, _ = (int(side) for side in features.get_shape())
    across, down = node.get_attribute("output_width"), node.get_attribute("output_height")
    pixels = np.stack(np.meshgrid(np.arange(across) + 0.5, np.arange(down) + 0.5), -1)
    coords = _apply_affine(_floats(pixels.reshape(1, -1, 2)), affine)
    grid = op.subtract(op.multiply(coords, _floats([[[2 / width, 2 / height]]])), _floats(1.0))
    grid = op.reshape(grid, _ints([1, down, across, 2]), False)
    channels_first = op.transpose(features, _ints([0, 3, 1, 2]))
    crop = op.grid_sample(channels_first, grid, {"mode": "bilinear", "padding_mode": "zeros"})
    return [op.transpose(crop, _ints([0, 2, 3, 1])).output(0)]


def _map_back(node: Any) -> list[Value]:
    """Landmarks `[1, N, 2]` of the crop to the picture, by an affine `[1, 4, 4]`."""
    return [_apply_affine(node.get_input(0), node.get_input(1)).output(0)]


OPERATIONS: dict[str, Callable[[Any], list[Value]]] = {
    "Landmarks2TransformMatrix": _lip_square,
    "TransformTensorBilinear": _crop,
    "TransformLandmarks": _map_back,
}


def _apply_affine(points: Value, affine: Value) -> Value:
    rows = op.slice(affine, _ints([0]), _ints([2]), _ints([1]), _ints([1]))
    rotated = op.matmul(points, _columns(rows, 0, 2), False, True)
    return op.add(rotated, op.transpose(_columns(rows, 3, 4), _ints([0, 2, 1])))


def _columns(values: Value, first: int, end: int) -> Value:
    return op.slice(values, _ints([first]), _ints([end]), _ints([1]), _ints([2]))


def _floats(values: Any) -> Value:
    return op.constant(np.asarray(values, np.float32))


def _ints(values: Any) -> Value:
    return op.constant(np.asarray(values, np.int64))
