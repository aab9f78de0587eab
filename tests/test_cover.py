"""Blending onto the frame: nothing outside the attention changes, in any pixel format."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from talkernel.face.crop import Crop
from talkernel.face.view import crop_view
from talkernel.media import Matrix, Picture, PixelLayout
from talkernel.media.sample import planes_to_rgb, rgb_to_yuv_matrix, yuv_to_rgb_matrix
from talkernel.mouth.blend import blend_onto_frame, border_window, to_network

LAYOUTS = [
    PixelLayout("yuv420p"),
    PixelLayout("yuv420p10le", 10, (1, 1), "bt709"),
    PixelLayout("yuv422p", 8, (1, 0), "bt709", True),
    PixelLayout("yuv444p", 8, (0, 0), "bt2020"),
]
RNG = np.random.default_rng(0)


def random_picture(layout: PixelLayout, height: int = 121, width: int = 161) -> Picture:
    dtype = np.uint8 if layout.depth == 8 else np.uint16
    sx, sy = layout.chroma_shift
    chroma = (-(-height >> sy), -(-width >> sx))
    planes = [
        RNG.integers(0, 1 << layout.depth, shape).astype(dtype)
        for shape in ((height, width), chroma, chroma)
    ]
    return Picture((planes[0], planes[1], planes[2]), layout)


def flat_picture(layout: PixelLayout, rgb: tuple[float, float, float]) -> Picture:
    picture = random_picture(layout)
    samples = rgb_to_yuv_matrix(layout) @ np.array([*rgb, 1.0])
    for plane, value in zip(picture.planes, samples, strict=True):
        plane[:] = round(float(value))
    return picture


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.format)
@pytest.mark.parametrize("crop", [Crop(20, 10, 80), Crop(-30, -20, 90), Crop(120, 90, 100)])
def test_pixels_outside_the_attention_are_bit_identical(layout: PixelLayout, crop: Crop) -> None:
    picture = random_picture(layout)
    before = picture.copy()
    attention = np.zeros((64, 64), np.float32)
    attention[20:44, 20:44] = 1.0
    blend_onto_frame(picture, crop, attention, RNG.uniform(-1, 1, (3, 64, 64)).astype(np.float32))
    unit = crop.side / 64
    for index, (after, old) in enumerate(zip(picture.planes, before.planes, strict=True)):
        sx, sy = (0, 0) if index == 0 else layout.chroma_shift
        touched = np.zeros_like(old, bool)
        rows = slice(
            max(0, int(crop.top + 18 * unit) >> sy), max(0, int(crop.top + 46 * unit) >> sy)
        )
        columns = slice(
            max(0, int(crop.left + 18 * unit) >> sx), max(0, int(crop.left + 46 * unit) >> sx)
        )
        touched[rows, columns] = True
        np.testing.assert_array_equal(after[~touched], old[~touched])
    assert any((a != b).any() for a, b in zip(picture.planes, before.planes, strict=True))


def test_the_crops_border_is_unchanged_even_at_full_attention() -> None:
    picture = random_picture(LAYOUTS[0])
    before = picture.copy()
    ones = np.ones((64, 64), np.float32)
    blend_onto_frame(picture, Crop(20, 20, 64), ones, np.ones((3, 64, 64), np.float32))
    for plane, old, shift in zip(picture.planes, before.planes, (0, 1, 1), strict=True):
        inner = slice((20 >> shift) + 1, (84 >> shift) - 1)
        outside = np.ones_like(old, bool)
        outside[inner, inner] = False
        np.testing.assert_array_equal(plane[outside], old[outside])
    assert border_window(64)[0].max() == 0.0 and border_window(64)[32, 32] == 1.0


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.format)
def test_the_motion_image_keeps_its_colour(layout: PixelLayout) -> None:
    picture = flat_picture(layout, (0.2, 0.4, 0.6))
    motion = np.stack([np.full((64, 64), v, np.float32) for v in (0.5, -0.25, 0.0)])
    blend_onto_frame(picture, Crop(20, 20, 64), np.ones((64, 64), np.float32), motion)
    seen = to_network(crop_view(picture, Crop(44, 44, 16), 16))
    np.testing.assert_allclose(seen[:, 8, 8], (0.5, -0.25, 0.0), atol=0.03)


def test_strength_scales_the_edit() -> None:
    layout = LAYOUTS[0]
    ones, white = np.ones((64, 64), np.float32), np.ones((3, 64, 64), np.float32)
    half, none = flat_picture(layout, (0, 0, 0)), flat_picture(layout, (0, 0, 0))
    blend_onto_frame(half, Crop(20, 20, 64), ones, white, strength=0.5)
    blend_onto_frame(none, Crop(20, 20, 64), ones, white, strength=0.0)
    assert abs(int(half.planes[0][52, 52]) - (16 + 235) // 2) <= 1
    assert (none.planes[0] == 16).all()


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.format)
def test_a_view_has_the_frames_colours(layout: PixelLayout) -> None:
    view = to_network(crop_view(flat_picture(layout, (0.8, 0.1, 0.3)), Crop(-40, -40, 120), 32))
    assert view.shape == (3, 32, 32)
    expected = np.broadcast_to(np.array([0.6, -0.8, -0.4])[:, None, None], view.shape)
    np.testing.assert_allclose(view, expected, atol=0.03)


def test_colour_matrices_are_inverse() -> None:
    for layout in LAYOUTS:
        forth = np.vstack([rgb_to_yuv_matrix(layout), [0, 0, 0, 1]])
        back = np.vstack([yuv_to_rgb_matrix(layout), [0, 0, 0, 1]])
        np.testing.assert_allclose(back @ forth, np.eye(4), atol=1e-5)


def test_shared_colour_matrices_cannot_be_changed() -> None:
    for matrix in (rgb_to_yuv_matrix(LAYOUTS[0]), yuv_to_rgb_matrix(LAYOUTS[0])):
        with pytest.raises(ValueError, match="read-only"):
            matrix += 1.0


def test_eight_bit_conversion_agrees_with_exact_arithmetic() -> None:
    rng = np.random.default_rng(0)
    planes = [rng.integers(16, 236, (64, 64), dtype=np.uint8) for _ in range(3)]
    for matrix in get_args(Matrix):
        layout = PixelLayout("yuv420p", 8, (1, 1), matrix, False)
        samples = np.stack([*planes, np.ones_like(planes[0])], axis=-1).astype(np.float64)
        exact = np.clip(255.0 * samples @ yuv_to_rgb_matrix(layout).T, 0, 255)
        assert np.abs(planes_to_rgb(planes, layout) - exact).max() < 1.0


def test_skin_moves_by_its_flow_in_cells() -> None:
    picture = random_picture(LAYOUTS[3])
    before, flow = picture.copy(), np.zeros((16, 16, 2), np.float32)
    flow[..., 0] = 0.5  # cells of 4 pixels of the view
    nothing = np.zeros((64, 64), np.float32)
    blend_onto_frame(
        picture, Crop(20, 10, 96), nothing, np.zeros((3, 64, 64), np.float32), skin=flow
    )
    for plane, old in zip(picture.planes, before.planes, strict=True):
        np.testing.assert_array_equal(plane[40:70, 50:80], old[40:70, 53:83])
        np.testing.assert_array_equal(plane[:10], old[:10])
