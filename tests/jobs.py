"""Engines and sounds for tests of the main job."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkernel.engine import EngineInfo
from talkernel.media import Picture, open_face
from talkernel.model.config import ModelConfig

Array = NDArray[np.float32]


class Painter:
    """An engine that paints the mouth's place white, whatever is said."""

    info = EngineInfo("painter", "none", "float32")
    config = ModelConfig(crop_size=64, channels=(4, 6, 8, 10, 12))
    basis = None

    def encode(self, mel: Array) -> Array:
        return np.zeros((1, self.config.encoder_width, mel.shape[2] // 2), np.float32)

    def predict_lip_code(self, speech: Array) -> Array:
        return np.zeros((len(speech), *self.config.lip_code_shape), np.float32)

    def kernels(self, lip_code: Array) -> Array:
        return np.zeros((len(lip_code), *self.config.kernel_shape), np.float32)

    def synthesise(self, face: Array, kernels: Array) -> tuple[Array, Array]:
        attention = np.zeros((1, 1, 64, 64), np.float32)
        attention[..., 30:50, 20:44] = 1.0
        return attention, np.ones_like(face)

    def session(self) -> Painter:
        return self

    def warm_up(self) -> None:
        pass


def babble(seconds: float, seed: int) -> Array:
    """Vowel-like sound: a buzz through formants that jump, of varying loudness."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * 48_000)) / 48_000
    formants = rng.uniform(300, 2500, (8, 3))[(time * 8 / seconds).astype(int)]
    buzz = np.sin(2 * np.pi * 120 * time)[:, None] * np.sin(2 * np.pi * formants * time[:, None])
    loud = np.abs(np.sin(2 * np.pi * rng.uniform(2, 4) * time + seed))
    return np.asarray(0.25 * loud * buzz.sum(1), np.float32)


def pictures_of(path: Path) -> list[Picture]:
    return list(open_face(path).frames())


def left_behind(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))
