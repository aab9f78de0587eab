"""Classes of sounds: by lip shape where phonemes are known, else by spectrum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from talkernel.speech.voices.espeak import Phoneme

SILENCE = "silence"
LIPS_OF_FIRST = {
    "lips closed: p b m": "pbm",
    "lip to teeth: f v": "fv",
    "rounded: w oo o": "wuʊɔɒo",
    "open: a": "aæɑʌɐ",
    "other vowels": "əɜeɛɪiᵻ",
}
OTHER = "other consonants"
PITCHES = {"low spectrum": 1000.0, "middle spectrum": 2500.0, "high spectrum": np.inf}  # up to, Hz
SILENT_DB = 35.0  # below the loudest frame


def lip_class(ipa: str) -> str:
    """Lip shape at the start of a sound given as IPA with stress marks; silence if empty."""
    bare = ipa.strip("ˈˌ")
    if not bare:
        return SILENCE
    if bare.startswith("əʊ"):  # the visible part is the rounding
        return "rounded: w oo o"
    return next((name for name, first in LIPS_OF_FIRST.items() if bare[0] in first), OTHER)


def sound_at(phonemes: Sequence[Phoneme], time: float) -> str:
    """IPA of the phoneme at a time in seconds; empty for a pause."""
    return next((p.ipa for p in phonemes if p.start <= time < p.end), "")


def loudness(frames: NDArray[np.floating]) -> NDArray[np.float32]:
    """Loudness `[T]` of each frame's samples `[T, n]`, in dB of full scale."""
    power = np.square(frames, dtype=np.float64).mean(1)
    return np.asarray(10.0 * np.log10(power + 1e-10), np.float32)


def spectral_class(frames: NDArray[np.floating], rate: int) -> list[str]:
    """Class of each frame: silence, or by its spectral centroid.

    Args:
        frames: Each video frame's samples `[T, n]`.
        rate: Samples a second.
    """
    power = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]), axis=1)) ** 2
    hertz = np.fft.rfftfreq(frames.shape[1], 1 / rate)
    middle = (power @ hertz) / np.maximum(power.sum(1), 1e-12)
    loud = loudness(frames)
    return [
        SILENCE if db < loud.max() - SILENT_DB else _pitch(hz)
        for db, hz in zip(loud, middle, strict=True)
    ]


def _pitch(hertz: float) -> str:
    return next(name for name, highest in PITCHES.items() if hertz <= highest)
