"""The speech front end against librosa, and fed in pieces."""

from __future__ import annotations

from fractions import Fraction

import librosa
import numpy as np
import pytest
from scipy.signal import lfilter

from talkernel.audio import (
    SAMPLE_RATE,
    WINDOW,
    MelSpectrogram,
    SpeechFeatures,
    mel_filter_bank,
    speech_features,
)

RNG = np.random.default_rng(0)


def noise(seconds: float) -> np.ndarray:
    return RNG.normal(0.0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def test_filter_bank_is_librosas() -> None:
    theirs = librosa.filters.mel(sr=16000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    np.testing.assert_allclose(mel_filter_bank(), theirs, atol=1e-7)


def test_mel_is_wav2lips() -> None:
    wave = noise(2.0)
    stft = librosa.stft(lfilter([1, -0.97], [1], wave), n_fft=800, hop_length=200, win_length=800,
                        pad_mode="constant")  # fmt: skip
    bank = librosa.filters.mel(sr=16000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    decibel = 20 * np.log10(np.maximum(1e-5, bank @ np.abs(stft))) - 20
    theirs = np.clip(8 * (decibel + 100) / 100 - 4, -4, 4)
    stream = MelSpectrogram()
    ours = np.hstack([stream.push(wave), stream.flush()])
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("fps", [15, 25, Fraction(30000, 1001), 60])
@pytest.mark.parametrize("piece", [320, 1, 5000])
def test_pieces_give_the_same_windows(fps: Fraction | int, piece: int) -> None:
    wave = noise(0.5 if piece == 1 else 2.0)
    count = round(len(wave) / SAMPLE_RATE * fps)
    whole = speech_features(wave, fps, count)
    features = SpeechFeatures(fps)
    parts = [features.push(wave[i : i + piece]) for i in range(0, len(wave), piece)]
    pieces = np.concatenate([*parts, features.flush(count)])
    assert whole.shape == (count, 1, 80, WINDOW)
    np.testing.assert_array_equal(pieces, whole)


@pytest.mark.parametrize("fps", [15, 25, Fraction(30000, 1001), 50, 60])
@pytest.mark.parametrize("seconds", [0.3, 1.0, 1.7])
def test_a_click_is_centred_in_its_own_frames_window(fps: Fraction | int, seconds: float) -> None:
    wave = np.zeros(2 * SAMPLE_RATE, np.float32)
    wave[round(seconds * SAMPLE_RATE)] = 1.0
    windows = speech_features(wave, fps, round(2 * fps))[:, 0]
    energy = (windows + 4.0).sum(1)  # [frames, columns]
    centre = np.abs((energy * np.arange(WINDOW)).sum(1) / np.maximum(energy.sum(1), 1e-9) - 7.5)
    centre[energy.sum(1) < energy.sum(1).max() * 0.9] = np.inf
    assert abs(int(np.argmin(centre)) - int(seconds * fps)) <= 1


def test_silence_is_the_lowest_value_and_memory_stays_small() -> None:
    features = SpeechFeatures(25)
    for _ in range(200):
        windows = features.push(np.zeros(1600, np.float32))
    assert windows.size and (windows == -4.0).all()
    assert features._columns.shape[1] < 40


def test_flush_fills_up_with_silence_and_cuts_off() -> None:
    wave = noise(1.0)
    assert len(speech_features(wave, 25, 40)) == 40
    assert len(speech_features(wave, 25, 10)) == 10
    assert (speech_features(wave, 25, 60)[-1] == -4.0).all()
