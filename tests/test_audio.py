"""Both mel spectrograms compared with librosa and torch, whole and in pieces."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from talkernel.speech.mel import (
    SAMPLE_RATE,
    WAV2LIP,
    WHISPER,
    MelKind,
    MelSpectrogram,
    mel_filter_bank,
    mel_spectrogram,
)

RNG = np.random.default_rng(0)


def noise(seconds: float) -> np.ndarray:
    return RNG.normal(0.0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def spectrum(wave: np.ndarray, size: int, hop: int) -> np.ndarray:
    """As `librosa.stft`, whose compilation at first use takes many seconds."""
    window = torch.hann_window(size, dtype=torch.float64)
    return torch.stft(
        torch.from_numpy(wave).double(),
        size,
        hop,
        size,
        window,
        center=True,
        pad_mode="constant",
        return_complex=True,
    ).numpy()


@pytest.mark.parametrize("kind", [WAV2LIP, WHISPER])
def test_the_filter_bank_equals_librosas(kind: MelKind) -> None:
    expected = librosa.filters.mel(
        sr=16000, n_fft=kind.n_fft, n_mels=80, fmin=kind.f_min, fmax=kind.f_max
    )
    np.testing.assert_allclose(mel_filter_bank(kind), expected, atol=1e-7)


def test_the_mel_spectrogram_equals_wav2lips() -> None:
    wave = noise(2.0)
    stft = spectrum(lfilter([1, -0.97], [1], wave), size=800, hop=200)
    bank = librosa.filters.mel(sr=16000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    decibel = 20 * np.log10(np.maximum(1e-5, bank @ np.abs(stft))) - 20
    expected = np.clip(8 * (decibel + 100) / 100 - 4, -4, 4)
    np.testing.assert_allclose(mel_spectrogram(wave), expected, atol=1e-4)


def test_the_mel_spectrogram_equals_whispers_except_for_its_floor() -> None:
    wave = noise(2.0)
    stft = spectrum(wave, size=400, hop=160)
    bank = librosa.filters.mel(sr=16000, n_fft=400, n_mels=80)
    expected = (np.log10(np.maximum(10.0**-6.5, bank @ np.abs(stft) ** 2)) + 4.0) / 4.0
    np.testing.assert_allclose(mel_spectrogram(wave, WHISPER), expected, atol=1e-4)


@pytest.mark.parametrize("kind", [WAV2LIP, WHISPER])
def test_unit_gives_decibels(kind: MelKind) -> None:
    wave = noise(1.0)
    louder = mel_spectrogram(10.0 * wave, kind) - mel_spectrogram(wave, kind)
    np.testing.assert_allclose(louder * kind.unit, 20.0, atol=1e-3)


@pytest.mark.parametrize("kind", [WAV2LIP, WHISPER])
@pytest.mark.parametrize("piece", [320, 1, 5000])
def test_pieces_give_the_same_columns(kind: MelKind, piece: int) -> None:
    wave = noise(0.5 if piece == 1 else 2.0)
    stream = MelSpectrogram(kind)
    parts = [stream.push(wave[i : i + piece]) for i in range(0, len(wave), piece)]
    np.testing.assert_array_equal(np.hstack([*parts, stream.flush()]), mel_spectrogram(wave, kind))


@pytest.mark.parametrize("kind", [WAV2LIP, WHISPER])
def test_silence_has_the_lowest_value_and_memory_is_bounded(kind: MelKind) -> None:
    stream = MelSpectrogram(kind)
    for _ in range(200):
        assert (stream.push(np.zeros(1600, np.float32)) == np.float32(kind.silence)).all()
    assert len(stream._pending) < 2 * kind.n_fft
