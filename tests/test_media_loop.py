from __future__ import annotations

import itertools
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from talkernel.choices import LoopMode
from talkernel.media import extend, open_face, source_index
from talkernel.media.loop import source_leg
from tests.test_media_support import number_of, write_video

MODES: tuple[LoopMode, ...] = ("pingpong", "forward", "freeze")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("pingpong", [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2]),
        ("forward", [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]),
        ("freeze", [0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3]),
    ],
)
def test_source_index(mode: LoopMode, expected: list[int]) -> None:
    assert [source_index(i, 4, mode) for i in range(11)] == expected
    assert [source_index(i, 1, mode) for i in range(5)] == [0] * 5


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cache_bytes", [1, 40_000, 10**9])
@pytest.mark.parametrize("count", [0, 1, 20, 75])
def test_extend_follows_source_index(
    tmp_path: Path, mode: LoopMode, cache_bytes: int, count: int
) -> None:
    """40 kB hold 8 pictures, 1 byte the least possible 2, a gigabyte all 30."""
    face = open_face(write_video(tmp_path / "a.mp4", 30, fps=Fraction(30000, 1001)))
    pictures = extend(face, count, mode, cache_bytes=cache_bytes)
    for i, (picture, number, leg) in zip(range(count), pictures, strict=True):
        assert number_of(picture) == number == source_index(i, 30, mode)
        assert leg == source_leg(i, 30, mode)
        assert picture.time == pytest.approx(i * 1001 / 30000)
        for plane in picture.planes:
            plane[...] = 255  # a consumer may do this


@pytest.mark.parametrize(
    "kind",
    [
        {"name": "a.mkv", "options": {"g": "24", "bf": "3", "x264-params": "open-gop=1"}},
        {
            "name": "a.mp4",
            "codec": "libx265",
            "options": {"x265-params": "log-level=error:keyint=24:open-gop=1"},
        },
        {"name": "a.webm", "codec": "libvpx-vp9", "options": {"g": "30", "cpu-used": "8"}},
        {"name": "b.mp4", "codec": "libx264", "options": {"g": "500"}},
        {"name": "a.mpg", "codec": "mpeg1video"},
    ],
)
def test_backwards_shows_the_very_same_pictures(tmp_path: Path, kind: dict[str, Any]) -> None:
    name = kind.pop("name")
    face = open_face(write_video(tmp_path / name, 80, **kind))
    forward = [picture.planes[0] for picture in face.frames()]
    assert len(forward) == 80
    for i, (picture, *_) in enumerate(extend(face, 180, "pingpong", cache_bytes=1)):
        np.testing.assert_array_equal(picture.planes[0], forward[source_index(i, 80, "pingpong")])


def test_memory_stays_within_the_cache(tmp_path: Path) -> None:
    face = open_face(write_video(tmp_path / "a.mp4", 60, size=(320, 240)))
    picture_bytes = 320 * 240 * 3 // 2
    tracemalloc.start()
    for _ in extend(face, 200, "pingpong", cache_bytes=8 * picture_bytes):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 14 * picture_bytes


@pytest.mark.parametrize("mode", MODES)
def test_a_photo_is_as_long_as_needed(tmp_path: Path, mode: LoopMode) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (32, 32), (90, 120, 30)).save(path)
    pictures = list(itertools.islice(extend(open_face(path), 50, mode), 60))
    assert len(pictures) == 50
    assert pictures[49].picture.time == pytest.approx(49 / 25)


def test_a_single_picture_is_repeated(tmp_path: Path) -> None:
    face = open_face(write_video(tmp_path / "a.mp4", 1))
    for mode in MODES:
        frames = list(extend(face, 7, mode))
        assert [frame.number for frame in frames] == [0] * 7
        assert [frame.leg > 0 for frame in frames] == [False, *[True] * 6]


@pytest.mark.parametrize(
    ("mode", "starts"), [("pingpong", [7, 13, 19]), ("forward", [7, 14, 21]), ("freeze", [7])]
)
def test_a_leg_begins_where_playback_turns_jumps_or_stands_still(
    mode: LoopMode, starts: list[int]
) -> None:
    legs = [source_leg(i, 7, mode) for i in range(24)]
    assert [i for i in range(1, 24) if legs[i] != legs[i - 1]] == starts
    assert legs[-1] == len(starts)


def test_a_file_that_is_shorter_than_it_says_goes_on_from_the_file(tmp_path: Path) -> None:
    """Nothing was cached, for it seemed long enough."""
    face = open_face(write_video(tmp_path / "a.mp4", 12))
    for mode in MODES:
        face.frame_count = 30
        numbers = [number_of(frame.picture) for frame in extend(face, 30, mode)]
        assert numbers == [source_index(i, 12, mode) for i in range(30)]
