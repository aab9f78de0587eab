"""Predicts one lip code and its kernels per video frame from streaming sound (eq. 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.choices import Lookahead
from talkernel.engine import Engine
from talkernel.speech.features import SpeechFeatures

Array = NDArray[np.float32]
FILE_BATCH = 16  # frames inferred together for a file, where latency does not matter


class LipMotion(NamedTuple):
    """What drives one frame.

    Attributes:
        lip_code: `[K]` predicted lip code; AudioNet's features `[512]` in a model without one.
        kernels: `[layers, c1, c2 * ks * ks + 1]` of the dynamic layers.
    """

    lip_code: Array
    kernels: Array


class LipDriver:
    """Predicts lip codes and kernels from sound, streaming.

    Args:
        engine: Runs AudioNet and the kernel predictor.
        fps: Video frames a second, any rate.
        lookahead: See `SpeechFeatures`.
        batch: Most frames inferred together: 16 for a file, 1 or 2 live.
    """

    def __init__(
        self,
        engine: Engine,
        fps: Fraction | float,
        lookahead: Lookahead = "full",
        batch: int = FILE_BATCH,
    ) -> None:
        self._engine, self._batch = engine, batch
        self._features = SpeechFeatures(fps, engine.config, engine.encode, lookahead)
        self._windows: list[Array] = []

    def push(self, samples: NDArray[np.floating]) -> Iterator[LipMotion]:
        """Feed sound.

        Args:
            samples: `[n]` mono at 16 kHz in -1..1.

        Returns:
            The complete frames, inferred lazily as they are consumed; up to `batch - 1` windows
            wait for the next call.
        """
        self._windows.extend(self._features.push(samples))
        return self._infer(self._batch)

    def finish(self, frame_count: int | None = None) -> Iterator[LipMotion]:
        """End of the sound.

        Args:
            frame_count: Frames in total; None: as many as the sound is long.

        Returns:
            The frames still missing.
        """
        self._windows.extend(self._features.finish(frame_count))
        return self._infer(1)

    def reset(self) -> None:
        """Forget all sound; the next frame is frame 0 of a new utterance."""
        self._features.reset()
        self._windows.clear()

    def _infer(self, least: int) -> Iterator[LipMotion]:
        """Infer the waiting windows in batches, as long as there are at least `least`."""
        while len(self._windows) >= least:
            batch, self._windows = self._windows[: self._batch], self._windows[self._batch :]
            codes = self._engine.predict_lip_code(np.stack(batch))
            yield from map(LipMotion, codes, self._engine.kernels(codes))


def predict_lip_codes(engine: Engine, fps: Fraction | float, sound: Iterable[Array]) -> Array:
    """The lip codes of a whole sound, without their kernels.

    Args:
        engine: Runs AudioNet.
        fps: Video frames a second.
        sound: Pieces `[n]` of it, mono at 16 kHz in -1..1.

    Returns:
        `[T, K]`, one for each frame of the sound's length.
    """
    features = SpeechFeatures(fps, engine.config, engine.encode)
    codes: list[Array] = []
    for wave in sound:
        codes += map(engine.predict_lip_code, _batches(features.push(wave)))
    codes += map(engine.predict_lip_code, _batches(features.finish()))
    return np.concatenate(codes)


def _batches(windows: Array) -> Iterator[Array]:
    return (windows[at : at + FILE_BATCH] for at in range(0, len(windows), FILE_BATCH))
