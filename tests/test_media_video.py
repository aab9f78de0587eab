from __future__ import annotations

import itertools
import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from talkernel.errors import (
    CorruptMediaError,
    InputError,
    MissingFileError,
    NotMediaError,
    OptionError,
)
from talkernel.media import open_face
from talkernel.media.timing import sane_rate
from tests.test_media_support import SIZE, clicks, number_of, numbers, write_sound, write_video

NTSC = Fraction(30000, 1001)
QUIET = {"x265-params": "log-level=error"}
KINDS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "h264_ntsc.mp4": {"fps": NTSC},
    "h264_ntsc.mkv": {"fps": NTSC},
    "h264_slow.mov": {"fps": 15},
    "h264_444_odd.mkv": {"size": (63, 47), "pixel_format": "yuv444p"},
    "h264_422_10.mp4": {"pixel_format": "yuv422p10le"},
    "h264.avi": {},
    "h264.ts": {},
    "hevc.mp4": {"codec": "libx265", "options": QUIET},
    "hevc_10.mkv": {"codec": "libx265", "pixel_format": "yuv420p10le", "options": QUIET},
    "vp9_odd.webm": {"codec": "libvpx-vp9", "size": (63, 47), "options": {"cpu-used": "8"}},
    "mpeg4.avi": {"codec": "mpeg4", "bit_rate": 2_000_000},
    "mpeg4_b.avi": {"codec": "mpeg4", "bit_rate": 2_000_000, "options": {"bf": "2"}},
    "mpeg1.mpg": {"codec": "mpeg1video"},
    "mjpeg.avi": {"codec": "mjpeg", "color_range": 2},
    "prores.mov": {"codec": "prores_ks", "pixel_format": "yuv422p10le"},
    "ffv1_10.mkv": {"codec": "ffv1", "pixel_format": "yuv420p10le"},
}


@pytest.mark.parametrize("name", KINDS)
def test_a_constant_rate_file_gives_every_frame_once(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    face = open_face(write_video(tmp_path / name, 40, **kind))
    pictures = list(face.frames())
    assert numbers(pictures) == list(range(40))
    assert face.fps == kind.get("fps", 25)
    assert (face.width, face.height) == kind.get("size", SIZE)
    assert face.layout.format == kind.get("pixel_format", "yuv420p")
    assert face.layout.full_range == (kind.get("color_range") == 2)
    assert not face.is_photo
    assert face.corrupt_packets == 0
    assert face.frame_count is not None
    assert abs(face.frame_count - 40) <= (4 if name.endswith("mpg") else 1)
    assert pictures[7].time == pytest.approx(7 / face.fps)
    assert numbers(face.frames()) == list(range(40)), "a second pass starts anew"


@pytest.mark.parametrize("name", ["h264.mp4", "vp9_odd.webm", "mpeg4_b.avi", "mpeg1.mpg"])
def test_frames_can_start_anywhere(tmp_path: Path, name: str) -> None:
    face = open_face(write_video(tmp_path / name, 60, **KINDS[name]))
    for start in (1, 29, 59):
        assert numbers(face.frames(start)) == list(range(start, 60))
    assert numbers(face.frames(60)) == []


def test_variable_rate_shows_at_each_instant_the_frame_then_shown(tmp_path: Path) -> None:
    steps = [1, 1, 3, 1, 2, 1, 5, 1, 1, 1, 2, 1]
    starts = [0, *itertools.accumulate(steps)][: len(steps)]
    times = [Fraction(40 * start, 1000) for start in starts]
    path = write_video(tmp_path / "variable.mkv", len(times), times=times)
    face = open_face(path)
    for picture in face.frames():
        instant = picture.time + float(1 / face.fps) / 2
        shown = max(i for i, time in enumerate(times) if time <= instant)
        assert number_of(picture) == shown


def test_jittering_timestamps_do_not_repeat_frames(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    times = [Fraction(max(0, 40 * i + int(random.integers(-9, 10))), 1000) for i in range(40)]
    face = open_face(write_video(tmp_path / "jitter.mkv", 40, times=times))
    assert numbers(face.frames()) == list(range(40))


@pytest.mark.parametrize("rotation", [90, 180, -90])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p"])
def test_display_rotation_is_obeyed(tmp_path: Path, rotation: int, pixel_format: str) -> None:
    kind: dict[str, Any] = {"pixel_format": pixel_format, "sample_aspect_ratio": Fraction(4, 3)}
    plain = next(open_face(write_video(tmp_path / "plain.mp4", 3, **kind)).frames())
    face = open_face(write_video(tmp_path / "turned.mp4", 3, rotation=rotation, **kind))
    picture = next(face.frames())
    turned = np.rot90(plain.planes[0], rotation // 90)
    assert (face.height, face.width) == turned.shape
    assert np.abs(picture.planes[0].astype(int) - turned).max() <= 2
    assert face.layout.chroma_shift in {(0, 0), (1, 1), (1, 0)}
    upright = Fraction(4, 3) if rotation == 180 else Fraction(3, 4)
    assert face.sample_aspect_ratio == upright
    sx, sy = face.layout.chroma_shift
    assert picture.planes[1].shape == (face.height >> sy, face.width >> sx)


def test_colour_tags_are_read(tmp_path: Path) -> None:
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    kind = KINDS["hevc_10.mkv"]
    face = open_face(write_video(tmp_path / "hdr.mkv", 3, **{**kind, **tags}))
    assert face.layout.matrix == "bt2020"
    assert face.color.primaries == 9
    assert face.color.transfer == 16
    assert face.color.matrix == 9
    assert face.color.range == 1


@pytest.mark.parametrize("name", ["a b.mp4", "müller 脸.mp4", "-dash.mp4", "a:b.mp4", "50%d.mp4"])
def test_any_file_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "plain.mp4", 3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert numbers(open_face(name).frames()) == [0, 1, 2]


def test_damage_in_the_middle_costs_only_what_it_hits(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 100, codec="ffv1", options={"slicecrc": "1"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = os.urandom(600)
    path.write_bytes(data)
    face = open_face(path)
    got = numbers(face.frames())
    assert face.corrupt_packets > 0
    assert abs(len(got) - 100) <= 1
    assert got[:30] == list(range(30))
    assert got[-20:] == list(range(80, 100)), "what follows keeps its time"


def test_a_truncated_file_gives_what_is_there(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 100, codec="ffv1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    got = numbers(open_face(path).frames())
    assert 30 < len(got) < 70
    assert got == list(range(len(got)))


def test_nothing_decodable_is_an_error(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 20)
    data = path.read_bytes()
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    path.write_bytes(data[:begin] + bytes(end - begin) + data[end:])
    with pytest.raises(CorruptMediaError, match=r"a\.mp4"):
        list(open_face(path).frames())


def test_an_unfinished_mp4_is_called_damaged(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 20)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorruptMediaError, match=r"a\.mp4"):
        open_face(path)


@pytest.mark.parametrize("suffix", ["txt", "mp4", "jpg"])
def test_text_is_not_media(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"text.{suffix}"
    path.write_text("This is not a video.\n" * 200)
    with pytest.raises(NotMediaError, match="text"):
        open_face(path)


def test_empty_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(NotMediaError, match="empty"):
        open_face(tmp_path / "empty.mp4")
    with pytest.raises(MissingFileError, match="gone"):
        open_face(tmp_path / "gone.mp4")
    with pytest.raises(MissingFileError):
        open_face(tmp_path)


def test_sound_alone_is_no_face(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "speech.wav", clicks(1, [0.5]))
    with pytest.raises(InputError, match="speech"):
        open_face(path)


def photo_array() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Four quadrants: red, green / blue, grey."""
    rgb = np.full((40, 60, 3), 128, np.uint8)
    rgb[:20, :30], rgb[:20, 30:], rgb[20:, :30] = (200, 30, 30), (30, 200, 30), (30, 30, 200)
    return rgb


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_photos_stand_upright_and_are_told_by_content(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.mp4"
    Image.fromarray(photo_array()).save(path, kind, quality=95, exif=exif)
    face = open_face(path)
    turns = {1: 0, 3: 2, 6: 3, 8: 1}
    if orientation == 5:
        upright = photo_array().transpose(1, 0, 2)
    else:
        upright = np.rot90(photo_array(), turns[orientation])
    assert face.is_photo
    assert (face.height, face.width) == upright.shape[:2]
    rgb = next(face.frames()).to_rgb().astype(int)
    for y, x in ((5, 5), (5, -5), (-5, 5), (-5, -5)):
        assert np.abs(rgb[y, x] - upright[y, x]).max() < 12


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16", "CMYK"])
def test_photos_of_every_mode(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((40, 60), 128 * 257, np.uint16))
    else:
        image = Image.new("RGB", (60, 40), (128, 128, 128)).convert(mode)
    path = tmp_path / "photo"
    image.save(path, "jpeg" if mode == "CMYK" else "png")
    rgb = next(open_face(path).frames()).to_rgb()
    assert rgb.shape == (40, 60, 3)
    assert mode == "1" or abs(rgb.mean() - 128) < 3


@pytest.mark.parametrize("fps", [0, -5.0, math.nan, math.inf])
def test_rates_that_are_none(tmp_path: Path, fps: float) -> None:
    Image.fromarray(photo_array()).save(tmp_path / "photo.png")
    with pytest.raises(OptionError, match="not a frame rate"):
        open_face(tmp_path / "photo.png", fps=fps)


def test_a_photo_never_ends_and_its_copies_are_private(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo_array()).save(path)
    face = open_face(path, fps=29.97)
    assert face.fps == NTSC
    assert face.frame_count is None
    first, second = itertools.islice(face.frames(), 2)
    first.planes[0][...] = 0
    assert second.planes[0].any()
    assert second.time == pytest.approx(1001 / 30000)
    assert next(face.frames()).planes[0].any()


def test_an_animation_gives_its_first_picture(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    first, other = Image.new("RGB", (60, 40), (200, 0, 0)), Image.new("RGB", (60, 40), (0, 0, 200))
    first.save(path, save_all=True, append_images=[other])
    rgb = next(open_face(path).frames()).to_rgb()
    assert rgb[20, 30, 0] > 180


def test_a_damaged_photo_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(photo_array()).resize((600, 400)).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(CorruptMediaError, match="photo"):
        open_face(path)


@pytest.mark.parametrize(
    ("rate", "sane"),
    [
        (29.97, NTSC),
        (23.976, Fraction(24000, 1001)),
        (25, 25),
        (Fraction(2997, 100), NTSC),
        (0.01, 1),
        (90000, 240),
    ],
)
def test_rates_are_made_sane(rate: float, sane: Fraction) -> None:
    assert sane_rate(rate) == sane
