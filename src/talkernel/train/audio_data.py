"""Mel windows and lip codes for pre-training AudioNet, augmented in the mel domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkernel.audio import MAX_ABS, MIN_DB, N_MELS, SILENCE, first_column
from talkernel.face.lips import LipBasis
from talkernel.train.tracks import FPS, Track

Array = NDArray[np.float32]
PAD = 40  # silent columns around each track, so that every window exists


@dataclass(frozen=True)
class SpeechTable:
    """All tracks' speech, laid end to end.

    Attributes:
        mel: `[80, columns]`.
        start: `[N]` first column of each frame's window.
        codes: `[N, K]` the frame's lip code.
        track: `[N]` the track's number.
        rest: `[K]` the lip code of a mouth at rest.
        window: Width of a window in columns.
    """

    mel: Array
    start: NDArray[np.int64]
    codes: Array
    track: NDArray[np.int64]
    rest: Array
    window: int

    @staticmethod
    def build(tracks: Sequence[Track], basis: LipBasis, window: int) -> SpeechTable:
        """Collect the frames in which a face was found."""
        mels, starts, codes, numbers, at = [], [], [], [], 0
        silence = np.full((N_MELS, PAD), SILENCE, np.float32)
        for number, track in enumerate(tracks):
            frames = np.flatnonzero(track.has_face)
            mels += [silence, track.mel, silence]
            starts.append([at + PAD + first_column(int(i), FPS, window) for i in frames])
            codes.append(basis.encode(track.deviations[frames]))
            numbers.append(np.full(len(frames), number))
            at += 2 * PAD + track.mel.shape[1]
        mel = np.hstack(mels)
        start = np.minimum(np.concatenate(starts), mel.shape[1] - window).astype(np.int64)
        rest = basis.encode(np.zeros_like(basis.mean)[None])[0]
        return SpeechTable(mel, start, np.concatenate(codes), np.concatenate(numbers), rest, window)

    def windows(self, rows: NDArray[np.int64], shift: int = 0) -> Array:
        """Mel windows `[B, 80, window]` of some rows, moved by `shift` columns."""
        first = np.clip(self.start[rows] + shift, 0, self.mel.shape[1] - self.window)
        columns = first[:, None] + np.arange(self.window)
        return np.ascontiguousarray(self.mel[:, columns].transpose(1, 0, 2))


def augment(mel: Array, noise: Array, rng: np.random.Generator) -> Array:
    """Another room, voice and microphone for every window.

    Args:
        mel: `[B, 80, W]` in [-4, 4].
        noise: `[B, 80, W]` other sound, mixed in 0 to 30 dB below the speech.
        rng: Source of chance.
    """
    batch = len(mel)
    mel = _roll_bins(mel, rng.integers(-2, 3, batch))
    decibel = _to_db(mel)
    below = rng.uniform(0.0, 30.0, (batch, 1, 1)) + 60.0 * (rng.random((batch, 1, 1)) < 0.4)
    power = 10.0 ** (decibel / 10) + 10.0 ** ((_to_db(noise) - below) / 10)
    tilt = rng.normal(0.0, 4.0, (batch, 3, 1)) * _equaliser_shapes()[None]
    gain = rng.uniform(-12.0, 8.0, (batch, 1, 1))
    mixed = 10.0 * np.log10(power) + tilt.sum(1, keepdims=True).transpose(0, 2, 1) + gain
    return np.clip(_from_db(mixed), -MAX_ABS, MAX_ABS).astype(np.float32)


def hush(mel: Array, rng: np.random.Generator) -> Array:
    """Windows without speech: digital silence, or steady noise up to 50 dB below full scale."""
    batch = len(mel)
    level = rng.uniform(-120.0, -50.0, (batch, 1, 1)) + rng.normal(0.0, 6.0, (batch, N_MELS, 1))
    noise = level + rng.normal(0.0, 3.0, mel.shape)
    return np.clip(_from_db(noise), -MAX_ABS, MAX_ABS).astype(np.float32)


def _equaliser_shapes() -> NDArray[np.float64]:
    """Tilt, bow and wave over the mel bins, `[3, 80]`."""
    x = np.linspace(-1.0, 1.0, N_MELS)
    return np.stack([x, 1.0 - 2.0 * x**2, np.sin(2.5 * np.pi * x)])


def _roll_bins(mel: Array, by: NDArray[np.int64]) -> Array:
    """Raise or lower the voice by whole mel bins."""
    bins = np.clip(np.arange(N_MELS)[None] + by[:, None], 0, N_MELS - 1)
    return np.take_along_axis(mel, bins[:, :, None], axis=1)


def _to_db(mel: Array) -> NDArray[np.float64]:
    return (mel.astype(np.float64) + MAX_ABS) / (2 * MAX_ABS) * -MIN_DB + MIN_DB


def _from_db(decibel: NDArray[np.float64]) -> NDArray[np.float64]:
    return (decibel - MIN_DB) / -MIN_DB * 2 * MAX_ABS - MAX_ABS
