from __future__ import annotations

import av
import numpy as np
import pytest

from talkernel.media import Picture, PixelLayout, work_layout
from talkernel.media.frame import Matrix

LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


def expected_rgb(y: float, u: float, v: float, matrix: Matrix, full: bool) -> list[float]:
    red, blue = LUMA_WEIGHTS[matrix]
    if full:
        luma, cb, cr = y / 255, (u - 128) / 255, (v - 128) / 255
    else:
        luma, cb, cr = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    g = (luma - red * r - blue * b) / (1 - red - blue)
    return [min(max(255 * part, 0), 255) for part in (r, g, b)]


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("depth", [8, 10])
def test_rgb_obeys_matrix_range_and_depth(matrix: Matrix, full: bool, depth: int) -> None:
    name = "yuv420p" if depth == 8 else "yuv420p10le"
    layout = PixelLayout(name, depth, (1, 1), matrix, full)
    dtype = np.uint8 if depth == 8 else np.uint16
    scale = 1 if depth == 8 else (1023 / 255 if full else 4)
    y, u, v = (
        np.full(shape, round(value * scale), dtype)
        for shape, value in (((47, 63), 120), ((24, 32), 110), ((24, 32), 150))
    )
    rgb = Picture((y, u, v), layout).to_rgb()
    assert rgb.shape == (47, 63, 3)
    assert np.abs(rgb[20, 30] - expected_rgb(120, 110, 150, matrix, full)).max() <= 3


@pytest.mark.parametrize(
    ("name", "working"),
    [
        ("yuv420p", "yuv420p"),
        ("yuv422p", "yuv422p"),
        ("yuv444p10le", "yuv444p10le"),
        ("yuvj422p", "yuv422p"),
        ("nv12", "yuv420p"),
        ("p010le", "yuv420p10le"),
        ("yuyv422", "yuv422p"),
        ("yuv420p12le", "yuv420p10le"),
        ("yuv444p16le", "yuv444p10le"),
        ("yuva420p", "yuv420p"),
        ("yuv411p", "yuv422p"),
        ("rgb24", "yuv444p"),
        ("rgba", "yuv444p"),
        ("pal8", "yuv444p"),
        ("gray", "yuv444p"),
        ("gray16le", "yuv444p10le"),
    ],
)
def test_every_format_has_a_planar_one_to_work_in(name: str, working: str) -> None:
    layout = work_layout(name, 64, 48, 2, 0)
    assert layout.format == working
    picture = Picture.from_av(av.VideoFrame(64, 48, name), layout, 1.5)
    assert picture.time == 1.5
    assert picture.planes[0].shape == (48, 64)
    sx, sy = layout.chroma_shift
    assert picture.planes[2].shape == (48 >> sy, 64 >> sx)


def test_matrix_is_guessed_from_the_height_and_range_from_the_tags() -> None:
    assert work_layout("yuv420p", 1280, 720, 2, 0).matrix == "bt709"
    assert work_layout("yuv420p", 640, 719, 2, 0).matrix == "bt601"
    assert work_layout("yuv420p", 640, 360, 9, 0).matrix == "bt2020"
    assert work_layout("yuv420p", 640, 360, 2, 2).full_range
    assert work_layout("yuvj420p", 640, 360, 2, 0).full_range
    assert not work_layout("rgb24", 640, 360, 0, 2).full_range


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (1, 1)])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_planes_survive_the_way_to_ffmpeg_and_back(name: str, size: tuple[int, int]) -> None:
    width, height = size
    layout = work_layout(name, width, height, 1, 1)
    sx, sy = layout.chroma_shift
    chroma = (-(-height >> sy), -(-width >> sx))
    random = np.random.default_rng(1)
    dtype, top = (np.uint8, 256) if layout.depth == 8 else (np.uint16, 1024)
    y, u, v = (
        random.integers(0, top, shape).astype(dtype) for shape in ((height, width), chroma, chroma)
    )
    back = Picture.from_av(Picture((y, u, v), layout).to_av(), layout, 0.0)
    for sent, got in zip((y, u, v), back.planes, strict=True):
        np.testing.assert_array_equal(sent, got)


def test_rgb_to_planes_and_back_keeps_the_colour() -> None:
    rgb = np.full((48, 64, 3), (200, 100, 50), np.uint8)
    for height in (48, 720):
        layout = work_layout("rgb24", 64, height, 2, 0)
        picture = Picture.from_av(av.VideoFrame.from_ndarray(rgb, "rgb24"), layout, 0.0)
        assert np.abs(picture.to_rgb().astype(int) - rgb).max() <= 2


def test_a_copy_has_planes_of_its_own() -> None:
    layout = work_layout("yuv420p", 4, 4, 2, 0)
    picture = Picture.from_av(av.VideoFrame(4, 4, "yuv420p"), layout, 0.0)
    copy = picture.copy()
    copy.planes[0][...] = 77
    assert not (picture.planes[0] == 77).all()
