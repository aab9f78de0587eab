"""The main job on small media: what is changed, what is not, and what is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from talkernel import pipeline
from talkernel.config import ModelConfig
from talkernel.cover import FAINT, border_window
from talkernel.engine import Engine, EngineInfo, load_engine
from talkernel.errors import (
    FaceChoiceError,
    FaceTooSmallError,
    NoFaceError,
    OptionError,
    OutputExistsError,
    TalkernelError,
)
from talkernel.face.stabilise import FADE, Placement, stabilise
from talkernel.face.track import FaceTracker
from talkernel.media import LoopMode, Picture, extend, open_face, open_speech, source_index
from talkernel.pipeline import Job, generate, run
from talkernel.report import Span
from tests.faces import portrait_on_canvas, write_portrait
from tests.test_media_support import click_time, clicks, write_sound

Array = NDArray[np.float32]
NTSC = Fraction(30000, 1001)
STAGES = {"decode", "track", "speech", "kernels", "generator", "cover", "encode"}


class Painter:
    """An engine that paints the mouth's place white, whatever is said; and remembers its masks."""

    info = EngineInfo("painter", "none", "float32")
    config = ModelConfig(crop_size=64, channels=(4, 6, 8, 10, 12))

    def __init__(self) -> None:
        self.masks: list[Array] = []

    def kernels(self, mel: Array) -> Array:
        return np.zeros((len(mel), *self.config.kernel_shape), np.float32)

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        attention = np.zeros((1, 1, 64, 64), np.float32)
        attention[..., 30:50, 20:44] = 1.0
        self.masks.append(attention[0, 0])
        return attention, np.ones_like(face)


class Recorder:
    """The package's own model, its masks remembered."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.info, self.config = engine, engine.info, engine.config
        self.masks: list[Array] = []

    def kernels(self, mel: Array) -> Array:
        return self.engine.kernels(mel)

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        attention, motion = self.engine.synthesise(face, kernels)
        self.masks.append(attention[0, 0])
        return attention, motion


@pytest.fixture(scope="module")
def model() -> Engine:
    return load_engine()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds face.mp4, gap.mp4 (no face in pictures 12 to 16), speech.wav and other.wav."""
    folder = tmp_path_factory.mktemp("media")
    write_portrait(folder / "face.mp4")
    write_portrait(folder / "gap.mp4", hidden=range(12, 17))
    write_sound(folder / "speech.wav", babble(1.0, seed=0))
    write_sound(folder / "other.wav", babble(1.0, seed=1))
    return folder


@pytest.fixture()
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run with the painter, which costs next to no time."""
    monkeypatch.setattr(pipeline, "choose_engine", lambda *_: Painter())


def babble(seconds: float, seed: int) -> Array:
    """Something like vowels: a buzz through formants that jump, loud and soft by turns."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * 48_000)) / 48_000
    formants = rng.uniform(300, 2500, (8, 3))[(time * 8 / seconds).astype(int)]
    buzz = np.sin(2 * np.pi * 120 * time)[:, None] * np.sin(2 * np.pi * formants * time[:, None])
    loud = np.abs(np.sin(2 * np.pi * rng.uniform(2, 4) * time + seed))
    return (0.25 * loud * buzz.sum(1)).astype(np.float32)


def pictures_of(path: Path) -> list[Picture]:
    return list(open_face(path).frames())


def left_behind(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def run_job(
    engine: Engine, face: Path, speech: Path, loop: LoopMode = "pingpong"
) -> tuple[Job, list[Picture], list[Picture], list[Placement]]:
    """The finished job, its input and output pictures, and where each was edited."""
    source, sound = open_face(face), open_speech(speech)
    count = round(sound.duration * source.fps)
    job = Job(engine, source, sound, count, FaceTracker())
    after: list[Picture] = []
    run(job, loop, after.append)
    before = list(extend(source, count, loop))
    tracker = FaceTracker()
    observed = ((picture, tracker.update(picture)) for picture in before)
    return job, before, after, [placement for _, placement in stabilise(observed)]


def assert_same_outside(before: Picture, after: Picture, placement: Placement) -> None:
    """Not one sample differs outside the crop."""
    for plane, (old, new) in enumerate(zip(before.planes, after.planes, strict=True)):
        sx, sy = before.layout.chroma_shift if plane else (0, 0)
        outside = np.ones(old.shape, bool)
        if (crop := placement.crop) is not None:
            rows, columns = max(0, crop.top), max(0, crop.left)
            outside[rows >> sy : (crop.top + crop.side) >> sy,
                    columns >> sx : (crop.left + crop.side) >> sx] = False  # fmt: skip
        np.testing.assert_array_equal(new[outside], old[outside])


def change(before: Picture, after: Picture) -> float:
    """How much luma differs, in all."""
    return float(np.abs(before.planes[0].astype(int) - after.planes[0]).sum())


@pytest.mark.parametrize("fps", [25, NTSC, 12])
def test_as_many_frames_as_the_sound_is_long(
    fps: Fraction | int, tmp_path: Path, folder: Path, painted: None
) -> None:
    face = write_portrait(tmp_path / "face.mp4", 14, fps=fps)
    report = generate(face, folder / "speech.wav", tmp_path / "out.mp4")
    out = open_face(tmp_path / "out.mp4")
    assert report.frames == len(list(out.frames())) == round(fps)
    assert out.fps == Fraction(report.fps) == fps


def test_a_face_longer_than_the_speech_is_cut(tmp_path: Path, folder: Path, painted: None) -> None:
    sound = write_sound(tmp_path / "short.wav", babble(0.48, seed=0))
    assert generate(folder / "face.mp4", sound, tmp_path / "out.mp4").frames == 12
    assert len(pictures_of(tmp_path / "out.mp4")) == 12


@pytest.mark.parametrize("loop", ["pingpong", "forward", "freeze"])
def test_loops(loop: LoopMode, tmp_path: Path, folder: Path) -> None:
    face = write_portrait(tmp_path / "face.mp4", 9)
    source = pictures_of(face)
    _, _, after, placements = run_job(Painter(), face, folder / "speech.wav", loop)
    assert len(after) == 25
    for number, (picture, placement) in enumerate(zip(after, placements, strict=True)):
        assert_same_outside(source[source_index(number, 9, loop)], picture, placement)


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


def test_one_frame_at_least(tmp_path: Path, folder: Path, painted: None) -> None:
    sound = write_sound(tmp_path / "short.wav", babble(0.21, seed=0))
    photo = tmp_path / "face.png"
    Image.fromarray(portrait_on_canvas(320, 240, (40, 4), 0.7)).save(photo)
    assert generate(photo, sound, tmp_path / "out.mp4", fps=1).frames == 1


@pytest.mark.parametrize(("codec", "suffix", "sound"), [
    ("aac", ".m4a", "copied"), ("pcm_s16le", ".wav", "encoded"),
])  # fmt: skip
def test_sound_begins_with_the_picture(
    codec: str, suffix: str, sound: str, tmp_path: Path, folder: Path, painted: None
) -> None:
    speech = write_sound(tmp_path / f"speech{suffix}", clicks(1.0, [0.4]), codec=codec)
    report = generate(folder / "face.mp4", speech, tmp_path / "out.mp4")
    assert report.sound == sound
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].start_time == 0
    heard = click_time(open_speech(tmp_path / "out.mp4").wave())
    assert heard == pytest.approx(click_time(open_speech(speech).wave()), abs=0.001)
    assert heard == pytest.approx(0.4, abs=0.003)


def test_nothing_but_the_mouth_changes(model: Engine, folder: Path) -> None:
    engine = Recorder(model)
    job, before, after, placements = run_job(engine, folder / "face.mp4", folder / "speech.wav")
    assert job.spans == [] and len(engine.masks) == len(after) == 25
    for old, new, placement, mask in zip(before, after, placements, engine.masks, strict=True):
        assert_same_outside(old, new, placement)
        assert placement.crop is not None
        alpha = mask * border_window(len(mask))
        alpha[alpha < FAINT] = 0.0
        crop = placement.crop
        blind = cv2.resize(alpha, (crop.side, crop.side), interpolation=cv2.INTER_LINEAR) == 0
        place = slice(crop.top, crop.top + crop.side), slice(crop.left, crop.left + crop.side)
        seen_old, seen_new = old.planes[0][place], new.planes[0][place]
        blind = blind[: seen_old.shape[0], : seen_old.shape[1]]
        np.testing.assert_array_equal(seen_new[blind], seen_old[blind])
        middle = slice(crop.side // 3, None), slice(crop.side // 4, 3 * crop.side // 4)
        assert (seen_new[middle] != seen_old[middle]).any()


def test_another_sound_makes_another_mouth(model: Engine, folder: Path) -> None:
    one, other = (run_job(model, folder / "face.mp4", folder / sound)[2]
                  for sound in ("speech.wav", "other.wav"))  # fmt: skip
    differences = [np.abs(a.planes[0].astype(int) - b.planes[0]).max()
                   for a, b in zip(one, other, strict=True)]  # fmt: skip
    assert np.median(differences) >= 1


def test_frames_without_a_face_pass_through(folder: Path) -> None:
    job, before, after, _ = run_job(Painter(), folder / "gap.mp4", folder / "speech.wav")
    assert job.spans == [Span(12, 16, "no face")]
    assert job.edited == 20
    changes = [change(old, new) for old, new in zip(before, after, strict=True)]
    assert changes[12:17] == [0.0] * 5
    for number in range(12, 17):
        for old, new in zip(before[number].planes, after[number].planes, strict=True):
            np.testing.assert_array_equal(new, old)
    full = changes[0]
    for distance in range(FADE):
        share = (distance + 1) / (FADE + 1)
        assert changes[11 - distance] == pytest.approx(share * full, rel=0.25)
        assert changes[17 + distance] == pytest.approx(share * full, rel=0.25)


def test_the_report(tmp_path: Path, folder: Path) -> None:
    calls: list[tuple[int, int]] = []
    report = generate(folder / "gap.mp4", folder / "speech.wav", tmp_path / "out.mp4",
                      progress=lambda done, total: calls.append((done, total)))  # fmt: skip
    assert calls == [(done, 25) for done in range(1, 26)]
    assert set(report.stage_ms) == STAGES
    assert all(spent > 0 for spent in report.stage_ms.values())
    assert report.passed_through == [Span(12, 16, "no face")]
    assert (report.width, report.height, report.fps, report.faces) == (320, 240, "25", 1)
    assert (report.engine, report.device) == ("openvino", "CPU")
    assert report.duration == 1.0 and report.elapsed > 0 and report.corrupt_packets == 0


@pytest.mark.parametrize(("scale", "error"), [(0.01, NoFaceError), (0.2, FaceTooSmallError)])
def test_no_face_to_use_leaves_no_file(
    scale: float, error: type[TalkernelError], tmp_path: Path, folder: Path, painted: None
) -> None:
    face = write_portrait(tmp_path / "face.mp4", 5, scale=scale)
    with pytest.raises(error, match=r"face\.mp4"):
        generate(face, folder / "speech.wav", tmp_path / "out.mp4")
    assert left_behind(tmp_path) == ["face.mp4"]


@pytest.mark.parametrize("choice", [{"face_index": 5}, {"box": (200, 240, 280, 320)}])
def test_a_choice_that_fits_no_face(
    choice: dict[str, object], tmp_path: Path, folder: Path, painted: None
) -> None:
    with pytest.raises(FaceChoiceError, match="At most 1 face is in a frame"):
        generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4", **choice)  # type: ignore[arg-type]
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("choice", [{"face_index": 0}, {"box": (0, 240, 0, 320)}])
def test_a_choice_that_fits(
    choice: dict[str, object], tmp_path: Path, folder: Path, painted: None
) -> None:
    report = generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4", **choice)  # type: ignore[arg-type]
    assert report.passed_through == []


def test_choices_exclude_each_other(tmp_path: Path, folder: Path, painted: None) -> None:
    with pytest.raises(OptionError, match="exclude"):
        generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4",
                 face_index=0, box=(0, 240, 0, 320))  # fmt: skip


def test_an_existing_output_is_refused_before_any_work(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.mp4").write_text("mine")
    monkeypatch.setattr(pipeline, "FaceTracker", None)
    monkeypatch.setattr(pipeline, "choose_engine", None)
    with pytest.raises(OutputExistsError):
        generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_text() == "mine"


def test_an_existing_output_is_replaced_on_demand(
    tmp_path: Path, folder: Path, painted: None
) -> None:
    (tmp_path / "out.mp4").write_text("mine")
    generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4", overwrite=True)
    assert len(pictures_of(tmp_path / "out.mp4")) == 25


def test_an_interruption_leaves_nothing(tmp_path: Path, folder: Path, painted: None) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4",
                 progress=interrupt)  # fmt: skip
    assert left_behind(tmp_path) == []
    assert threading.active_count() <= threads


def test_an_error_in_a_stage_reaches_the_caller(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Painter()
    monkeypatch.setattr(engine, "synthesise", None)
    monkeypatch.setattr(pipeline, "choose_engine", lambda *_: engine)
    threads = threading.active_count()
    with pytest.raises(TypeError):
        generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4")
    assert left_behind(tmp_path) == []
    assert threading.active_count() <= threads


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
from talkernel.pipeline import generate
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
    done = subprocess.run([sys.executable, "-c", MEMORY_PROBE, str(tmp_path)],
                          capture_output=True, text=True, check=True)  # fmt: skip
    after_20, after_60 = (int(line) for line in done.stdout.split())
    assert after_60 - after_20 < 15 * 1024


def test_sigterm_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    sound = write_sound(tmp_path / "long.wav", np.tile(babble(1.0, seed=0), 120))
    command = [sys.executable, "-m", "talkernel", "generate", "--face", str(folder / "face.mp4"),
               "--audio", str(sound), "--outfile", str(tmp_path / "out.mp4")]  # fmt: skip
    job = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while job.poll() is None and not any(name.startswith(".") for name in os.listdir(tmp_path)):
        time.sleep(0.05)
    time.sleep(0.5)  # well into the writing
    job.terminate()
    _, said = job.communicate(timeout=60)
    assert (job.returncode, said) == (130, "interrupted; nothing was written\n")
    assert left_behind(tmp_path) == ["long.wav"]


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
