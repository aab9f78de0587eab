from __future__ import annotations

import errno
import itertools
import math
import os
import re
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from talkernel.errors import OptionError, OutputError, OutputExistsError, OutputNotWritableError
from talkernel.media import (
    AI_NOTICE,
    FaceSource,
    SpeechSource,
    VideoWriter,
    extend,
    open_face,
    open_speech,
)
from talkernel.media.transcode import transcode
from tests.test_media_support import (
    click_time,
    clicks,
    number_of,
    numbered,
    numbers,
    write_sound,
    write_video,
)

NTSC = Fraction(30000, 1001)
TIMES = (0.4, 1.2)


@pytest.fixture()
def face(tmp_path: Path) -> FaceSource:
    return open_face(write_video(tmp_path / "face.mp4", 30, fps=NTSC))


@pytest.fixture()
def speech(tmp_path: Path) -> SpeechSource:
    return open_speech(write_sound(tmp_path / "speech.wav", clicks(1.5, TIMES)))


def make(out: Path, face: FaceSource, speech: SpeechSource, **options: Any) -> int:
    """Writes `out` as long as the speech; returns the number of pictures."""
    count = math.ceil(speech.duration * face.fps)
    with VideoWriter(out, source=face, speech=speech, frame_count=count, **options) as writer:
        for frame in extend(face, count, "pingpong"):
            writer.write(frame.picture)
    return count


def comment_of(path: Path) -> str | None:
    with av.open(str(path)) as container:
        return {key.lower(): value for key, value in container.metadata.items()}.get("comment")


def left_behind(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".")]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("o.mp4", "h264"),
        ("o.mov", "h264"),
        ("o.mkv", "h264"),
        ("o.m4v", "libx264"),
        ("o.mp4", "hevc"),
        ("o.webm", "vp9"),
        ("o.webm", None),
        ("o.mp4", None),
        ("o.mkv", "mpeg4"),
        ("o.mov", "prores"),
        ("o.mkv", "ffv1"),
    ],
)
def test_pictures_rate_and_sound_arrive(
    tmp_path: Path, face: FaceSource, speech: SpeechSource, name: str, codec: str | None
) -> None:
    out = tmp_path / name
    count = make(out, face, speech, codec=codec)
    made = open_face(out)
    expected = itertools.islice(itertools.cycle([*range(30), *range(28, 0, -1)]), count)
    assert numbers(made.frames()) == list(expected)
    assert made.fps == NTSC
    sound = open_speech(out)
    assert sound.duration == pytest.approx(speech.duration, abs=0.001)
    for time in TIMES:
        assert click_time(sound.wave(), near=time) == pytest.approx(time, abs=0.001)
    assert comment_of(out) == AI_NOTICE
    with av.open(str(out)) as container:
        assert container.duration is not None
        assert abs(container.duration / av.time_base - count / NTSC) < 1 / NTSC
    assert not left_behind(tmp_path)


@pytest.mark.parametrize(
    ("sound", "codec", "out", "kept"),
    [
        ("s.m4a", "aac", "o.mp4", True),
        ("s.m4a", "aac", "o.mkv", True),
        ("s.m4a", "aac", "o.webm", False),
        ("s.mp3", "libmp3lame", "o.mp4", True),
        ("s.mp3", "libmp3lame", "o.mkv", True),
        ("s.opus", "libopus", "o.mp4", True),
        ("s.opus", "libopus", "o.webm", True),
        ("s.opus", "libopus", "o.mov", False),
        ("s.wav", "pcm_s16le", "o.mkv", True),
        ("s.wav", "pcm_s16le", "o.mp4", False),
        ("s.aac", "aac", "o.mp4", False),
    ],
)
def test_sound_is_copied_where_the_container_allows(
    tmp_path: Path, face: FaceSource, sound: str, codec: str, out: str, kept: bool
) -> None:
    speech = open_speech(write_sound(tmp_path / sound, clicks(1.5, TIMES), codec=codec))
    reference = speech.wave()
    make(tmp_path / out, face, speech, codec="vp9" if out.endswith("webm") else "h264")
    made = open_speech(tmp_path / out)
    assert (packets(tmp_path / sound)[3:20] == packets(tmp_path / out)[3:20]) == kept
    assert abs(made.duration - speech.duration) < 1 / NTSC
    for time in TIMES:
        heard = click_time(made.wave(), near=time)
        assert heard == pytest.approx(click_time(reference, near=time), abs=0.001)


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_sound_is_interleaved_with_the_picture(tmp_path: Path, face: FaceSource) -> None:
    speech = open_speech(write_sound(tmp_path / "s.m4a", clicks(9, TIMES), codec="aac"))
    make(tmp_path / "o.mp4", face, speech)
    with av.open(str(tmp_path / "o.mp4")) as container:
        order = [packet for packet in container.demux() if packet.size]
    by_place = sorted(order, key=lambda packet: packet.pos or 0)
    for before, after in itertools.pairwise(by_place):
        assert before.dts is not None and after.dts is not None
        assert abs(after.dts * after.time_base - before.dts * before.time_base) < 1.5


def test_sound_of_the_same_video_stays_in_place(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 45, sound=clicks(1.5, TIMES), sound_start=Fraction(1, 5))
    make(tmp_path / "o.mp4", open_face(path), open_speech(path))
    assert click_time(open_speech(tmp_path / "o.mp4").wave(), near=0.6) == pytest.approx(
        0.6, abs=0.001
    )


def test_sound_ends_with_the_picture(tmp_path: Path, face: FaceSource) -> None:
    for name, codec in (("s.wav", "pcm_s16le"), ("s.m4a", "aac")):
        speech = open_speech(write_sound(tmp_path / name, clicks(3, TIMES), codec=codec))
        with VideoWriter(
            tmp_path / "o.mp4", source=face, speech=speech, frame_count=30, overwrite=True
        ) as writer:
            for frame in extend(face, 30, "pingpong"):
                writer.write(frame.picture)
        made = open_speech(tmp_path / "o.mp4")
        assert made.duration == pytest.approx(30 / NTSC, abs=float(1 / NTSC))


@pytest.mark.parametrize(
    "kind",
    [
        {"pixel_format": "yuv420p"},
        {"pixel_format": "yuv420p", "size": (63, 47)},
        {"pixel_format": "yuv422p10le"},
        {"pixel_format": "yuv444p"},
        {"pixel_format": "yuv420p", "color_range": 2},
    ],
)
def test_planes_reach_the_encoder_bit_for_bit(
    tmp_path: Path, speech: SpeechSource, kind: dict[str, Any]
) -> None:
    face = open_face(write_video(tmp_path / "face.mkv", 3, codec="ffv1", **kind))
    random = np.random.default_rng(5)
    sent = []
    out = tmp_path / "o.mkv"
    with VideoWriter(out, source=face, speech=speech, frame_count=3, codec="ffv1") as writer:
        for picture, *_ in extend(face, 3, "freeze"):
            for plane in picture.planes:
                plane[...] = random.integers(0, 2**face.layout.depth, plane.shape)
            sent.append(picture.copy())
            writer.write(picture)
    made = open_face(out)
    assert made.layout == face.layout
    for before, after in zip(sent, made.frames(), strict=True):
        for plane, other in zip(before.planes, after.planes, strict=True):
            np.testing.assert_array_equal(plane, other)


@pytest.mark.parametrize(
    ("kind", "codec", "expected"),
    [
        ({"pixel_format": "yuv420p10le"}, "h264", "yuv420p10le"),
        ({"pixel_format": "yuv420p10le"}, "vp9", "yuv420p"),
        ({"pixel_format": "yuv422p"}, "h264", "yuv422p"),
        ({"pixel_format": "yuv420p", "size": (63, 48)}, "h264", "yuv444p"),
        ({"pixel_format": "yuv420p", "size": (64, 47)}, "h264", "yuv444p"),
        ({"pixel_format": "yuv420p", "size": (63, 47)}, "vp9", "yuv420p"),
        ({"pixel_format": "yuv444p"}, "mpeg4", "yuv420p"),
        ({"pixel_format": "yuv420p"}, "prores", "yuv422p10le"),
    ],
)
def test_pixel_formats_are_kept_as_far_as_the_encoder_can(
    tmp_path: Path, speech: SpeechSource, kind: dict[str, Any], codec: str, expected: str
) -> None:
    face = open_face(write_video(tmp_path / "face.mkv", 5, codec="ffv1", **kind))
    out = tmp_path / ("o.mov" if codec == "prores" else "o.mkv")
    with VideoWriter(out, source=face, speech=speech, frame_count=5, codec=codec) as writer:
        for frame in extend(face, 5, "freeze"):
            writer.write(frame.picture)
    made = open_face(out)
    assert made.layout.format == expected
    assert (made.width, made.height) == (face.width, face.height)
    assert numbers(made.frames()) == list(range(5))


@pytest.mark.parametrize("name", ["o.mp4", "o.mov", "o.mkv"])
def test_colour_tags_and_pixel_shape_are_kept(
    tmp_path: Path, speech: SpeechSource, name: str
) -> None:
    tags = {"color_primaries": 9, "color_trc": 14, "colorspace": 9, "color_range": 2}
    kind: dict[str, Any] = {**tags, "sample_aspect_ratio": Fraction(4, 3)}
    face = open_face(write_video(tmp_path / "face.mp4", 5, **kind))
    with VideoWriter(tmp_path / name, source=face, speech=speech, frame_count=5) as writer:
        for frame in extend(face, 5, "freeze"):
            writer.write(frame.picture)
    made = open_face(tmp_path / name)
    assert made.color == face.color
    assert made.layout == face.layout
    assert made.sample_aspect_ratio == Fraction(4, 3)
    assert made.layout.full_range


def test_a_photo_becomes_a_video_that_all_players_know(
    tmp_path: Path, speech: SpeechSource
) -> None:
    Image.new("RGB", (64, 48), (200, 100, 50)).save(tmp_path / "photo.png")
    count = make(tmp_path / "o.mp4", open_face(tmp_path / "photo.png"), speech)
    made = open_face(tmp_path / "o.mp4")
    pictures = list(made.frames())
    assert len(pictures) == count == 38
    assert made.layout.format == "yuv420p"
    assert np.abs(pictures[20].to_rgb()[20, 20].astype(int) - (200, 100, 50)).max() < 8


def test_an_existing_file_is_refused_before_any_work(
    tmp_path: Path, face: FaceSource, speech: SpeechSource
) -> None:
    out = tmp_path / "o.mp4"
    out.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match=r"o\.mp4"):
        VideoWriter(out, source=face, speech=speech, frame_count=5)
    with pytest.raises(OutputExistsError):
        VideoWriter(face.path, source=face, speech=speech, frame_count=5)
    assert out.read_bytes() == b"precious"
    make(out, face, speech, overwrite=True)
    assert number_of(next(open_face(out).frames())) == 0


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    tmp_path: Path, face: FaceSource, speech: SpeechSource
) -> None:
    out = tmp_path / "o.mp4"
    writer = VideoWriter(out, source=face, speech=speech, frame_count=5)
    with pytest.raises(OutputExistsError), writer:
        for frame in extend(face, 5, "freeze"):
            writer.write(frame.picture)
        out.write_bytes(b"precious")
    assert out.read_bytes() == b"precious"
    assert not left_behind(tmp_path)


def test_the_input_can_be_replaced(tmp_path: Path, speech: SpeechSource) -> None:
    path = write_video(tmp_path / "face.mp4", 30)
    count = make(path, open_face(path), speech, overwrite=True)
    assert len(list(open_face(path).frames())) == count


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("after", [0, 20])
def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, face: FaceSource, speech: SpeechSource, error: type[BaseException], after: int
) -> None:
    before = sorted(os.listdir(tmp_path))
    writer = VideoWriter(tmp_path / "o.mp4", source=face, speech=speech, frame_count=45)
    with pytest.raises(error), writer:
        for frame in extend(face, after, "pingpong"):
            writer.write(frame.picture)
        raise error
    assert sorted(os.listdir(tmp_path)) == before


def test_a_video_without_pictures_is_refused(
    tmp_path: Path, face: FaceSource, speech: SpeechSource
) -> None:
    writer = VideoWriter(tmp_path / "o.mp4", source=face, speech=speech, frame_count=5)
    with pytest.raises(ValueError, match="no picture"), writer:
        pass
    assert not (tmp_path / "o.mp4").exists()
    assert not left_behind(tmp_path)


def test_writers_in_one_folder_do_not_meet(
    tmp_path: Path, face: FaceSource, speech: SpeechSource
) -> None:
    jobs = [
        threading.Thread(target=make, args=(tmp_path / f"{i}.mp4", face, speech)) for i in range(4)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert all(len(list(open_face(tmp_path / f"{i}.mp4").frames())) == 45 for i in range(4))
    assert not left_behind(tmp_path)


def test_two_writers_of_one_file_make_one_file(
    tmp_path: Path, face: FaceSource, speech: SpeechSource
) -> None:
    outcomes: list[str] = []

    def job() -> None:
        try:
            make(tmp_path / "o.mp4", face, speech)
            outcomes.append("made")
        except OutputExistsError:
            outcomes.append("refused")

    jobs = [threading.Thread(target=job) for _ in range(3)]
    for each in jobs:
        each.start()
    for each in jobs:
        each.join()
    assert sorted(outcomes) == ["made", "refused", "refused"]
    assert len(list(open_face(tmp_path / "o.mp4").frames())) == 45


def test_a_full_disk_is_told(
    tmp_path: Path, face: FaceSource, speech: SpeechSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = VideoWriter(tmp_path / "o.mp4", source=face, speech=speech, frame_count=5)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match=r"o\.mp4"), writer:
        monkeypatch.setattr(writer._sound, "feed", full)
        for frame in extend(face, 5, "freeze"):
            writer.write(frame.picture)
    assert not left_behind(tmp_path)


FILL = """
import resource, sys
from talkernel.errors import OutputError
from talkernel.media import VideoWriter, extend, open_face, open_speech
import numpy as np
face, speech = open_face(sys.argv[1]), open_speech(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
random = np.random.default_rng(0)
try:
    with VideoWriter(sys.argv[3], source=face, speech=speech, frame_count=60) as writer:
        for picture, *_ in extend(face, 60, "pingpong"):
            picture.planes[0][...] = random.integers(0, 256, picture.planes[0].shape)
            writer.write(picture)
except OutputError as error:
    sys.exit(error.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX thing")
@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
def test_a_file_that_cannot_grow_is_told(
    tmp_path: Path, face: FaceSource, speech: SpeechSource, name: str
) -> None:
    """The real thing: FFmpeg's own write fails half-way."""
    arguments = [sys.executable, "-c", FILL, face.path, speech.path, str(tmp_path / name)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(arguments, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == OutputError.exit_code, done.stderr.decode()
    assert not (tmp_path / name).exists()
    assert not left_behind(tmp_path)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("o.mp4", "nonsense"),
        ("o.webm", "h264"),
        ("o.mp4", "aac"),
        ("o.webm", "ffv1"),
        ("o.mp4", ""),
    ],
)
def test_codecs_that_do_not_fit(
    tmp_path: Path, face: FaceSource, speech: SpeechSource, name: str, codec: str
) -> None:
    with pytest.raises(OptionError) as caught:
        VideoWriter(tmp_path / name, source=face, speech=speech, frame_count=5, codec=codec)
    assert "vp9" in caught.value.remedy


@pytest.mark.parametrize("name", ["gone/o.mp4", "o", "o.txt", "face.mp4/o.mp4", "folder.mp4"])
def test_outputs_that_cannot_be(
    tmp_path: Path, face: FaceSource, speech: SpeechSource, name: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputNotWritableError, match=re.escape(name)):
        VideoWriter(tmp_path / name, source=face, speech=speech, frame_count=5, overwrite=True)


@pytest.mark.parametrize("name", ["a b.mp4", "müller 脸.mp4", "-dash.mp4", "a:b.mp4", "50%d.mkv"])
def test_any_output_name(
    tmp_path: Path,
    face: FaceSource,
    speech: SpeechSource,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    count = make(Path(name), face, speech)
    assert len(list(open_face(name).frames())) == count


def test_numbers_survive() -> None:
    """The marks that the tests rely on."""
    assert [number_of(numbered(i)) for i in range(200)] == list(range(200))


def test_real_files(tmp_path: Path, shared: Path) -> None:
    face = open_face(shared / "videos" / "talk_640x360_15fps.mp4")
    speech = open_speech(shared / "speech" / "english_clip.m4a")
    with VideoWriter(tmp_path / "o.mp4", source=face, speech=speech, frame_count=30) as writer:
        for frame in extend(face, 30, "pingpong"):
            writer.write(frame.picture)
    made = open_face(tmp_path / "o.mp4")
    assert made.fps == Fraction(15000, 1001)
    assert len(list(made.frames())) == 30


@pytest.mark.parametrize("name", ["o.mp4", "o.mov", "o.mkv", "o.webm"])
def test_only_synthesised_videos_are_marked_as_ai_generated(
    tmp_path: Path, face: FaceSource, speech: SpeechSource, name: str
) -> None:
    make(tmp_path / f"made-{name}", face, speech)
    transcode(face.path, speech.path, tmp_path / f"real-{name}")
    assert comment_of(tmp_path / f"made-{name}") == AI_NOTICE
    assert comment_of(tmp_path / f"real-{name}") is None
