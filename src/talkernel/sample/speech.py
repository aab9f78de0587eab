"""The sample's sentence, and a synthetic sound for where no voice is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkernel.files.wave import write_wave
from talkernel.speech.voices.espeak import speak

SENTENCE = (
    "Hello! I am a photograph from nineteen ninety five, and today, "
    "for the very first time, I am telling you about it myself."
)
RATE = 16_000  # samples per second of the synthetic sound
SECONDS = 6  # its length, about that of the sentence
PITCH = 120.0  # Hz
SYLLABLES = 8  # each with formants of its own


def write_speech(path: Path, *, need_voice: bool) -> None:
    """Write the sample's speech as a mono 16-bit wave file.

    Args:
        path: The file to write.
        need_voice: False: write the synthetic sound if espeak-ng is not installed. It is enough
            for measuring speed, which does not depend on what is said.

    Raises:
        ModuleNotFoundError: espeak-ng is needed and not installed (the extra `sample`).
    """
    if need_voice or find_spec("espeakng_loader") is not None:
        speak(SENTENCE, path)
    else:
        write_wave(path, RATE, (synthetic_speech() * 32767).astype("<i2").tobytes())


def synthetic_speech() -> NDArray[np.float64]:
    """A sound like vowels, `[samples]` from -1 to 1: a tone with jumping formants and loudness."""
    time = np.arange(SECONDS * RATE) / RATE
    syllable = (time * SYLLABLES / SECONDS).astype(int)
    formants = np.random.default_rng(0).uniform(300, 2500, (SYLLABLES, 3))[syllable]
    tone = np.sin(2 * np.pi * PITCH * time)
    vowels = np.sin(2 * np.pi * formants * time[:, None]).mean(axis=1)
    loudness = np.abs(np.sin(2 * np.pi * 3.0 * time))
    return np.asarray(0.75 * loudness * tone * vowels)
