"""The attention mesh (Grishchenko et al. 2020) for OpenVINO: the face mesh, lips looked at again.

It has three operations that are MediaPipe's own: a square is laid around the lips that the whole
face showed, what the network saw there is cut out upright, and the landmarks found in it are put
back. They are written here in OpenVINO's.
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

# The landmarks that are found again, in the network's order: besides the lips' two edges, a ring
# around the outer one and one between the two.
AROUND = (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408)
BETWEEN = (
    62,
    96,
    89,
    179,
    86,
    15,
    316,
    403,
    319,
    325,
    292,
    183,
    42,
    41,
    38,
    12,
    268,
    271,
    272,
    407,
)
LIPS = (*OUTER_LIP, *INNER_LIP, *AROUND, *BETWEEN)
CORNERS = (61, 291)  # of the outer edge; a line through them is level in the square
TINY = 1e-12  # square distance of corners that are in one place
OUTPUTS = ("output_mesh_identity", "output_lips", "conv_faceflag")

Value = Any  # OpenVINO's types leave its nodes out


def read_attention_mesh(path: Path) -> ov.Model:
    """Read the network's TFLite file.

    Returns:
        A model of one view `[1, 192, 192, 3]` in 0..1 with three outputs: all landmarks `[1404]`
        (x, y, z), those of `LIPS` again `[160]` (x, y), both in the view's pixels, and the logit
        of whether a face is there. The eyes, which it would look at again too, are left out.
    """
    core = ov.Core()
    for name, written in OPERATIONS.items():
        core.add_extension(ConversionExtension(name, written))
    whole = core.read_model(str(path))
    return ov.Model([whole.output(name) for name in OUTPUTS], whole.get_parameters())


def _upright_square(node: Any) -> list[Value]:
    """Landmarks `[1, 468, 3]` to the affine `[1, 4, 4]` from an upright view to where they are."""
    landmarks, sides = node.get_input(0), ("width", "height")
    points = _columns(op.gather(landmarks, _whole(LIPS), _whole(1)), 0, 2)
    axes = _level_axes(landmarks)
    seen = op.matmul(points, axes, False, False)
    low, high = (extreme(seen, _whole([1]), True) for extreme in (op.reduce_min, op.reduce_max))
    middle = op.matmul(op.multiply(op.add(low, high), _real(0.5)), axes, False, True)
    pixels = [float(node.get_attribute(f"output_{side}")) for side in sides]
    scales = [node.get_attribute(f"scale_{axis}") for axis in "xy"]
    unit = op.multiply(op.subtract(high, low), _real([[np.divide(scales, pixels)]]))
    turned = op.multiply(axes, unit)
    half = op.matmul(turned, _real([[[side / 2] for side in pixels]]), False, False)
    shift = op.subtract(op.transpose(middle, _whole([0, 2, 1])), half)
    rows = op.concat([turned, _real(np.zeros((1, 2, 1))), shift], 2)
    return [op.concat([rows, _real(np.eye(4)[None, 2:])], 1).output(0)]


def _level_axes(landmarks: Value) -> Value:
    """Unit vectors from one corner of the lips to the other, and downwards: `[1, 2, 2]` columns."""
    left, right = (op.gather(landmarks, _whole([i]), _whole(1)) for i in CORNERS)
    apart = _columns(op.subtract(right, left), 0, 2)
    along = op.normalize_l2(apart, _whole([2]), TINY, "max")
    x, y = _columns(along, 0, 1), _columns(along, 1, 2)
    rows = op.concat([along, op.concat([op.negative(y), x], 2)], 1)
    return op.transpose(rows, _whole([0, 2, 1]))


def _cut_out(node: Any) -> list[Value]:
    """What a picture `[1, H, W, C]` has where an affine leads from each pixel of a view."""
    picture, affine = node.get_input(0), node.get_input(1)
    _, height, width, _ = (int(side) for side in picture.get_shape())
    across, down = node.get_attribute("output_width"), node.get_attribute("output_height")
    places = np.stack(np.meshgrid(np.arange(across) + 0.5, np.arange(down) + 0.5), -1)
    found = _carried(_real(places.reshape(1, -1, 2)), affine)
    grid = op.subtract(op.multiply(found, _real([[[2 / width, 2 / height]]])), _real(1.0))
    grid = op.reshape(grid, _whole([1, down, across, 2]), False)
    channels_first = op.transpose(picture, _whole([0, 3, 1, 2]))
    cut = op.grid_sample(channels_first, grid, {"mode": "bilinear", "padding_mode": "zeros"})
    return [op.transpose(cut, _whole([0, 2, 3, 1])).output(0)]


def _put_back(node: Any) -> list[Value]:
    """Landmarks `[1, N, 2]` by an affine `[1, 4, 4]`."""
    return [_carried(node.get_input(0), node.get_input(1)).output(0)]


OPERATIONS: dict[str, Callable[[Any], list[Value]]] = {
    "Landmarks2TransformMatrix": _upright_square,
    "TransformTensorBilinear": _cut_out,
    "TransformLandmarks": _put_back,
}


def _carried(points: Value, affine: Value) -> Value:
    rows = op.slice(affine, _whole([0]), _whole([2]), _whole([1]), _whole([1]))
    turned = op.matmul(points, _columns(rows, 0, 2), False, True)
    return op.add(turned, op.transpose(_columns(rows, 3, 4), _whole([0, 2, 1])))


def _columns(values: Value, first: int, end: int) -> Value:
    return op.slice(values, _whole([first]), _whole([end]), _whole([1]), _whole([2]))


def _real(values: Any) -> Value:
    return op.constant(np.asarray(values, np.float32))


def _whole(values: Any) -> Value:
    return op.constant(np.asarray(values, np.int64))
