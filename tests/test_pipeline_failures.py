"""Errors and interruptions of the main job, and that they leave no files behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkernel.errors import (
    FaceChoiceError,
    FaceError,
    NoFaceError,
    OptionError,
    OutputExistsError,
    TalkernelError,
)
from talkernel.pipeline import generate as pipeline
from talkernel.pipeline.generate import generate
from talkernel.pipeline.options import Options
from tests.faces import write_portrait
from tests.jobs import Painter, babble, left_behind, pictures_of
from tests.test_media_support import write_sound


@pytest.mark.parametrize(("scale", "error"), [(0.01, NoFaceError), (0.2, FaceError)])
def test_a_video_without_a_usable_face_leaves_no_file(
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


def test_an_unknown_look_ahead_is_rejected(tmp_path: Path, folder: Path, painted: None) -> None:
    with pytest.raises(OptionError, match="no lookahead 'soon'"):
        generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4", lookahead="soon")  # type: ignore[arg-type]
    assert left_behind(tmp_path) == []


def test_an_unknown_preset_is_rejected_with_a_list_of_the_known_ones(
    tmp_path: Path, folder: Path, painted: None
) -> None:
    with pytest.raises(OptionError, match="no preset 'turbo'") as caught:
        generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4", preset="turbo")
    assert "ultrafast, superfast, veryfast, faster, fast, medium" in caught.value.one_line()
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("codec", "encoder"), [("mpeg2video", "mpeg2video"), ("ffv1", "ffv1"), ("prores", "prores_ks")]
)
def test_an_encoder_that_takes_neither_crf_nor_preset_gives_one_warning(
    codec: str, encoder: str, tmp_path: Path, folder: Path, painted: None
) -> None:
    report = generate(
        folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mkv", codec=codec, crf=30
    )
    assert report.warnings == [
        f"--crf and --preset have no effect on {encoder}, which uses its own defaults."
    ]


def test_choices_exclude_each_other(tmp_path: Path, folder: Path, painted: None) -> None:
    with pytest.raises(OptionError, match="exclude"):
        generate(
            folder / "face.mp4",
            folder / "speech.wav",
            tmp_path / "out.mp4",
            face_index=0,
            box=(0, 240, 0, 320),
        )


def test_an_existing_output_is_rejected_before_any_work(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.mp4").write_text("mine")
    monkeypatch.setattr(pipeline, "FaceTracker", None)
    monkeypatch.setattr(pipeline, "choose_engine", None)
    with pytest.raises(OutputExistsError):
        generate(folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_text() == "mine"


def test_an_existing_output_is_replaced_with_overwrite(
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
        generate(
            folder / "face.mp4", folder / "speech.wav", tmp_path / "out.mp4", progress=interrupt
        )
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


def test_sigterm_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    sound = write_sound(tmp_path / "long.wav", np.tile(babble(1.0, seed=0), 120))
    command = [
        sys.executable,
        "-m",
        "talkernel",
        "generate",
        "--face",
        str(folder / "face.mp4"),
        "--audio",
        str(sound),
        "--outfile",
        str(tmp_path / "out.mp4"),
    ]
    job = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while job.poll() is None and not any(name.startswith(".") for name in os.listdir(tmp_path)):
        time.sleep(0.05)
    time.sleep(0.5)  # while it writes
    job.terminate()
    _, message = job.communicate(timeout=60)
    assert (job.returncode, message) == (130, "interrupted; nothing was written\n")
    assert left_behind(tmp_path) == ["long.wav"]


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"crf": "abc"}, "whole number"),
        ({"crf": 99}, "from 0 to 63"),
        ({"crf": True}, "whole number"),
        ({"face_index": -3}, "at least 0"),
        ({"box": (1, 2)}, "four whole numbers"),
        ({"box": 5}, "four whole numbers"),
        ({"preset": 5}, "text"),
        ({"fps": "fast"}, "above zero"),
        ({"loop": None}, "pingpong"),
        ({"reference_face": 3}, "a path"),
    ],
)
def test_a_value_of_the_wrong_kind_is_an_option_error(change: dict[str, Any], remedy: str) -> None:
    with pytest.raises(OptionError) as caught:
        Options.of(**change)
    assert remedy in str(caught.value.remedy)
