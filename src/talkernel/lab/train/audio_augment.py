"""Augments recordings for AudioNet's training: pace and pitch, noise, room, microphone, phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkernel.speech.mel import SAMPLE_RATE

Array = NDArray[np.float32]
Response = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # frequency in Hz to gain
PACE = 0.05  # standard deviation of the logarithm of the pace, which also changes the pitch
NOISY, ECHOING, PHONED = 0.6, 0.3, 0.15  # fractions of recordings with each effect
TELEPHONE = (300.0, 3400.0)  # pass band in Hz
COMPANDING = 255.0  # mu of the telephone's mu-law


class Recording(NamedTuple):
    """An augmented recording.

    Attributes:
        wave: `[n]` at 16 kHz.
        pace: Its speed relative to the original.
    """

    wave: Array
    pace: float


def augment(wave: Array, noise: Array, rng: np.random.Generator) -> Recording:
    """Apply random effects to a recording.

    Args:
        wave: `[n]` at 16 kHz in [-1, 1].
        noise: `[m]` other sound, mixed in for a fraction of calls, 0 to 30 dB below the speech.
        rng: Source of randomness.
    """
    pace = float(np.exp(PACE * rng.standard_normal()))
    changed = resample(wave, pace)
    if rng.random() < NOISY:
        changed = mix(changed, noise, rng.uniform(0.0, 30.0))
    if rng.random() < ECHOING:
        changed = reverberate(changed, rng)
    changed = equalise(changed, rng)
    if rng.random() < PHONED:
        changed = telephone(changed)
    return Recording(changed * np.float32(10.0 ** (rng.uniform(-12.0, 8.0) / 20.0)), pace)


def resample(wave: Array, pace: float) -> Array:
    """Change pace and pitch together, by linear interpolation."""
    count = int(len(wave) / pace)
    samples = np.interp(np.arange(count) * pace, np.arange(len(wave)), wave)
    return np.asarray(samples, np.float32)


def mix(wave: Array, noise: Array, below: float) -> Array:
    """Add other sound, repeated to the same length, `below` decibels below the speech."""
    other = np.resize(noise, len(wave))
    gain = _rms(wave) / max(_rms(other), 1e-6) * 10.0 ** (-below / 20.0)
    return np.asarray(wave + np.float32(gain) * other, np.float32)


def reverberate(wave: Array, rng: np.random.Generator) -> Array:
    """Add reverberation: decaying noise of 0.2 to 0.7 s, 0 to 12 dB below the direct sound."""
    seconds, below = rng.uniform(0.2, 0.7), rng.uniform(0.0, 12.0)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10.0 ** (-3.0 * time / seconds)
    tail *= 10.0 ** (-below / 20.0) / np.linalg.norm(tail)
    tail[0] = 1.0
    size = len(wave) + len(tail)
    echoing = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)
    return np.asarray(echoing[: len(wave)], np.float32)


def equalise(wave: Array, rng: np.random.Generator) -> Array:
    """A random microphone response: tilt, bow and ripple over the logarithm of the frequency."""
    x = np.linspace(-1.0, 1.0, 64)
    shapes = np.stack([x, 1.0 - 2.0 * x**2, np.sin(2.5 * np.pi * x)])
    decibel = 4.0 * rng.standard_normal(3) @ shapes
    return _filtered(wave, lambda hz: 10.0 ** (np.interp(np.log(hz), _log_axis(), decibel) / 20.0))


def telephone(wave: Array) -> Array:
    """A telephone line: band-pass, and eight bits with mu-law companding."""
    low, high = TELEPHONE
    narrow = _filtered(wave, lambda hz: ((hz > low) & (hz < high)).astype(np.float64))
    loudest = max(float(np.abs(narrow).max(initial=0.0)), 1e-6)
    compressed = np.log1p(COMPANDING * np.abs(narrow) / loudest) / np.log1p(COMPANDING)
    steps = np.round(127.0 * compressed) / 127.0
    expanded = np.expm1(steps * np.log1p(COMPANDING)) / COMPANDING * loudest
    return np.asarray(np.sign(narrow) * expanded, np.float32)


def silence(seconds: float, rng: np.random.Generator) -> Array:
    """Sound without speech: digital silence, then steady noise 90 to 50 dB below full scale."""
    parts = []
    for decibel in (-np.inf, *np.linspace(-90.0, -50.0, 5)):
        noise = rng.standard_normal(int(seconds / 6 * SAMPLE_RATE)).astype(np.float32)
        parts.append(equalise(noise, rng) * np.float32(10.0 ** (decibel / 20.0)))
    return np.concatenate(parts)


def _filtered(wave: Array, response: Response) -> Array:
    hertz = np.fft.rfftfreq(len(wave), 1.0 / SAMPLE_RATE)
    spectrum = np.fft.rfft(wave) * response(np.maximum(hertz, 1.0))
    return np.asarray(np.fft.irfft(spectrum, len(wave)), np.float32)


def _log_axis() -> NDArray[np.float64]:
    return np.linspace(np.log(60.0), np.log(SAMPLE_RATE / 2), 64)


def _rms(wave: Array) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if len(wave) else 0.0
