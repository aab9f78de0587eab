"""MediaPipe's three operations compared with NumPy, and the lip landmarks on a portrait."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as op
from skimage.data import astronaut

from talkernel.face.attention_mesh import CORNERS, LIPS, OPERATIONS
from talkernel.face.detect import FaceDetector
from talkernel.face.mesh import FaceMesh, Region
from talkernel.media.sample import picture_of_rgb

Array = NDArray[np.float32]
# Marked by hand on the portrait, enlarged 14 times: the corners and the middle of each lip edge.
MARKED = {
    61: (202.8, 139.0),
    291: (244.4, 140.8),
    0: (223.0, 140.2),
    13: (223.3, 143.4),
    14: (223.0, 149.8),
    17: (223.0, 155.5),
}
SQUARE = {"output_width": 16, "output_height": 16, "scale_x": 1.5, "scale_y": 1.5}


class Node:
    """A node of the network, as OpenVINO passes it to a converter."""

    def __init__(self, inputs: list[Any], attributes: dict[str, float]) -> None:
        self._inputs, self._attributes = inputs, attributes

    def get_input(self, number: int) -> Any:
        return self._inputs[number].output(0)

    def get_attribute(self, name: str) -> float:
        return self._attributes[name]


def compute(name: str, *values: Array, **attributes: float) -> Array:
    inputs = [op.parameter(value.shape, np.float32) for value in values]
    model = ov.Model(OPERATIONS[name](Node(inputs, attributes)), inputs)
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(list(values))[0])


def some_lips(turn: float) -> Array:
    """Landmarks `[1, 468, 3]` whose lips are an ellipse, rotated by `turn` degrees."""
    rng = np.random.default_rng(3)
    points = rng.uniform(0.0, 48.0, (1, 468, 3)).astype(np.float32)
    angle = np.linspace(0.0, 2 * np.pi, len(LIPS), endpoint=False)
    flat = np.stack([8.0 * np.cos(angle), 3.0 * np.sin(angle)], 1)
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    points[0, list(LIPS), :2] = flat @ np.array([[cos, sin], [-sin, cos]]) + (25.0, 30.0)
    for corner, x in zip(CORNERS, (-8.0, 8.0), strict=True):
        points[0, corner, :2] = np.array([25.0, 30.0]) + x * np.array([cos, sin])
    return points


@pytest.mark.parametrize("turn", [0.0, 25.0, -70.0])
def test_the_square_around_the_lips_is_upright(turn: float) -> None:
    affine = compute("Landmarks2TransformMatrix", some_lips(turn), **SQUARE)[0]
    along = np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
    middle = affine[:2, :2] @ (8.0, 8.0) + affine[:2, 3]
    np.testing.assert_allclose(middle, (25.0, 30.0), atol=0.05)
    np.testing.assert_allclose(affine[:2, 0], 1.5 * 16.0 / 16.0 * along, atol=0.01)
    np.testing.assert_allclose(
        affine[:2, 1], 1.5 * 6.0 / 16.0 * np.array([-along[1], along[0]]), atol=0.01
    )


def test_the_crop_samples_the_features_under_the_affine() -> None:
    picture = np.random.default_rng(1).uniform(size=(1, 48, 40, 3)).astype(np.float32)
    affine = np.eye(4, dtype=np.float32)[None]
    affine[0, :2] = [[1.1, -0.4, 0.0, 14.0], [0.4, 1.1, 0.0, 12.0]]
    crop = compute("TransformTensorBilinear", picture, affine, output_width=16, output_height=16)
    columns, rows = np.meshgrid(np.arange(16) + 0.5, np.arange(16) + 0.5)
    x = 1.1 * columns - 0.4 * rows + 14.0 - 0.5
    y = 0.4 * columns + 1.1 * rows + 12.0 - 0.5
    expected = cv2.remap(picture[0], x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    np.testing.assert_allclose(crop[0], expected, atol=0.03)  # OpenCV counts in 32nds of a pixel


def test_landmarks_are_mapped_back() -> None:
    points = np.random.default_rng(2).uniform(size=(1, 80, 2)).astype(np.float32)
    affine = np.random.default_rng(4).uniform(size=(1, 4, 4)).astype(np.float32)
    mapped = compute("TransformLandmarks", points, affine)
    expected = points[0] @ affine[0, :2, :2].T + affine[0, :2, 3]
    np.testing.assert_allclose(mapped[0], expected, atol=1e-5)


def test_each_lip_landmark_is_refined_once() -> None:
    assert len(LIPS) == len(set(LIPS)) == 80


def test_lip_landmarks_lie_on_the_lips() -> None:
    picture, mesh = picture_of_rgb(astronaut()), FaceMesh()
    region = Region.of_detection(FaceDetector().detect(picture)[0])
    for _ in range(3):
        points, _ = mesh.landmarks(picture, region)
        region = Region.of_landmarks(points)
    for number, place in MARKED.items():
        assert np.hypot(*(points[number, :2] - place)) < 1.5, number
