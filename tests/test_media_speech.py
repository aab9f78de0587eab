from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkernel.errors import (
    CorruptMediaError,
    InputError,
    MissingFileError,
    NoAudioError,
    NotMediaError,
)
from talkernel.media import open_speech
from tests.test_media_support import click_time, clicks, write_sound, write_video

TIMES = (0.3, 0.9)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.wav", "pcm_s16le", 8_000, "mono"),
        ("a.wav", "pcm_s16le", 44_100, "stereo"),
        ("a.wav", "pcm_s24le", 48_000, "5.1"),
        ("a.wav", "pcm_f32le", 16_000, "mono"),
        ("a.wav", "pcm_u8", 22_050, "mono"),
        ("a.flac", "flac", 96_000, "stereo"),
        ("a.m4a", "aac", 44_100, "mono"),
        ("a.mp4", "aac", 48_000, "5.1"),
        ("a.mka", "aac", 48_000, "stereo"),
        ("a.mp3", "libmp3lame", 44_100, "stereo"),
        ("a.opus", "libopus", 48_000, "mono"),
        ("a.webm", "libopus", 48_000, "stereo"),
    ],
)
def test_sound_keeps_its_time_and_length(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str
) -> None:
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    wave = np.tile(clicks(1.2, TIMES, rate), (channels, 1))
    speech = open_speech(write_sound(tmp_path / name, wave, rate=rate, codec=codec, layout=layout))
    got = speech.wave()
    assert got.dtype == np.float32
    assert got.ndim == 1
    assert len(got) == speech.sample_count
    # Matroska does not tell how much of AAC's last frame is padding.
    padding = 1024 / rate if name == "a.mka" else 0
    assert 1.2 - 0.001 <= speech.duration <= 1.2 + 0.001 + padding
    for time in TIMES:
        assert click_time(got, near=time) == pytest.approx(time, abs=0.001)
    # The same in all channels: mixing them must neither amplify nor weaken it.
    assert np.abs(got).max() == pytest.approx(0.8, abs=0.12)
    assert speech.corrupt_packets == 0


def test_other_rates_and_blocks(tmp_path: Path) -> None:
    speech = open_speech(write_sound(tmp_path / "a.wav", clicks(1.2, TIMES)))
    assert len(speech.wave(48_000)) == 57_600
    blocks = list(speech.blocks())
    assert len(blocks) > 3, "it streams"
    np.testing.assert_array_equal(np.concatenate(blocks), speech.wave())
    assert speech.codec_name == "pcm_s16le"


def test_full_scale_does_not_exceed_one(tmp_path: Path) -> None:
    loud = np.sign(np.sin(np.arange(48_000) / 20)).astype(np.float32)
    path = write_sound(tmp_path / "a.wav", np.tile(loud, (2, 1)), layout="stereo")
    assert np.abs(open_speech(path).wave()).max() <= 1.0


@pytest.mark.parametrize("start", [Fraction(0), Fraction(1, 4)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_of_a_video_stays_with_its_picture(
    tmp_path: Path, name: str, start: Fraction
) -> None:
    wave = clicks(1.2, TIMES)
    speech = open_speech(write_video(tmp_path / name, 30, sound=wave, sound_start=start))
    assert speech.codec_name == "aac"
    for time in TIMES:
        shown = time + float(start)
        assert click_time(speech.wave(), near=shown) == pytest.approx(shown, abs=0.001)
    assert speech.duration == pytest.approx(1.2 + float(start), abs=0.03)


def test_sound_before_the_picture_is_cut(tmp_path: Path) -> None:
    times = [Fraction(1, 2) + Fraction(i, 25) for i in range(25)]
    path = write_video(tmp_path / "a.mkv", 25, times=times, sound=clicks(1.2, TIMES))
    wave = open_speech(path).wave()
    assert click_time(wave) == pytest.approx(0.4, abs=0.002)


def test_lost_packets_leave_a_gap_not_a_shift(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mka", clicks(8, [1.0, 7.0]), codec="flac")
    data = bytearray(path.read_bytes())
    data[len(data) * 4 // 10 : len(data) * 5 // 10] = os.urandom(len(data) // 10)
    path.write_bytes(data)
    speech = open_speech(path)
    assert click_time(speech.wave(), near=7.0) == pytest.approx(7.0, abs=0.002)


def test_a_video_without_sound(tmp_path: Path) -> None:
    with pytest.raises(NoAudioError, match=r"mute\.mp4"):
        open_speech(write_video(tmp_path / "mute.mp4", 3))


def test_a_photo_has_no_sound(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    with pytest.raises(NoAudioError, match="photo"):
        open_speech(tmp_path / "photo.png")


def test_too_short(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", clicks(0.19, [0.1]))
    with pytest.raises(InputError, match=r"0\.19 s"):
        open_speech(path)
    with pytest.raises(InputError):
        open_speech(write_sound(tmp_path / "b.wav", np.zeros(1, np.float32)))


def test_text_empty_missing(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("hello\n" * 500)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(NotMediaError, match="text"):
        open_speech(tmp_path / "text.wav")
    with pytest.raises(NotMediaError, match="empty"):
        open_speech(tmp_path / "empty.wav")
    with pytest.raises(MissingFileError, match="gone"):
        open_speech(tmp_path / "gone.wav")


def test_nothing_decodable(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.m4a", clicks(1.2, TIMES), codec="aac")
    data = path.read_bytes()
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    path.write_bytes(data[:begin] + b"\xff" * (end - begin) + data[end:])
    with pytest.raises((CorruptMediaError, InputError), match=r"a\.m4a"):
        open_speech(path)
