"""The main job on small media: length, frame rate, size, sound and the report."""

from __future__ import annotations

import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from talkernel.engine import Engine
from talkernel.errors import OptionError
from talkernel.media import open_face, open_speech
from talkernel.pipeline import generate as pipeline
from talkernel.pipeline.generate import generate
from talkernel.pipeline.options import Options
from talkernel.pipeline.report import Span
from tests.faces import blank, portrait_on_canvas, write_portrait
from tests.jobs import babble, left_behind, pictures_of
from tests.test_media_support import click_time, clicks, write_sound
from tests.videos import write_video

NTSC = Fraction(30000, 1001)
STAGES = {"decode", "track", "speech", "crop", "generator", "blend", "encode"}


@pytest.mark.parametrize("fps", [25, NTSC, 12])
def test_the_video_is_as_long_as_the_sound(
    fps: Fraction | int, tmp_path: Path, folder: Path, painted: None
) -> None:
    face = write_portrait(tmp_path / "face.mp4", 14, fps=fps)
    report = generate(face, folder / "speech.wav", tmp_path / "out.mp4")
    out = open_face(tmp_path / "out.mp4")
    assert report.frames == len(list(out.frames())) == round(fps)
    assert out.fps == Fraction(report.fps) == fps


def test_a_longer_face_video_is_truncated(tmp_path: Path, folder: Path, painted: None) -> None:
    sound = write_sound(tmp_path / "short.wav", babble(0.48, seed=0))
    assert generate(folder / "face.mp4", sound, tmp_path / "out.mp4").frames == 12
    assert len(pictures_of(tmp_path / "out.mp4")) == 12


@pytest.mark.parametrize(("fps", "frames"), [(None, 25), (NTSC, 30)])
def test_a_photo_of_odd_size(
    fps: Fraction | None, frames: int, tmp_path: Path, folder: Path, painted: None
) -> None:
    photo = tmp_path / "face.png"
    Image.fromarray(portrait_on_canvas(321, 239, (40, 4), 0.7)).save(photo)
    report = generate(photo, folder / "speech.wav", tmp_path / "out.mp4", fps=fps)
    out = open_face(tmp_path / "out.mp4")
    assert report.frames == len(list(out.frames())) == frames
    assert (out.fps, report.faces, report.passed_through) == (fps or 25, 1, [])
    assert abs(out.width - 321) <= 1 and abs(out.height - 239) <= 1


def test_a_video_of_odd_size(tmp_path: Path, folder: Path, painted: None) -> None:
    face = write_portrait(tmp_path / "face.mp4", 8, size=(321, 239))
    report = generate(face, folder / "speech.wav", tmp_path / "out.mp4")
    out = open_face(tmp_path / "out.mp4")
    assert (report.width, report.height) == (out.width, out.height) == (321, 239)


def test_the_video_has_at_least_one_frame(tmp_path: Path, folder: Path, painted: None) -> None:
    sound = write_sound(tmp_path / "short.wav", babble(0.21, seed=0))
    photo = tmp_path / "face.png"
    Image.fromarray(portrait_on_canvas(320, 240, (40, 4), 0.7)).save(photo)
    assert generate(photo, sound, tmp_path / "out.mp4", fps=1).frames == 1


@pytest.mark.parametrize(
    ("codec", "suffix", "sound"), [("aac", ".m4a", "copied"), ("pcm_s16le", ".wav", "encoded")]
)
def test_sound_and_picture_start_together(
    codec: str, suffix: str, sound: str, tmp_path: Path, folder: Path, painted: None
) -> None:
    speech = write_sound(tmp_path / f"speech{suffix}", clicks(1.0, [0.4]), codec=codec)
    report = generate(folder / "face.mp4", speech, tmp_path / "out.mp4")
    assert report.sound == sound
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].start_time == 0
    click = click_time(open_speech(tmp_path / "out.mp4").wave())
    assert click == pytest.approx(click_time(open_speech(speech).wave()), abs=0.001)
    assert click == pytest.approx(0.4, abs=0.003)


def test_the_report(tmp_path: Path, folder: Path) -> None:
    calls: list[tuple[int, int]] = []
    report = generate(
        folder / "gap.mp4",
        folder / "speech.wav",
        tmp_path / "out.mp4",
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(done, 25) for done in range(1, 26)]
    assert set(report.stage_ms) == STAGES
    assert all(spent > 0 for spent in report.stage_ms.values())
    assert report.passed_through == [Span(12, 16, "no face")]
    assert (report.width, report.height, report.fps, report.faces) == (320, 240, "25", 1)
    assert (report.engine, report.device) == ("openvino", "CPU")
    assert report.duration == 1.0 and report.elapsed > 0 and report.corrupt_packets == 0
    assert not report.warnings


def test_the_report_warns_of_surprising_results(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PLAYABLE", 500)
    one = portrait_on_canvas(270, 240, (0.0, 0.0), 0.6)
    Image.fromarray(np.hstack([one, one[:, ::-1]])).save(tmp_path / "two.png")
    silence = write_sound(tmp_path / "silence.wav", np.zeros(24_000, np.float32))
    warnings = generate(tmp_path / "two.png", silence, tmp_path / "out.mp4").warnings
    assert [line.split()[1:4] for line in warnings] == [
        ["is", "silent:", "the"],
        ["to", "2", "faces"],
        ["players", "show", "no"],
    ]
    chosen = generate(
        tmp_path / "two.png", folder / "speech.wav", tmp_path / "out2.mp4", face_index=1
    )
    assert [line.split()[1] for line in chosen.warnings] == ["players"]


def test_the_report_warns_that_a_video_keeps_its_frame_rate(
    tmp_path: Path, folder: Path, painted: None
) -> None:
    report = generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4", fps=30)
    assert report.fps == "25"
    assert report.warnings == ["--fps is for photos: the video keeps its 25.00 frames/s."]


def test_the_report_counts_a_person_who_enters_later(tmp_path: Path, painted: None) -> None:
    one = portrait_on_canvas(270, 240, (0.0, 0.0), 0.6)
    alone, both = np.hstack([one, blank(270, 240)]), np.hstack([one, one[:, ::-1]])
    face = write_video(tmp_path / "face.mp4", [alone] * 31 + [both] * 25, None)
    sound = write_sound(tmp_path / "speech.wav", babble(56 / 25, seed=0))
    report = generate(face, sound, tmp_path / "out.mp4")
    assert (report.frames, report.faces, report.passed_through) == (56, 2, [])


def test_two_jobs_in_one_folder(
    tmp_path: Path, folder: Path, model: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = {"one.mp4": "speech.wav", "two.mp4": "other.wav"}
    face = folder / "face.mp4"
    jobs = [
        threading.Thread(target=generate, args=(face, folder / sound, tmp_path / out))
        for out, sound in sounds.items()
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert left_behind(tmp_path) == ["one.mp4", "two.mp4"]
    monkeypatch.setattr(pipeline, "choose_engine", lambda *_: model)
    for out, sound in sounds.items():
        generate(face, folder / sound, tmp_path / "alone.mp4", overwrite=True)
        together, alone = pictures_of(tmp_path / out), pictures_of(tmp_path / "alone.mp4")
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_array_equal(a.planes[0], b.planes[0])


MEMORY_PROBE = """
import resource, sys
from pathlib import Path
from talkernel.pipeline.generate import generate
folder = Path(sys.argv[1])
for sound in ("20.wav", "60.wav"):
    generate(folder / "face.mp4", folder / sound, folder / "out.mp4", overwrite=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux")
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    write_portrait(tmp_path / "face.mp4", 6, fps=4)  # a leak of 160 frames would be 18 MB
    for seconds in (20, 60):
        write_sound(tmp_path / f"{seconds}.wav", babble(seconds, seed=0))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_PROBE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    after_20, after_60 = (int(line) for line in done.stdout.split())
    assert after_60 - after_20 < 15 * 1024


def test_real_files(
    tmp_path: Path, shared: Path, model: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "choose_engine", lambda *_: model)
    clips = sorted((shared / "clips" / "val").glob("*.mp4"))[:2]
    speech = open_speech(shared / "speech" / "english_news.wav").wave(48_000)[: 2 * 48_000]
    news = write_sound(tmp_path / "news.wav", speech)
    jobs = [(clips[0], clips[1]), (shared / "videos" / "talk_640x360_15fps.mp4", news)]
    for number, (face, sound) in enumerate(jobs):
        report = generate(face, sound, tmp_path / f"{number}.mp4")
        expected = round(open_speech(sound).duration * open_face(face).fps)
        assert report.frames == len(pictures_of(tmp_path / f"{number}.mp4")) == expected
        assert report.passed_through == []


def test_changes_are_made_to_the_options_given(tmp_path: Path, folder: Path, painted: None) -> None:
    inputs = folder / "face.mp4", folder / "speech.wav"
    given = Options.of(codec="ffv1")
    report = generate(*inputs, tmp_path / "out.mkv", given, loop="forward")
    assert any("ffv1" in line for line in report.warnings)  # it has no crf
    with pytest.raises(OptionError, match="no option 'speed'"):
        generate(*inputs, tmp_path / "other.mkv", given, speed=9)
