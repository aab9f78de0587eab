"""End to end, the mouth moves in the very frame in which the sound is heard."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkernel.media import open_face, open_speech
from talkernel.model.config import ModelConfig
from talkernel.pipeline import generate as pipeline
from talkernel.pipeline.generate import generate
from tests.faces import write_portrait
from tests.jobs import Array, Painter
from tests.test_media_support import click_time, clicks, write_sound

NTSC = Fraction(30000, 1001)
MIDDLE = slice(7, 9)  # of a window's 16 mel columns


class ClickPainter(Painter):
    """Paints the mouth white in frames in the middle of whose window there is sound."""

    config = ModelConfig(
        crop_size=64, channels=(4, 6, 8, 10, 12), encoder_layers=0, speech_window=16, lip_code=1
    )

    def predict_lip_code(self, speech: Array) -> Array:
        loud = speech[:, 0].max(1)  # [B, 16], of each column
        return np.asarray(loud[:, MIDDLE].max(1, keepdims=True) > loud.min() + 1.0, np.float32)

    def kernels(self, lip_code: Array) -> Array:
        shape = (len(lip_code), *self.config.kernel_shape)
        return np.broadcast_to(lip_code[:, :, None, None], shape).astype(np.float32)

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        _, motion = super().synthesise(face, kernels)
        return np.full((1, 1, 64, 64), kernels.flat[0], np.float32), motion


@pytest.mark.parametrize("fps", [25, NTSC])
@pytest.mark.parametrize("seconds", [0.42, 0.7])
def test_the_mouth_moves_in_the_frame_that_shows_the_click(
    fps: Fraction | int, seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "choose_engine", lambda *_: ClickPainter())
    face = write_portrait(tmp_path / "face.mp4", 32, fps=fps)
    speech = write_sound(tmp_path / "speech.wav", clicks(1.0, [seconds]))
    generate(face, speech, tmp_path / "out.mkv", codec="ffv1")
    before, after = (list(open_face(path).frames()) for path in (face, tmp_path / "out.mkv"))
    changes = [
        float(np.abs(old.planes[0].astype(int) - new.planes[0]).sum())
        for old, new in zip(before, after, strict=False)
    ]
    heard = click_time(open_speech(tmp_path / "out.mkv").wave())
    assert heard == pytest.approx(seconds, abs=0.003)
    assert int(np.argmax(changes)) == int(heard * fps)
