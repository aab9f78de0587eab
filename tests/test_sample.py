"""The embedded sample, and the contact sheet made of it."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import types
import wave
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from talkernel.errors import OutputExistsError, OutputNotWritableError
from talkernel.media import open_face, open_speech
from talkernel.sample.contact_sheet import GAP, contact_sheet
from talkernel.sample.portrait import FACE, FRAMES, SHEET_HEIGHT, make_sample, portrait, run_sample
from talkernel.sample.speech import write_speech
from talkernel.speech.voices.espeak import _short_path, speak


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_sample(tmp_path_factory.mktemp("a folder ü") / "new")


@pytest.fixture
def copying_generate(monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(face: Path, audio: Path, outfile: Path, **options: Any) -> None:
        assert options["overwrite"]
        shutil.copy(face, outfile)

    pipeline = types.ModuleType("talkernel.pipeline.generate")
    pipeline.generate = generate  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "talkernel.pipeline.generate", pipeline)


def small_video(path: Path, frames: int, width: int = 64, height: int = 32) -> Path:
    """Frames that brighten evenly, left half inverted."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            image = np.full((height, width, 3), 20 * index, np.uint8)
            image[:, : width // 2] = 255 - image[:, : width // 2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))
    return path


def test_the_face_video(sample: tuple[Path, Path]) -> None:
    with av.open(str(sample[0])) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (1280, 720)
        assert stream.average_rate == Fraction(25)
        assert sum(1 for _ in container.decode(stream)) == FRAMES == 150


def test_the_face_moves_gently(sample: tuple[Path, Path]) -> None:
    with av.open(str(sample[0])) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    steps = [np.abs(b - a.astype(float)).mean() for a, b in pairwise(frames)]
    assert 0.1 < np.mean(steps) < 5.0
    assert max(steps) < 10.0


def test_the_speech(sample: tuple[Path, Path]) -> None:
    with wave.open(str(sample[1])) as speech:
        assert (speech.getnchannels(), speech.getsampwidth()) == (1, 2)
        samples = np.frombuffer(speech.readframes(speech.getnframes()), np.int16)
        assert 3.0 < len(samples) / speech.getframerate() < 8.0
    assert np.abs(samples).max() > 8000
    assert np.std(samples.astype(float)) > 1000


def test_a_long_data_path_is_made_short(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 150) / "data"
    target.mkdir(parents=True)
    short = Path(_short_path(str(target), tmp_path))
    assert short == tmp_path / "data"
    assert short.resolve() == target.resolve()
    assert _short_path("/data", tmp_path) == "/data"


def test_any_text_is_spoken(tmp_path: Path) -> None:
    speak("-1 is less than naïve “0”", tmp_path / "a.wav")
    assert (tmp_path / "a.wav").stat().st_size > 10_000


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputNotWritableError, match="file"):
        make_sample(tmp_path / "file")


@pytest.mark.usefixtures("copying_generate")
def test_the_sample_replaces_an_earlier_one_and_is_always_the_same(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    names = {"face.mp4", "speech.wav", "demo.mp4", "demo.png"}
    for name in names:
        (tmp_path / name).write_text("old")
    assert run_sample(tmp_path) == tmp_path / "demo.mp4"
    assert {path.name for path in tmp_path.iterdir()} == names
    assert (tmp_path / "demo.png").stat().st_size > 10_000
    for path in sample:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.usefixtures("copying_generate")
def test_the_sample_keeps_what_it_is_told_to_keep(tmp_path: Path) -> None:
    (tmp_path / "face.mp4").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"face\.mp4"):
        run_sample(tmp_path, overwrite=False)
    assert (tmp_path / "face.mp4").read_text() == "mine"


def test_the_portrait_speaks(tmp_path: Path) -> None:
    video = run_sample(tmp_path)
    with av.open(str(video)) as container, wave.open(str(tmp_path / "speech.wav")) as speech:
        seconds = speech.getnframes() / speech.getframerate()
        frames = sum(1 for _ in container.decode(video=0))
        assert abs(frames - 25 * seconds) <= 1
        assert container.streams.audio
    with Image.open(tmp_path / "demo.png") as sheet:
        assert sheet.height == 2 * (SHEET_HEIGHT + GAP)


def test_the_portrait_is_scikit_images_to_the_pixel() -> None:
    from skimage.data import astronaut

    np.testing.assert_array_equal(portrait(), astronaut())


def test_the_sheets_crop_holds_the_whole_face_in_every_frame(sample: tuple[Path, Path]) -> None:
    from talkernel.face.track import FaceTracker

    top, bottom, left, right = FACE
    tracker = FaceTracker()
    for picture in itertools.islice(open_face(sample[0]).frames(), 0, None, 10):
        face = tracker.update(picture).face
        assert face is not None
        (x, y), (to_x, to_y) = face.landmarks[:, :2].min(0), face.landmarks[:, :2].max(0)
        assert left + 10 < x and to_x < right - 10 and top + 10 < y and to_y < bottom - 10
        assert to_y - y > (bottom - top) / 2


def test_without_a_voice_the_benchmark_gets_a_synthetic_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkernel.sample.speech.find_spec", lambda _: None)
    monkeypatch.setattr("talkernel.sample.speech.speak", None)
    write_speech(tmp_path / "speech.wav", need_voice=False)
    speech = open_speech(tmp_path / "speech.wav")
    assert speech.duration == 6.0
    assert 0.2 < np.abs(speech.wave()).max() <= 1.0


def test_the_sample_needs_no_scikit_image() -> None:
    code = (
        "import sys; sys.modules['skimage'] = sys.modules['espeakng_loader'] = None\n"
        "from talkernel.sample.portrait import portrait; print(portrait().shape)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "(512, 512, 3)\n"


def test_contact_sheet_shows_first_and_last_frame(tmp_path: Path) -> None:
    video = small_video(tmp_path / "顔.mp4", 11)
    contact_sheet([video], tmp_path / "sheet.png", columns=3, height=32)
    with Image.open(tmp_path / "sheet.png") as image:
        sheet = np.asarray(image.convert("L"))
    assert sheet.shape == (32 + GAP, 3 * (64 + GAP))
    middles = [sheet[4, 68 * column + 48] for column in range(3)]
    np.testing.assert_allclose(middles, [0, 100, 200], atol=6)


def test_contact_sheet_crops_and_pads_rows(tmp_path: Path) -> None:
    wide = small_video(tmp_path / "wide.mp4", 3, 128, 32)
    narrow = small_video(tmp_path / "narrow.mp4", 2, 64, 32)
    contact_sheet([wide, str(narrow)], tmp_path / "two.png", columns=2, height=32)
    contact_sheet([wide], tmp_path / "cut.png", columns=4, height=32, crop=(0, 16, 64, 128))
    with Image.open(tmp_path / "two.png") as image:
        assert image.size == (2 * (128 + GAP), 2 * (32 + GAP))
        assert np.asarray(image)[40, 200].max() == 0
    with Image.open(tmp_path / "cut.png") as image:
        assert image.size == (4 * (128 + GAP), 32 + GAP)
