"""Speech with its lip codes, kernels and phonemes, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from talkernel.errors import OptionError
from talkernel.lab.explain.phonemes import lip_class, loudness, sound_at, spectral_class
from talkernel.model.talking_face import TalkingFace
from talkernel.speech.features import SpeechFeatures
from talkernel.speech.mel import SAMPLE_RATE, mel_spectrogram
from talkernel.speech.tokens import mel_kind
from talkernel.speech.voices.espeak import Phoneme

Array = NDArray[np.float32]
FPS = 25
AUDIBLE_DB = 25.0  # below the loudest frame; quieter ones are not chosen as examples
BATCH = 32


@dataclass(frozen=True)
class Utterance:
    """Analysed speech, one entry per video frame at 25 frames/s.

    Attributes:
        windows: Windows of speech features `[T, 1, F, W]`.
        lip_codes: Lip codes `[T, K]`; without, AudioNet's features `[T, 512]`.
        kernels: `[T, layers, c1, c2 * ks * ks + 1]`.
        loudness: Decibels `[T]`.
        sounds: Phoneme in IPA `[T]`; empty where it is unknown or a pause.
        classes: Class of sound `[T]`.
        transcribed: Whether the classes come from phonemes, or from the spectrum.
        mel: Mel spectrogram `[80, columns]` of all of it.
    """

    windows: Array
    lip_codes: Array
    kernels: Array
    loudness: Array
    sounds: list[str]
    classes: list[str]
    transcribed: bool
    mel: Array

    def __len__(self) -> int:
        return len(self.kernels)

    def caption(self, frame: int) -> str:
        """Time and phoneme of a frame."""
        phoneme = f" /{self.sounds[frame]}/" if self.sounds[frame] else ""
        return f"{frame / FPS:.2f} s{phoneme}"

    def at(self, seconds: float) -> int:
        """The frame shown at a time.

        Raises:
            OptionError: The speech is shorter.
        """
        frame = int(seconds * FPS)
        if not 0 <= frame < len(self):
            remedy = f"Give a time from 0 to {len(self) / FPS:.2f}."
            raise OptionError(f"There is no speech at {seconds} s.", remedy=remedy)
        return frame

    @property
    def audible(self) -> NDArray[np.int64]:
        """Numbers of the frames that are not much quieter than the loudest."""
        return np.flatnonzero(self.loudness > self.loudness.max() - AUDIBLE_DB)

    def most_different_frames(self) -> tuple[int, int]:
        """The two audible frames whose kernels differ most, in order of time."""
        audible = self.audible
        pairwise = distances(self.kernels[audible])
        first, second = np.unravel_index(int(pairwise.argmax()), pairwise.shape)
        return int(audible[first]), int(audible[second])

    def fastest_change(self, count: int) -> int:
        """First of `count` successive audible frames over which the kernels change most."""
        flat = self.kernels.reshape(len(self), -1)
        steps = np.linalg.norm(np.diff(flat, axis=0), axis=1)
        steps[self.loudness[1:] < self.loudness.max() - AUDIBLE_DB] = 0.0
        return int(np.convolve(steps, np.ones(count - 1), "valid").argmax())


def distances(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Euclidean distances `[T, T]` between all pairs of `[T, ...]`."""
    flat = points.reshape(len(points), -1).astype(np.float64)
    flat = flat - flat.mean(0)
    gram = flat @ flat.T
    square = np.diag(gram)[:, None] + np.diag(gram)[None] - 2.0 * gram
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def analyse_speech(model: TalkingFace, wave: Array, phonemes: Sequence[Phoneme] = ()) -> Utterance:
    """Infer every frame's kernels.

    Args:
        model: In evaluation mode.
        wave: `[n]` mono samples at 16 kHz.
        phonemes: Of the speech, where they are known.
    """
    count = max(1, round(len(wave) * FPS / SAMPLE_RATE))
    features = SpeechFeatures(FPS, model.config, model.encode)
    windows = np.concatenate([features.push(wave), features.finish(count)])[:count]
    with torch.inference_mode():
        lip_codes = torch.cat(
            [model.predict_lip_code(batch) for batch in torch.from_numpy(windows).split(BATCH)]
        )
        kernels = torch.cat([model.kernels_of(batch) for batch in lip_codes.split(BATCH)])
    frames = _frames(wave, count)
    sounds = [sound_at(phonemes, (number + 0.5) / FPS) for number in range(count)]
    classes = [*map(lip_class, sounds)] if phonemes else spectral_class(frames, SAMPLE_RATE)
    mel = mel_spectrogram(wave, mel_kind(model.config))
    return Utterance(
        windows,
        lip_codes.numpy(),
        kernels.numpy(),
        loudness(frames),
        sounds,
        classes,
        bool(phonemes),
        mel,
    )


def _frames(wave: Array, count: int) -> Array:
    """The samples of each video frame's time, `[T, 640]`."""
    size = SAMPLE_RATE // FPS
    padded = np.zeros(count * size, np.float32)
    padded[: min(len(wave), count * size)] = wave[: count * size]
    return padded.reshape(count, size)
